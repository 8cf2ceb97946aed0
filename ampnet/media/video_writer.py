"""Writing MP4 files, which appear whole and checked, or not at all."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ampnet.errors import DataError, ImageError
from ampnet.media.files import atomic_write
from ampnet.media.printable import printable
from ampnet.media.video import video_info


class VideoWriter:
    """Writes one MP4 file; its first frame sets the size.

    Args:
        path: the file to write; it exists.
        target: how to name it in messages.
        rate: frames per second.
    """

    def __init__(self, path: Path, target: Path, rate: float) -> None:
        self.frames = 0
        """Frames written."""
        self._path = path
        self._target = target
        self._rate = rate
        self._size_wh = (0, 0)
        self._writer: cv2.VideoWriter | None = None

    def add(self, image: NDArray[np.uint8]) -> None:
        """Append an ``(H, W, 3)`` RGB frame; one of another size than the first is resized to that.

        Raises:
            DataError: the file cannot be opened for writing.
        """
        if self._writer is None:
            self._size_wh = (image.shape[1], image.shape[0])
            codec = cv2.VideoWriter.fourcc(*"mp4v")
            with _link_to(self._path) as link, _silent_opencv():
                self._writer = cv2.VideoWriter(str(link), cv2.CAP_FFMPEG, codec, self._rate, self._size_wh)
            if not self._writer.isOpened():
                raise DataError(
                    f"cannot write {printable(self._target)}: no MP4 encoder, or no space; free some space or choose "
                    "another folder"
                )
        if image.shape[1::-1] != self._size_wh:  # the encoder would drop it
            image = np.asarray(cv2.resize(image, self._size_wh), dtype=np.uint8)
        with _silent_opencv():
            self._writer.write(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        self.frames += 1

    def close(self) -> None:
        """Finish the file."""
        if self._writer is not None:
            with _silent_opencv():
                self._writer.release()


@contextmanager
def writing_video(path: Path, rate: float) -> Iterator[VideoWriter]:
    """Open a video file for atomic writing; it gets its name when it has been read again.

    Args:
        path: the file to write.
        rate: frames per second.

    Raises:
        DataError: the file cannot be written, or misses frames that were written: the encoder does not report a full
            disk.
    """
    with atomic_write(path) as aside:
        aside.touch()
        writer = VideoWriter(aside, path, rate)
        try:
            yield writer
        finally:
            writer.close()
        _check(aside, path, writer.frames)


@contextmanager
def _link_to(file: Path) -> Iterator[Path]:
    """Name a file by a link with a name that OpenCV can take and tell the format from, whatever the file's own is."""
    with tempfile.TemporaryDirectory(prefix="ampnet-") as folder:
        link = Path(folder, "video.mp4")
        link.symlink_to(file.absolute())
        yield link


@contextmanager
def _silent_opencv() -> Iterator[None]:
    """Keep OpenCV from printing a line for each frame that a full disk refuses."""
    level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)


def _check(file: Path, path: Path, frames: int) -> None:
    try:
        written = video_info(file).frames
    except ImageError:
        written = 0
    if written != frames:
        raise DataError(
            f"cannot write {printable(path)}: {written} of {frames} frames arrived on the disk; free some space or "
            "choose another folder"
        )
