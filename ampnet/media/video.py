"""Video files: reading frame by frame, and writing MP4."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ampnet.errors import DataError, ImageError
from ampnet.media.files import atomic_write

EXTENSIONS = frozenset((".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv"))
"""Extensions, in lower case, of the files that count as videos."""

DEFAULT_RATE = 25.0
"""Frames per second if a video does not state it."""

MIN_DECODED_FRACTION = 0.9
"""Minimum fraction of the header's frame count, which is often slightly off; a video with fewer frames is damaged."""


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
    with _opened(path) as video:
        return _info(video)


def read_frames(path: Path) -> Iterator[Frame]:
    """Decode a video frame by frame.

    Raises:
        ImageError: the file cannot be opened or holds no frames; or, after the last decodable frame, too many are
            missing.
    """
    with _opened(path) as video:
        info = _info(video)
        rate = info.rate
        number = 0
        while True:
            found, frame = video.read()
            if not found:
                break
            rgb = np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), dtype=np.uint8)
            yield Frame(number, number / rate, rgb)
            number += 1
    if number == 0:
        raise ImageError(f"cannot read {path}: it holds no decodable frame")
    if number < MIN_DECODED_FRACTION * info.frames:
        raise ImageError(f"cannot read all of {path}: it ends or breaks after frame {number} of about {info.frames}")


class VideoWriter:
    """Writes one MP4 file; its first frame sets the size."""

    def __init__(self, path: Path, rate: float) -> None:
        self.path = path
        self.rate = rate
        self._writer: cv2.VideoWriter | None = None

    def add(self, image: NDArray[np.uint8]) -> None:
        """Append an ``(H, W, 3)`` RGB frame.

        Raises:
            DataError: the file cannot be written.
        """
        if self._writer is None:
            size_wh = (image.shape[1], image.shape[0])
            self._writer = cv2.VideoWriter(str(self.path), cv2.VideoWriter.fourcc(*"mp4v"), self.rate, size_wh)
            if not self._writer.isOpened():
                raise DataError(f"cannot write {self.path.parent}: no MP4 encoder, or the folder is not writable")
        self._writer.write(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))

    def close(self) -> None:
        """Finish the file."""
        if self._writer is not None:
            self._writer.release()


@contextmanager
def writing_video(path: Path, rate: float) -> Iterator[VideoWriter]:
    """Open a video file for atomic writing.

    Raises:
        DataError: the file cannot be written.
    """
    with atomic_write(path) as aside:
        draft = aside.with_name(f"{aside.name}.mp4")  # the encoder is chosen by extension
        writer = VideoWriter(draft, rate)
        try:
            yield writer
            writer.close()
            draft.replace(aside)
        finally:
            writer.close()
            with suppress(OSError):
                draft.unlink()


@contextmanager
def _opened(path: Path) -> Iterator[cv2.VideoCapture]:
    if not path.is_file():
        raise ImageError(f"cannot read {path}: no such file")
    video = cv2.VideoCapture(str(path))
    try:
        if not video.isOpened():
            raise ImageError(f"cannot read {path}: not a video, or a format that this OpenCV cannot decode")
        yield video
    finally:
        video.release()


def _info(video: cv2.VideoCapture) -> VideoInfo:
    rate = float(video.get(cv2.CAP_PROP_FPS))
    frames = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
    return VideoInfo(max(frames, 1), rate if 0 < rate < 1000 else DEFAULT_RATE)
