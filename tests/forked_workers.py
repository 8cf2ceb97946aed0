"""Child processes for untrusted files, forked from one that has imported FFmpeg: a quarter of a second less each.

A child runs the line that the product starts its own with, in a session, folder and with descriptors of its own.
:mod:`tests.files.test_isolated` and commands in processes of their own start real ones.
"""

import array
import fcntl
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from struct import Struct
from types import SimpleNamespace
from typing import Any

_STARTING = threading.Lock()
STATUS = Struct("<i")
_ABOVE_ALL = 500
"""Descriptors from here on are nobody's."""


class ForkedProcess:
    """What :class:`ampnet.files.isolated.Worker` needs of ``subprocess.Popen``."""

    def __init__(self, command: list[str], pass_fds: Sequence[int], cwd: Path | None, **_as_always: Any) -> None:
        """Start a child; ``command`` ends with a line of Python and its argument."""
        told = json.dumps([command[-2:], str(cwd or Path.cwd()), pass_fds]).encode()
        self._status, its = socket.socketpair()
        with its:
            sent = array.array("i", [its.fileno(), *pass_fds])
            with _STARTING:  # threads may ask for the first one at once
                server, _process = _server()
            server.sendmsg([told], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, sent)])
        (self.pid,) = STATUS.unpack(self._status.recv(STATUS.size))
        self._code: int | None = None

    def poll(self) -> int | None:
        """Return its exit code, or minus the signal that ended it; None while it runs."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self._code

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; return the same."""
        if self._code is None:
            if not select.select([self._status], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("a worker", timeout or 0)
            (status,) = STATUS.unpack(self._status.recv(STATUS.size))
            self._code = os.waitstatus_to_exitcode(status)
            self._status.close()
        return self._code

    def kill(self) -> None:
        """Send it SIGKILL."""
        if self._code is None:
            os.kill(self.pid, signal.SIGKILL)


FORKED = SimpleNamespace(Popen=ForkedProcess, DEVNULL=subprocess.DEVNULL, TimeoutExpired=subprocess.TimeoutExpired)
"""Takes the place of the module ``subprocess``."""


@cache
def _server() -> tuple[socket.socket, object]:
    """Start the process that forks, which ends with this one."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    start = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); import tests.forked_workers as it; it.serve()"
    with its:
        process = subprocess.Popen(
            [sys.executable, "-I", "-B", "-c", start, json.dumps(sys.path)],
            stdin=its.fileno(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            start_new_session=True,
        )
    return ours, process


def serve() -> None:
    """Fork a process for each message that comes to stdin, and one between that tells how it ended."""
    import ampnet.reading.video_decoding
    import ampnet.results.sound_muxer  # noqa: F401

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(fileno=os.dup(0)) as orders:
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        while True:
            message, descriptors, *_ = socket.recv_fds(orders, 1 << 17, 8)
            if not message:
                return
            if not os.fork():
                orders.close()
                (line, argument), folder, numbers = json.loads(message)
                _watch(line, argument, folder, dict(zip(numbers, descriptors[1:], strict=True)), descriptors[0])
            for descriptor in descriptors:
                os.close(descriptor)


def _watch(line: str, argument: str, folder: str, descriptors: dict[int, int], status: int) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    child = os.fork()
    if not child:
        os.close(status)
        _become(line, argument, folder, descriptors)
    for descriptor in descriptors.values():
        os.close(descriptor)
    with suppress(OSError):
        os.write(status, STATUS.pack(child))
        os.write(status, STATUS.pack(os.waitpid(child, 0)[1]))
    os._exit(0)


def _become(line: str, argument: str, folder: str, descriptors: dict[int, int]) -> None:
    os.setsid()
    moved = {number: fcntl.fcntl(descriptor, fcntl.F_DUPFD, _ABOVE_ALL) for number, descriptor in descriptors.items()}
    for descriptor in descriptors.values():
        os.close(descriptor)
    for number, descriptor in moved.items():
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.chdir(folder)
    sys.argv = ["-c", argument]
    try:
        exec(line, {"__name__": "__main__"})
    finally:
        os._exit(1)
