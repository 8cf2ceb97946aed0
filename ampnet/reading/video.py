"""Reading videos frame by frame, each in a process of its own: a crash or a hang affects that video only."""

import math
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ampnet.errors import DataError, ImageError
from ampnet.files.child_process import start_isolated
from ampnet.files.opening import open_regular
from ampnet.files.printable import printable
from ampnet.reading.video_clock import EVERY_FRAME, Sampling
from ampnet.reading.video_decoder import HEADER, MAX_PIXELS, Kind, Order

EXTENSIONS = frozenset(
    [
        ".mp4",
        ".m4v",
        ".mov",
        ".avi",
        ".mkv",
        ".webm",
        ".mpg",
        ".mpeg",
        ".wmv",
        ".mts",
        ".m2ts",
        ".ts",
        ".3gp",
        ".flv",
        ".ogv",
        ".mxf",
    ]
)
"""Extensions, in lower case, of the files that count as videos."""

MAX_BYTES = 1 << 40
"""Maximum size of a video file; it is read in passing, never as a whole."""

TIME_LIMIT = 60.0
"""Seconds to open a video, and for each of its frames."""

_LONGEST_REASON = 1000


@dataclass(frozen=True)
class VideoInfo:
    """What is known before the frames are read."""

    frames: int
    """Number of frames, an estimate; 0 if the file does not tell."""
    seconds: float
    """Length, an estimate; 0 if the file does not tell."""
    start: float
    """Time stamp of the first frame, in seconds, on the clock that the file's sound shares."""

    def expected(self, sampling: Sampling, is_all: bool = False) -> int:
        """Estimate how many frames come, at least 1.

        Args:
            sampling: which frames are asked for.
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
    """``(H, W, 3)`` RGB, upright, with square pixels."""
    is_asked: bool = True
    """Whether it is one of those that the sampling asks for."""


def is_video(path: Path) -> bool:
    """Return whether a file is a video, by its extension."""
    return path.suffix.lower() in EXTENSIONS


def video_info(path: Path) -> VideoInfo:
    """Read what a video tells about itself, and its first frame.

    Raises:
        ImageError: see :func:`open_video`.
    """
    with open_video(path, only_info=True) as video:
        return video.info


def read_frame(path: Path, number: int, threads: int = 1) -> NDArray[np.uint8]:
    """Decode one frame of a video, and those before it: ``(H, W, 3)`` RGB, upright.

    Args:
        path: the video.
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
) -> Iterator["Video"]:
    """Open a video in a decoding process, which ends with the block.

    Args:
        path: the video; its name may have any bytes.
        sampling: which frames to ask for.
        after: ask only for frames behind the one with this number.
        is_all: give the frames between those that are asked for, too.
        only_info: give no frames.
        time_limit: seconds to open the video, and for each of its frames.
        threads: decoding threads, as many as there are cores to use.

    Raises:
        ImageError: it is no regular file, cannot be opened, or the decoder crashed or took too long.
    """
    try:
        file = open_regular(path, MAX_BYTES)
    except DataError as error:
        raise ImageError(f"cannot read {printable(path)}: {error}") from error
    try:
        order = Order(
            file.fileno(),
            sampling.every,
            sampling.rate,
            sampling.first,
            sampling.last,
            after,
            is_all,
            only_info,
            threads,
        )
        pipe = subprocess.PIPE
        process = start_isolated(order, (file.fileno(),), stdin=pipe, stdout=pipe, bufsize=0)
    except OSError as error:
        raise ImageError(f"cannot read {printable(path)}: {error.strerror or error}") from error
    finally:
        file.close()
    try:
        yield Video(path, process, time_limit)
    finally:
        process.kill()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()
        process.wait()


class Video:
    """An open video; see :func:`open_video`.

    Raises:
        ImageError: it cannot be opened, or the decoder crashed or took too long.
    """

    def __init__(self, path: Path, process: "subprocess.Popen[bytes]", time_limit: float) -> None:
        self.path = path
        self.process_id = process.pid
        """The decoding process."""
        self.time_limit = time_limit
        """Seconds to wait for the next frame."""
        self._process = process
        assert process.stdout is not None
        self._pipe = process.stdout.fileno()
        self._arrivals = select.poll()
        self._arrivals.register(self._pipe, select.POLLIN)
        _, _, (frames, _, _), (seconds, start) = self._message()
        self.info = VideoInfo(frames, seconds, start)

    def frames(self) -> Iterator[Frame]:
        """Give the frames that were asked for.

        Raises:
            ImageError: the decoder crashed or took too long; or, after the last decodable frame, some are missing.
        """
        while True:
            kind, is_asked, (number, height, width), (seconds, _) = self._message()
            if kind == Kind.END:
                return
            if kind == Kind.FRAME:
                image = np.empty((height, width, 3), np.uint8)
                self._receive(image.data.cast("B"))
                yield Frame(number, seconds, image, is_asked)

    def _message(self) -> tuple[Kind, bool, tuple[int, int, int], tuple[float, float]]:
        """Receive the next message that is more than a sign of life; a problem is raised."""
        while True:
            data = bytearray(HEADER.size)
            self._receive(memoryview(data))
            code, flag, number, height, width, seconds, start = HEADER.unpack(data)
            kind = Kind(code)
            if kind == Kind.PROBLEM:
                reason = bytearray(min(number, _LONGEST_REASON))
                self._receive(memoryview(reason))
                raise self._failure(reason.decode(errors="replace"), " all of" if flag else "")
            if height * width > MAX_PIXELS:
                raise self._failure(f"{width} x {height} pixels a frame are more than {MAX_PIXELS:,}")
            if kind != Kind.BEAT:
                return kind, flag, (number, height, width), (seconds, start)

    def _receive(self, target: memoryview) -> None:
        deadline = time.monotonic() + self.time_limit
        while target:
            if not self._arrivals.poll(max(deadline - time.monotonic(), 0) * 1000):
                raise self._failure(f"decoding it takes more than {self.time_limit:g} s")
            received = os.readv(self._pipe, [target])
            if received == 0:
                raise self._failure(self._cause_of_death())
            target = target[received:]

    def _cause_of_death(self) -> str:
        self._process.kill()  # its pipe is closed, so it is over, or as good as
        code = self._process.wait()
        if code == -signal.SIGKILL:
            return "its decoder was killed, perhaps for lack of memory"
        return f"its decoder crashed ({signal.Signals(-code).name if code < 0 else f'exit code {code}'})"

    def _failure(self, reason: str, part: str = "") -> ImageError:
        return ImageError(f"cannot read{part} {printable(self.path)}: {printable(reason)}")
