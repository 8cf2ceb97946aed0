"""Decoding strangers' photos in child processes, which may crash, hang or be killed without ending the service."""

import queue
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from threading import Lock

import numpy as np

from ampnet.errors import ImageError, ProcessError
from ampnet.files.child_process import start_isolated
from ampnet.media.decoding import Decoded
from ampnet.service.decoder_process import ANSWER, PIXELS, READY, REQUEST, Order

START_SECONDS = 120.0
"""Longest time for a decoder to start; it takes a fifth of a second on an idle machine."""

MAX_REASON = 10_000
"""Longest reason in bytes that a decoder may give."""


class Decoder:
    """A child process that decodes one photo at a time; one that has failed is replaced before the next photo.

    Args:
        max_pixels: larger photos are refused.
        max_seconds: after so long, decoding a photo is given up.
        on_restart: called when the process has had to be replaced.

    Raises:
        ProcessError: it does not start.
    """

    def __init__(self, max_pixels: int, max_seconds: float, on_restart: Callable[[], None] = lambda: None) -> None:
        self._max_pixels, self._max_seconds, self._on_restart = max_pixels, max_seconds, on_restart
        self._start()

    @property
    def process_id(self) -> int:
        """The number of the process that decodes the next photo."""
        return self._process.pid

    def decode(self, data: bytes) -> Decoded:
        """Decode an image file's content to upright RGB; see :func:`ampnet.media.decoding.decode`.

        Raises:
            ImageError: it cannot be decoded, or not in time. The message is the reason alone.
            ProcessError: no new process starts.
        """
        if self._process.poll() is not None:  # it was killed between two photos, perhaps for memory
            self._restart()
        deadline = time.monotonic() + self._max_seconds
        try:
            self._socket.settimeout(self._max_seconds)
            self._socket.sendall(REQUEST.pack(len(data)))
            self._socket.sendall(data)
            return self._answer(deadline)
        except TimeoutError as error:
            self._restart()
            raise ImageError(f"decoding it takes more than {self._max_seconds:g} s") from error
        except (OSError, EOFError, ValueError) as error:
            self._restart()
            raise ImageError("it makes the decoder crash, or takes too much memory") from error
        except MemoryError:  # ours: the rest of the answer is still in the socket
            self._restart()
            raise

    def close(self) -> None:
        """End the process."""
        self._socket.close()
        with suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait()

    def _start(self) -> None:
        ours, its = socket.socketpair()
        order = Order(its.fileno(), self._max_pixels)
        try:
            self._process = start_isolated(order, (its.fileno(),))
        except OSError as error:
            ours.close()
            raise ProcessError(f"a decoder does not start: {error.strerror or error}") from error
        finally:
            its.close()
        self._socket = ours
        try:
            kind = ANSWER.unpack(self._exactly(ANSWER.size, time.monotonic() + START_SECONDS))[0]
            if kind != READY:
                raise ValueError("it is not ready")
        except (OSError, EOFError, ValueError) as error:
            self.close()
            raise ProcessError("a decoder does not start; is there memory left?") from error

    def _restart(self) -> None:
        self.close()
        self._on_restart()
        self._start()

    def _answer(self, deadline: float) -> Decoded:
        """Read what the process answers; it may have been taken over by a photo, so nothing in it is believed."""
        kind, *sizes = ANSWER.unpack(self._exactly(ANSWER.size, deadline))
        if kind != PIXELS:
            if sizes[0] > MAX_REASON:
                raise ValueError("too long a reason")
            raise ImageError(self._exactly(sizes[0], deadline).decode(errors="backslashreplace"))
        height, width, *size_hw = sizes
        if not 0 < height * width <= self._max_pixels or not 0 < size_hw[0] * size_hw[1] <= self._max_pixels:
            raise ValueError("impossible sizes")
        pixels = np.empty((height, width, 3), dtype=np.uint8)
        self._fill(pixels.data.cast("B"), deadline)
        return Decoded(pixels, (size_hw[0], size_hw[1]))

    def _exactly(self, count: int, deadline: float) -> bytearray:
        data = bytearray(count)
        self._fill(memoryview(data), deadline)
        return data

    def _fill(self, rest: memoryview, deadline: float) -> None:
        while rest:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self._socket.settimeout(left)
            received = self._socket.recv_into(rest)
            if not received:
                raise EOFError
            rest = rest[received:]


class DecoderPool:
    """Some decoders for some threads; each photo goes to one that is free.

    Args:
        count: processes.
        max_pixels: larger photos are refused.
        max_seconds: after so long, decoding a photo is given up.
        on_restart: called when a process has had to be replaced.

    Raises:
        ProcessError: a decoder does not start.
    """

    def __init__(
        self, count: int, max_pixels: int, max_seconds: float, on_restart: Callable[[], None] = lambda: None
    ) -> None:
        self.count = count
        self._settings = (max_pixels, max_seconds, on_restart)
        self._free: queue.SimpleQueue[Decoder | None] = queue.SimpleQueue()
        self._all: list[Decoder] = []
        self._lock = Lock()
        try:
            for _ in range(count):
                self._free.put(self._new())
        except ProcessError:
            self.close()
            raise

    @property
    def process_ids(self) -> list[int]:
        """The numbers of the processes."""
        with self._lock:
            return [decoder.process_id for decoder in self._all]

    def decode(self, data: bytes) -> Decoded:
        """Decode an image file's content in a process that is free; waits for one.

        Raises:
            ImageError: it cannot be decoded; the message is the reason alone.
            ProcessError: no new process starts; the next photo tries again.
        """
        decoder = self._free.get()
        try:
            if decoder is None:
                decoder = self._new()
            return decoder.decode(data)
        except ProcessError:
            with self._lock:
                if decoder is not None and decoder in self._all:
                    self._all.remove(decoder)
            decoder = None
            raise
        finally:
            self._free.put(decoder)

    def close(self) -> None:
        """End the processes."""
        with self._lock:
            for decoder in self._all:
                decoder.close()
            self._all.clear()

    def _new(self) -> Decoder:
        decoder = Decoder(*self._settings)
        with self._lock:
            self._all.append(decoder)
        return decoder
