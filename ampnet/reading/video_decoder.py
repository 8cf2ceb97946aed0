"""The child process that decodes one video for :mod:`ampnet.reading.video`: whatever a file does to it stays in it.

The parent hands over an open descriptor, so a name of any bytes will do, and reads messages from the child's stdout,
each followed by a frame's pixels or a reason. The child waits whenever the parent does, so memory stays bounded. It
ends with its parent: its stdin closes then.
"""

import os
import resource
import struct
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

HEADER = struct.Struct("<B?QQQdd")
"""Kind of message, a flag, three whole numbers and two floats; their meaning depends on the kind."""

MAX_PIXELS = 1 << 25
"""Larger frames are refused; 8K video has 33 million pixels, a little less."""

MAX_MEMORY = 2 << 30
"""Bytes that this process may allocate, where the system can limit that: FFmpeg decodes a frame before it tells its
size. An 8K video takes about half of it."""

MAX_THREADS = 8
"""Decoding threads; each holds frames of its own."""

BEAT_SECONDS = 0.5
"""Time between two signs of life while frames are skipped."""

FORMATS = "mov,mp4,avi,matroska,webm,mpeg,mpegvideo,mpegts,asf,flv,ogg,mxf"
"""FFmpeg's names of the containers that are opened."""

CONTAINER_OPTIONS = {"format_whitelist": FORMATS, "protocol_whitelist": "pipe"}
"""FFmpeg reads that one file, and only as a video. A playlist, whatever its name, could otherwise make it read other
files."""

_PIPE_BYTES = 1 << 20


class Kind(IntEnum):
    """What a message says."""

    INFO = 1
    """Frames, about (0: unknown); seconds by the header (0: unknown), and the time stamp of the first frame."""
    FRAME = 2
    """Whether it is asked for; its number, height, width; its time. Its RGB pixels follow."""
    BEAT = 3
    """The child is running."""
    END = 4
    """All that was asked for has been sent."""
    PROBLEM = 5
    """Whether frames were decoded before; length of the reason, which follows in UTF-8."""


@dataclass(frozen=True)
class Order:
    """What the parent wants."""

    descriptor: int
    """The open file."""
    every: int
    """See :func:`ampnet.reading.video_clock.is_asked`; so is ``rate``."""
    rate: float
    first: float
    """Seconds; earlier frames are not sent ..."""
    last: float
    """... nor are those at this time and later."""
    after: int
    """Number of the last frame that is not asked for again."""
    is_all: bool
    """Send the frames that are not asked for, too."""
    only_info: bool
    """Send no frames at all."""
    threads: int
    """Decoding threads, of which :data:`MAX_THREADS` are used at most."""


def main(order: Order) -> None:
    """Decode a video and write messages to stdout."""
    end_with_parent()
    limit_memory()
    out = os.dup(1)
    os.dup2(2, 1)  # nothing that a library prints gets between the messages
    if sys.platform == "linux":
        import fcntl

        with suppress(OSError):
            fcntl.fcntl(out, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    from ampnet.reading.video_decoding import decode  # loads FFmpeg, which the parent need not

    with suppress(BrokenPipeError):
        decode(order, Channel(out))
    os._exit(0)  # the thread waits for the parent


def limit_memory() -> None:
    """Limit what this process may allocate."""
    with suppress(OSError, ValueError):  # a lower limit is in force already
        resource.setrlimit(resource.RLIMIT_DATA, (MAX_MEMORY, MAX_MEMORY))


def end_with_parent() -> None:
    """End this process when its stdin closes."""

    def wait() -> None:
        os.read(0, 1)
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


class Channel:
    """What leads to the parent."""

    def __init__(self, out: int) -> None:
        self._out = out
        self._last = time.monotonic()

    def send(
        self, kind: Kind, flag: bool = False, numbers: tuple[int, ...] = (), reals: tuple[float, ...] = ()
    ) -> None:
        """Send a message."""
        self._write(HEADER.pack(kind, flag, *(*numbers, 0, 0, 0)[:3], *(*reals, 0.0, 0.0)[:2]))
        self._last = time.monotonic()

    def send_frame(self, number: int, seconds: float, is_asked: bool, image: "NDArray[np.uint8]") -> None:
        """Send a frame."""
        self.send(Kind.FRAME, is_asked, (number, *image.shape[:2]), (seconds,))
        self._write(image.data.cast("B"))

    def send_problem(self, reason: str, is_partial: bool) -> None:
        """Send why the video, or its rest, cannot be used."""
        text = reason.encode()
        self.send(Kind.PROBLEM, is_partial, (len(text),))
        self._write(text)

    def beat(self) -> None:
        """Send a sign of life, if the last one is a while ago."""
        if time.monotonic() - self._last > BEAT_SECONDS:
            self.send(Kind.BEAT)

    def _write(self, data: bytes | memoryview) -> None:
        left = memoryview(data)
        while left:
            left = left[os.write(self._out, left) :]
