"""Decoding untrusted photos in child processes, which may crash, hang or be killed without ending this one."""

import queue
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

import numpy as np

from ampnet.errors import ImageError, ProcessError
from ampnet.files.isolated import Worker
from ampnet.files.printable import printable, reason_of
from ampnet.media.decoding import Decoded
from ampnet.reading.photo_decoding import PIXELS, PROBLEM, READY, Order

START_SECONDS = 120.0
"""Maximum seconds for a decoder to start; it takes a fifth of a second on an idle machine."""

MAX_MEMORY = 1_500_000_000
"""Bytes that a decoder may allocate; decoding refuses what would take more than a billion, by an estimate."""

MAX_REASON = 10_000
"""Maximum length of a decoder's reason, in characters."""


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
        return self._worker.process_id

    def decode(self, data: bytes, enough_side: int | None = None) -> Decoded:
        """Decode an image file's content to upright RGB; see :class:`ampnet.reading.contents.Content`.

        Raises:
            ImageError: it cannot be decoded, or not in time. The message is the reason alone.
            ProcessError: no new process starts.
        """
        if not self._worker.is_running:  # it was killed between two photos, perhaps for memory
            self._restart()
        deadline = time.monotonic() + self._max_seconds
        try:
            self._worker.channel.send(0, [enough_side or 0], content=data, deadline=deadline)
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
        self._worker.close()

    def _start(self) -> None:
        try:
            self._worker = Worker(Order(self._max_pixels), MAX_MEMORY)
        except OSError as error:
            raise ProcessError(f"a decoder does not start: {reason_of(error)}") from error
        try:
            if self._worker.channel.receive(time.monotonic() + START_SECONDS).kind != READY:
                raise ValueError("it is not ready")
        except (OSError, EOFError, ValueError) as error:
            self.close()
            raise ProcessError("a decoder does not start; check the free memory") from error

    def _restart(self) -> None:
        self.close()
        self._on_restart()
        self._start()

    def _answer(self, deadline: float) -> Decoded:
        """Read what the process answers; a photo may have taken it over, so nothing in it is trusted."""
        kind, values, size = self._worker.channel.receive(deadline)
        if kind == PROBLEM and len(values) == 1 and isinstance(values[0], str) and not size:
            raise ImageError(printable(values[0], MAX_REASON))
        if kind != PIXELS or len(values) != 5 or not all(type(value) is int and value > 0 for value in values):
            raise ValueError("no answer")
        height, width, *size_hw, frames = values
        if max(height * width, size_hw[0] * size_hw[1]) > self._max_pixels or size != height * width * 3:
            raise ValueError("impossible sizes")
        pixels = np.empty((height, width, 3), dtype=np.uint8)
        self._worker.channel.fill(pixels.data.cast("B"), deadline)
        return Decoded(pixels, (size_hw[0], size_hw[1]), frames)


@dataclass(frozen=True, eq=False)
class IsolatedContent:
    """The content of an image file, which a child process decodes: reduced, and again as a whole if that is needed."""

    data: bytes
    pool: "DecoderPool"

    def decode(self, enough_side: int | None) -> Decoded:
        """See :class:`ampnet.reading.contents.Content`."""
        return self.pool.decode(self.data, enough_side)


class DecoderPool:
    """Some decoders for some threads; each photo goes to one that is free.

    Args:
        max_pixels, max_seconds, on_restart: see :class:`Decoder`.

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

    def decode(self, data: bytes, enough_side: int | None = None) -> Decoded:
        """Decode an image file's content in a process that is free; waits for one.

        Raises:
            ImageError: it cannot be decoded; the message is the reason alone.
            ProcessError: no new process starts; the next photo tries again.
        """
        decoder = self._free.get()
        try:
            if decoder is None:
                decoder = self._new()
            return decoder.decode(data, enough_side)
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
