"""Child processes for untrusted files: a crash, a hang or a decompression bomb affects only the child.

A child is isolated Python that runs one function. Parent and child exchange messages through a socket: a kind, a few
plain values, and content such as pixels. A child waits whenever its parent does not take what it sends, so memory stays
bounded; it ends with its parent, whose end of the socket closes then.
"""

import json
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

HEADER = struct.Struct("<BIQ")
"""Kind of a message; bytes of its values, as JSON; bytes of its content."""

MAX_VALUES = 1 << 16
"""Maximum size of a message's values, in bytes."""

_BUFFER_BYTES = 1 << 20
_LAST_SECONDS = 2.0
"""Time for a process that has closed its socket to end."""


class Message(NamedTuple):
    """The head of a message; its content, if any, has to be taken next."""

    kind: int
    values: list[Any]
    size: int
    """Bytes of the content."""


class Channel:
    """One end of the socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection

    def send(
        self, kind: int, values: Sequence[Any] = (), content: bytes | memoryview = b"", deadline: float | None = None
    ) -> None:
        """Send a message.

        Raises:
            OSError: the other side has ended, or the deadline of ``time.monotonic`` has passed (TimeoutError).
        """
        head = json.dumps(values).encode()
        self._set_deadline(deadline)
        self._socket.sendall(HEADER.pack(kind, len(head), len(content)) + head)
        if content:
            self._socket.sendall(content)

    def receive(self, deadline: float | None = None) -> Message:
        """Receive the head of a message; nothing in it is trusted, since a file may have taken over the child.

        Raises:
            EOFError: the other side has ended.
            OSError: it cannot be read, or the deadline of ``time.monotonic`` has passed (TimeoutError).
            ValueError: it is not such a message.
        """
        kind, head, size = HEADER.unpack(self.take(HEADER.size, deadline))
        if head > MAX_VALUES:
            raise ValueError("the message is too long")
        values = json.loads(self.take(head, deadline))
        if not isinstance(values, list):
            raise ValueError("no list of values")
        return Message(kind, values, size)

    def take(self, size: int, deadline: float | None = None) -> bytearray:
        """Receive some bytes of a message's content; see :meth:`fill`."""
        data = bytearray(size)
        self.fill(memoryview(data), deadline)
        return data

    def fill(self, target: memoryview, deadline: float | None = None) -> None:
        """Receive a message's content into memory that is as large.

        Raises:
            EOFError: the other side has ended.
            OSError: it cannot be read, or the deadline of ``time.monotonic`` has passed (TimeoutError).
        """
        while target:
            self._set_deadline(deadline)
            received = self._socket.recv_into(target)
            if not received:
                raise EOFError
            target = target[received:]

    def close(self) -> None:
        """Close this end."""
        self._socket.close()

    def _set_deadline(self, deadline: float | None) -> None:
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)


class Worker:
    """A child process that runs the function ``main(order, channel)`` of the module that defines an order's class.

    The child is isolated: neither the current folder nor the environment adds modules. It writes no bytecode, which
    limits on the size of files would cut, for every later run. Ctrl-C is for the parent alone.

    Args:
        order: a dataclass of plain values; ``main`` gets an equal one.
        memory: bytes that the child may allocate, where the system can limit that.
        descriptors: those of open files that the child inherits.
        folder: the child's current folder; None: this process's.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(
        self,
        order: Any,
        memory: int,
        descriptors: Sequence[int] = (),
        writes_files: bool = False,
        folder: Path | None = None,
    ) -> None:
        ours, its = socket.socketpair()
        for end in (ours, its):
            with suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
        module, name = type(order).__module__, type(order).__name__
        start = (
            "import json, sys; sys.path[:], order, *rest = json.loads(sys.argv[1]); "
            f"from {module} import {name}, main; from {__name__} import run; run(main, {name}(**order), *rest)"
        )
        arguments = [sys.path, asdict(order), its.fileno(), memory, writes_files]
        one_thread = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # for arithmetic, of which there is none
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-B", "-c", start, json.dumps(arguments)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(its.fileno(), *descriptors),
                env={**os.environ, **one_thread},
                cwd=folder,
                start_new_session=True,
            )
        except OSError:
            ours.close()
            raise
        finally:
            its.close()
        self.channel = Channel(ours)

    @property
    def process_id(self) -> int:
        """The number of the process."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process has not ended."""
        return self._process.poll() is None

    def cause_of_death(self) -> str:
        """Describe why a process that has closed its end of the socket is over."""
        try:
            code = self._process.wait(_LAST_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        if code == -signal.SIGKILL:
            return "its decoder was killed, perhaps for lack of memory"
        return f"its decoder crashed ({signal.Signals(-code).name if code < 0 else f'exit code {code}'})"

    def close(self) -> None:
        """End the process."""
        self.channel.close()
        with suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait()


def run(main: Any, order: Any, descriptor: int, memory: int, writes_files: bool) -> None:
    """Do a child's work; called in the child alone."""
    limits = {resource.RLIMIT_DATA: memory, resource.RLIMIT_CORE: 0}  # a dump would hold what is in memory
    if not writes_files:
        limits[resource.RLIMIT_FSIZE] = 0
    for limit, most in limits.items():
        with suppress(OSError, ValueError):  # a lower limit is in force already
            resource.setrlimit(limit, (most, most))
    with socket.socket(fileno=descriptor) as connection:
        threading.Thread(target=_end_with, args=(connection,), daemon=True).start()
        with suppress(EOFError, ConnectionError):
            main(order, Channel(connection))
    os._exit(0)  # the thread waits for the parent


def _end_with(connection: socket.socket) -> None:
    """End this process when its parent has ended, whatever it is doing."""
    import select

    poll = select.poll()
    poll.register(connection, select.POLLHUP | getattr(select, "POLLRDHUP", 0))
    poll.poll()
    os._exit(1)
