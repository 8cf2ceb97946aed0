"""Reading videos frame by frame, each in its own process: a crash or a hang affects that video only."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ampnet.errors import DataError, ImageError
from ampnet.files.isolated import Message, Worker
from ampnet.files.opening import open_regular
from ampnet.files.printable import printable, reason_of
from ampnet.reading.video_clock import EVERY_FRAME, Sampling
from ampnet.reading.video_decoder import Order
from ampnet.reading.video_ends import is_animated
from ampnet.reading.video_messages import MAX_MEMORY, MAX_PIXELS, MAX_REASON, Kind

EXTENSIONS = frozenset(
    (
        *(".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv"),
        *(".mts", ".m2ts", ".ts", ".3gp", ".flv", ".ogv", ".mxf"),
    )
)
"""Extensions, in lower case, of the files that count as videos."""

MAX_BYTES = 1 << 40
"""Maximum size of a video file; it is read in passing, never as a whole."""

TIME_LIMIT = 60.0
"""Seconds to open a video, and for each of its frames."""

_NONSENSE = "its decoder sent invalid data"
_VALUES: dict[Kind, tuple[Any, ...]] = {
    Kind.INFO: (int, (int, float), (int, float)),
    Kind.FRAME: (bool, int, int, int, int, int, (int, float)),
}
"""Types of the values of messages."""


@dataclass(frozen=True)
class VideoInfo:
    """What is known before the frames are read."""

    frames: int
    """Number of frames, an estimate; 0 if the file does not state it."""
    seconds: float
    """Length, an estimate; 0 if the file does not state it."""
    start: float
    """Time stamp of the first frame, in seconds, on the clock that the file's sound shares."""

    def expected(self, sampling: Sampling, is_all: bool = False) -> int:
        """Estimate how many frames come, at least 1.

        Args:
            is_all: whether the others come, too.
        """
        length = max(min(self.seconds, sampling.last) - sampling.first, 0.0)
        frames = self.frames * length / self.seconds if self.seconds else self.frames
        if not is_all:
            frames = min(frames, length * sampling.rate) if sampling.rate else frames / sampling.every
        return max(math.ceil(frames), 1)


@dataclass(frozen=True, eq=False)
class Frame:
    """A frame of a video."""

    number: int
    """Number of the frame, from 0."""
    seconds: float
    """When it is shown: seconds since the first frame, by the video's own time stamps."""
    image: NDArray[np.uint8]
    """``(h, w, 3)`` RGB, upright, with square pixels."""
    size_hw: tuple[int, int]
    """Height and width of the whole frame, which the image may show smaller."""
    is_sampled: bool = True
    """Whether it is one of those that the sampling asks for."""


def is_video(path: Path) -> bool:
    """Return whether a file is a video, by its extension; of GIFs, those with more than one frame are."""
    extension = path.suffix.lower()
    return extension in EXTENSIONS or (extension == ".gif" and is_animated(path))


def video_info(path: Path) -> VideoInfo:
    """Read the metadata of a video, and its first frame.

    Raises:
        ImageError: see :func:`open_video`.
    """
    with open_video(path, only_info=True) as video:
        return video.info


def read_frame(path: Path, number: int, threads: int = 1) -> NDArray[np.uint8]:
    """Decode one frame of a video, and those before it: ``(H, W, 3)`` RGB, upright.

    Args:
        number: of the frame, from 0.
        threads: see :func:`open_video`.

    Raises:
        ImageError: see :func:`open_video`; the video has no such frame.
    """
    with open_video(path, after=number - 1, threads=threads) as video:
        for frame in video.frames():
            return frame.image
    raise ImageError(f"cannot read {printable(path)}: it has no frame {number}")


@contextmanager
def open_video(
    path: Path,
    sampling: Sampling = EVERY_FRAME,
    after: int = -1,
    is_all: bool = False,
    only_info: bool = False,
    time_limit: float = TIME_LIMIT,
    threads: int = 1,
    longest: int = 0,
) -> Iterator["Video"]:
    """Open a video in a decoding process, which ends with the block.

    Args:
        path: the video; its name may have any bytes.
        after: ask only for frames behind the one with this number.
        is_all: give the frames between those that are requested, too.
        only_info: give no frames.
        time_limit: seconds to open the video, and for each of its frames.
        threads: decoding threads, as many as there are cores to use.
        longest: reduce frames to a longer side of so many pixels; 0: leave them.

    Raises:
        ImageError: it is not a regular file, cannot be opened, or the decoder crashed or took too long.
    """
    try:
        file = open_regular(path, MAX_BYTES)
    except DataError as error:
        raise ImageError(f"cannot read {printable(path)}: {error}") from error
    try:
        chosen = asdict(sampling)
        order = Order(
            file.fileno(), **chosen, after=after, is_all=is_all, only_info=only_info, longest=longest, threads=threads
        )
        worker = Worker(order, MAX_MEMORY, (file.fileno(),))
    except OSError as error:
        raise ImageError(f"cannot read {printable(path)}: {reason_of(error)}") from error
    finally:
        file.close()
    try:
        yield Video(path, worker, time_limit)
    finally:
        worker.close()


class Video:
    """An open video; see :func:`open_video`.

    Raises:
        ImageError: it cannot be opened, or the decoder crashed or took too long.
    """

    def __init__(self, path: Path, worker: Worker, time_limit: float) -> None:
        self.path = path
        self.process_id = worker.process_id
        """The decoding process."""
        self.time_limit = time_limit
        """Seconds to wait for the next frame."""
        self._worker = worker
        frames, seconds, start = self._values(Kind.INFO, self._message())
        self.info = VideoInfo(int(frames), float(seconds), float(start))

    def frames(self) -> Iterator[Frame]:
        """Give the frames that were requested.

        Raises:
            ImageError: the decoder crashed or took too long; or, after the last decodable frame, some are missing.
        """
        while (message := self._message()).kind != Kind.END:
            is_sampled, number, height, width, *whole_hw, seconds = self._values(Kind.FRAME, message)
            if height * width > MAX_PIXELS:
                raise self._failure(f"{width} x {height} pixels a frame are more than {MAX_PIXELS:,}")
            if min(height, width, *whole_hw) < 1 or message.size != height * width * 3:
                raise self._failure(_NONSENSE)
            image = np.empty((height, width, 3), np.uint8)
            with self._failures():
                self._worker.channel.fill(image.data.cast("B"), time.monotonic() + self.time_limit)
            yield Frame(number, float(seconds), image, (whole_hw[0], whole_hw[1]), bool(is_sampled))

    def _message(self) -> Message:
        """Receive the next message that is more than a sign of life; a problem is raised."""
        while True:
            with self._failures():
                message = self._worker.channel.receive(time.monotonic() + self.time_limit)
            if message.kind == Kind.PROBLEM:
                is_partial, reason = (*message.values, "", "")[:2]
                raise self._failure(printable(reason, MAX_REASON), " all of" if is_partial else "")
            if message.kind != Kind.BEAT:
                return message

    def _values(self, kind: Kind, message: Message) -> list[Any]:
        """Return a message's values; nothing in it is trusted, since the file may have taken over the process."""
        kinds = _VALUES[kind]
        fits = message.kind == kind and len(message.values) == len(kinds)
        if not fits or not all(isinstance(v, k) and v == v for v, k in zip(message.values, kinds, strict=True)):
            raise self._failure(_NONSENSE)
        return message.values

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except TimeoutError as error:
            raise self._failure(f"decoding it takes more than {self.time_limit:g} s") from error
        except (EOFError, OSError) as error:
            raise self._failure(self._worker.cause_of_death()) from error
        except ValueError as error:
            raise self._failure(_NONSENSE) from error

    def _failure(self, reason: str, part: str = "") -> ImageError:
        return ImageError(f"cannot read{part} {printable(self.path)}: {printable(reason)}")
