"""Writing MP4 files, which appear whole and checked, or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ampnet.errors import DataError, ImageError
from ampnet.files.printable import printable
from ampnet.files.writing import atomic_write
from ampnet.media.video import video_info
from ampnet.media.video_encoders import Encoder, has_h264, open_encoder
from ampnet.media.video_sound import add_sound


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
        self.what = ""
        """What the file holds, in words; set when it is complete."""
        self._path = path
        self._target = target
        self._rate = rate
        self._size_wh = (0, 0)
        self._encoder: Encoder | None = None

    def add(self, image: NDArray[np.uint8]) -> None:
        """Append an ``(H, W, 3)`` RGB frame; one of another size than the first is resized to that.

        Raises:
            DataError: the file cannot be written.
        """
        if self._encoder is None:
            self._size_wh = (image.shape[1], image.shape[0])
            self._encoder = open_encoder(self._path, self._target, self._rate, (image.shape[0], image.shape[1]))
        if image.shape[1::-1] != self._size_wh:  # the encoder would drop it
            image = np.asarray(cv2.resize(image, self._size_wh), dtype=np.uint8)
        try:
            self._encoder.add(image)
        except OSError as error:
            raise DataError(
                f"cannot write {printable(self._target)}: {error.strerror or error}; free some space or choose another "
                "folder"
            ) from error
        self.frames += 1

    def close(self) -> None:
        """Finish the file."""
        if self._encoder is not None:
            self._encoder.close()
            self._encoder = None


@contextmanager
def writing_video(path: Path, rate: float, sound_of: Path | None = None) -> Iterator[VideoWriter]:
    """Open a video file for atomic writing; it gets its name when it has been read again.

    Args:
        path: the file to write.
        rate: frames per second.
        sound_of: video with the sound to copy, where PyAV is installed; one that cannot be read is left out.

    Raises:
        DataError: the file cannot be written, or misses frames that were written: not every encoder reports a full
            disk.
    """
    with atomic_write(path) as aside:
        silent = aside.with_name(f"{aside.name}.silent") if has_h264() else aside
        try:
            silent.touch()
            writer = VideoWriter(silent, path, rate)
            try:
                yield writer
            finally:
                writer.close()
            _check(silent, path, writer.frames)
            writer.what = "MPEG-4 without sound"
            if silent != aside:
                sound = add_sound(silent, aside, sound_of)
                writer.what = f"H.264, {sound}"
                _check(aside, path, writer.frames)
        finally:
            if silent != aside:
                with suppress(OSError):
                    silent.unlink()


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
