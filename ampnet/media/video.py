"""Reading video files frame by frame, in a process of its own for each: a crash or a hang affects that video only."""

import mmap
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ampnet.errors import DataError, ImageError
from ampnet.files.child_process import start_isolated
from ampnet.files.opening import open_regular
from ampnet.files.printable import printable
from ampnet.media.video_decoder import FFMPEG_OPTIONS, HEADER, MAX_PIXELS, Kind, Order
from ampnet.media.video_ends import is_cut

EXTENSIONS = frozenset((".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv"))
"""Extensions, in lower case, of the files that count as videos."""

MAX_BYTES = 1 << 40
"""Maximum size of a video file; it is read in passing, never as a whole."""

DEFAULT_RATE = 25.0
"""Frames per second if a video does not state it."""

MIN_DECODED_FRACTION = 0.9
"""Minimum fraction of the header's frame count, which is often slightly off; a video with fewer frames is damaged."""

SHARED_BYTES = 64 << 20
"""Memory for decoded frames that wait to be read; only what is used is taken."""

TIME_LIMIT = 60.0
"""Seconds to open a video, and for each of its frames."""


@dataclass(frozen=True)
class VideoInfo:
    """A video's header."""

    frames: int
    """Number of frames; an estimate, at least 1."""
    rate: float
    """Frames per second."""


@dataclass(frozen=True, eq=False)
class Frame:
    """A frame of a video."""

    number: int
    """Number of the frame, from 0."""
    seconds: float
    """Time since the start of the video, by its frame rate."""
    image: NDArray[np.uint8]
    """``(H, W, 3)`` RGB, upright."""


def is_video(path: Path) -> bool:
    """Return whether a file is a video, by its extension."""
    return path.suffix.lower() in EXTENSIONS


def video_info(path: Path) -> VideoInfo:
    """Read a video's header.

    Raises:
        ImageError: the file cannot be opened.
    """
    with open_video(path, only_info=True) as video:
        return video.info


def read_frames(path: Path, every: int = 1) -> Iterator[Frame]:
    """Decode a video frame by frame.

    Args:
        path: the video.
        every: give only every Nth frame, which is faster.

    Raises:
        ImageError: see :func:`open_video` and :meth:`Video.frames`.
    """
    with open_video(path, every) as video:
        yield from video.frames()


def read_frame(path: Path, number: int, threads: int = 1) -> NDArray[np.uint8]:
    """Decode one frame of a video, and those before it: ``(H, W, 3)`` RGB, upright.

    Args:
        path: the video.
        number: of the frame, from 0.
        threads: see :func:`open_video`.

    Raises:
        ImageError: see :func:`open_video`; the video has no such frame.
    """
    with open_video(path, start=number, threads=threads) as video:
        for frame in video.frames():
            return frame.image
    raise ImageError(f"cannot read {printable(path)}: it has no frame {number}")


@contextmanager
def open_video(
    path: Path,
    every: int = 1,
    start: int = 0,
    only_info: bool = False,
    time_limit: float = TIME_LIMIT,
    threads: int = 1,
) -> Iterator["Video"]:
    """Open a video in a decoding process, which ends with the block.

    Args:
        path: the video; its name may have any bytes.
        every: give only every Nth frame.
        start: number of the first frame to give.
        only_info: read the header and no frames.
        time_limit: seconds to open the video, and for each of its frames.
        threads: decoding threads, as many as there are cores to use.

    Raises:
        ImageError: it is no regular file, cannot be opened, or the decoder crashed or took too long.
    """
    try:
        file = open_regular(path, MAX_BYTES)
    except DataError as error:
        raise ImageError(f"cannot read {printable(path)}: {error}") from error
    shared, memory = _share_memory() if not only_info else (-1, None)
    try:
        cut = is_cut(file)
        order = Order(file.fileno(), shared, 0 if memory is None else len(memory), every, start, only_info, threads)
        descriptors = (file.fileno(), shared)[: 2 if shared >= 0 else 1]
        pipe = subprocess.PIPE
        process = start_isolated(order, descriptors, stdin=pipe, stdout=pipe, bufsize=0, environment=FFMPEG_OPTIONS)
    except OSError as error:
        raise ImageError(f"cannot read {printable(path)}: {error.strerror or error}") from error
    finally:
        file.close()
        if shared >= 0:
            os.close(shared)
    try:
        yield Video(path, process, memory, cut, time_limit)
    finally:
        process.kill()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()
        process.wait()


def _share_memory() -> tuple[int, mmap.mmap | None]:
    """Reserve memory for frames, which saves copying them through a pipe; -1 and None where it is not to be had."""
    if not hasattr(os, "memfd_create"):
        return -1, None
    try:
        descriptor = os.memfd_create("ampnet-frames")
    except OSError:
        return -1, None
    try:
        os.ftruncate(descriptor, SHARED_BYTES)
        return descriptor, mmap.mmap(descriptor, SHARED_BYTES)
    except OSError:  # a limit on file sizes is in force
        os.close(descriptor)
        return -1, None


class Video:
    """An open video; see :func:`open_video`.

    Raises:
        ImageError: it cannot be opened, or the decoder crashed or took too long.
    """

    def __init__(
        self, path: Path, process: "subprocess.Popen[bytes]", memory: mmap.mmap | None, is_cut: bool, time_limit: float
    ) -> None:
        self.path = path
        self.process_id = process.pid
        """The decoding process."""
        self._process = process
        self.time_limit = time_limit
        """Seconds to wait for the next frame."""
        assert process.stdin is not None
        assert process.stdout is not None
        self._freed = process.stdin.fileno()
        self._memory = memory
        self._pipe = process.stdout.fileno()
        self._arrivals = select.poll()
        self._arrivals.register(self._pipe, select.POLLIN)
        self._is_cut = is_cut
        _, frames, _, _, rate = self._header()
        self.info = VideoInfo(max(frames, 1), rate or DEFAULT_RATE)

    def frames(self) -> Iterator[Frame]:
        """Give the frames that were asked for.

        Raises:
            ImageError: the video holds no frames, the decoder crashed or took too long; or, after the last decodable
                frame, too many are missing or the file is cut short.
        """
        while True:
            kind, number, height, width, slot = self._header()
            if kind == Kind.FRAME:
                image = np.empty((height, width, 3), np.uint8)
                if slot >= 0 and self._memory is not None:
                    image[:] = np.frombuffer(self._memory, np.uint8, image.size, int(slot) * image.size).reshape(
                        image.shape
                    )
                    self._free_slot()
                else:
                    self._receive(image.data.cast("B"))
                yield Frame(number, number / self.info.rate, image)
            elif kind == Kind.END:
                return self._check_count(number)

    def _free_slot(self) -> None:
        with suppress(BrokenPipeError):  # the decoder has ended; what it has sent is still to be read
            os.write(self._freed, b"\0")

    def _check_count(self, decoded: int) -> None:
        if decoded == 0:
            raise self._failure("it holds no decodable frame")
        if decoded < MIN_DECODED_FRACTION * self.info.frames:
            raise self._failure(f"it ends or breaks after frame {decoded} of about {self.info.frames}", " all of")
        if self._is_cut:
            raise self._failure(f"the file is cut short, after frame {decoded}", " all of")

    def _header(self) -> tuple[Kind, int, int, int, float]:
        """Receive the next message, or what follows a sign of life; refuse what is no usable video."""
        data = bytearray(HEADER.size)
        self._receive(memoryview(data))
        code, first, height, width, real = HEADER.unpack(data)
        kind = Kind(code)
        if kind == Kind.NO_VIDEO:
            raise self._failure("not a video, a damaged one, or a format that this OpenCV cannot decode")
        if height * width > MAX_PIXELS:
            raise self._failure(f"{width} x {height} pixels a frame are more than {MAX_PIXELS:,}")
        return kind, first, height, width, real

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
        return ImageError(f"cannot read{part} {printable(self.path)}: {reason}")
