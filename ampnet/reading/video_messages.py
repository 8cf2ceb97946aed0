"""Messages between :mod:`ampnet.reading.video` and the child process that decodes a video."""

import time
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any, BinaryIO

from ampnet.files.isolated import Channel

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_PIXELS = 1 << 25
"""Larger frames are refused; 8K video has 33 million pixels, a little less."""

MAX_MEMORY = 2 << 30
"""Bytes that this process may allocate, where the system can limit that: FFmpeg decodes a frame before it tells its
size. An 8K video takes about half of it."""

MAX_THREADS = 8
"""Decoding threads; each holds its own frames."""

BEAT_SECONDS = 0.5
"""Time between two signs of life while frames are skipped."""

FORMATS = "mov,mp4,avi,matroska,webm,mpeg,mpegvideo,mpegts,asf,flv,ogg,mxf,gif"
"""FFmpeg's names of the containers that are opened."""

_CONTAINER_OPTIONS = {"format_whitelist": FORMATS, "protocol_whitelist": "pipe"}

MAX_REASON = 1000
"""Longest reason in characters."""


def open_container(file: BinaryIO) -> Any:
    """Open an untrusted file with PyAV, in a child process.

    FFmpeg reads that one file, and only as a video: a playlist, whatever its name, could otherwise make it read other
    files. Titles in any encoding do no harm.

    Raises:
        av.FFmpegError: it is not a video in one of :data:`FORMATS`.
    """
    import av

    # PyAV 19 decodes all metadata, and has no such argument any more
    lenient: dict[str, Any] = {"metadata_errors": "replace"} if int(av.__version__.partition(".")[0]) < 19 else {}
    return av.open(file, options=_CONTAINER_OPTIONS, buffer_size=1 << 17, **lenient)


class Kind(IntEnum):
    """What a message says."""

    INFO = 1
    """Frames, about (0: unknown); seconds by the header (0: unknown), and the time stamp of the first frame."""
    FRAME = 2
    """Whether it is requested; its number; height and width as sent, and of the whole frame; its time. The content is
    RGB pixels."""
    BEAT = 3
    """The child is running."""
    END = 4
    """All that was requested has been sent."""
    PROBLEM = 5
    """Whether frames were decoded before; the reason."""


@dataclass(frozen=True)
class VideoRequest:
    """The parent's request."""

    descriptor: int
    """The open file."""
    every: int
    """See :func:`ampnet.reading.video_clock.is_sampled`; so is ``rate``."""
    rate: float
    first: float
    """Seconds; earlier frames are not sent ..."""
    last: float
    """... nor are those at this time and later."""
    after: int
    """Number of the last frame that is not requested again."""
    is_all: bool
    """Send the frames that are not requested, too."""
    only_info: bool
    """Send no frames at all."""
    longest: int
    """Frames with a longer side are sent with this one, in pixels; 0: all as they are."""
    threads: int
    """Decoding threads, of which :data:`MAX_THREADS` are used at most."""


class FrameSender:
    """Sends a video's frames to the parent."""

    def __init__(self, parent: Channel) -> None:
        self._parent = parent
        self._last = time.monotonic()

    def send(self, kind: Kind, *values: Any) -> None:
        """Send a message without pixels."""
        self._parent.send(kind, values)
        self._last = time.monotonic()

    def send_frame(
        self, number: int, seconds: float, is_sampled: bool, image: "NDArray[np.uint8]", whole_hw: tuple[int, int]
    ) -> None:
        """Send a frame."""
        self._parent.send(Kind.FRAME, [is_sampled, number, *image.shape[:2], *whole_hw, seconds], image.data.cast("B"))
        self._last = time.monotonic()

    def send_problem(self, reason: str, is_partial: bool) -> None:
        """Send why the video, or its rest, cannot be used."""
        self.send(Kind.PROBLEM, is_partial, reason[:MAX_REASON])

    def beat(self) -> None:
        """Send a sign of life, if the last one is a while ago."""
        if time.monotonic() - self._last > BEAT_SECONDS:
            self.send(Kind.BEAT)
