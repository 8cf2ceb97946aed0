"""Encoding frames as H.264, which browsers play, where PyAV is installed, and as MPEG-4 Part 2 where not."""

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from ampnet.errors import DataError
from ampnet.files.printable import printable

QUALITY = "21"
"""x264's constant rate factor; 23 is its default, 18 looks lossless."""

PRESET = "veryfast"
"""Of x264: two to three times as fast as its default, at a tenth more bytes."""

_HD_HEIGHT = 720


class Encoder(Protocol):
    """Writes frames of one size to a file."""

    def add(self, image: NDArray[np.uint8]) -> None:
        """Append an ``(H, W, 3)`` RGB frame.

        Raises:
            OSError: the disk is full, if the encoder notices.
        """

    def close(self) -> None:
        """Finish the file."""


@cache
def has_h264() -> bool:
    """Return whether videos are written as H.264."""
    try:
        import av

        av.Codec("libx264", "w")
    except (ImportError, ValueError):  # PyAV's own error is a ValueError
        return False
    return True


def open_encoder(path: Path, target: Path, rate: float, size_hw: tuple[int, int]) -> Encoder:
    """Open an encoder for an existing, empty file.

    Args:
        path: the file.
        target: how to name it in messages.
        rate: frames per second.
        size_hw: height and width of the frames in pixels.

    Raises:
        DataError: there is no encoder, or the file cannot be written.
    """
    return _H264(path, rate, size_hw) if has_h264() else _Mpeg4(path, target, rate, size_hw)


class _H264:
    """PyAV with x264, into a file that is open already, so that its name does not matter."""

    def __init__(self, path: Path, rate: float, size_hw: tuple[int, int]) -> None:
        import av
        from av.video.reformatter import ColorRange, Colorspace

        self._file = _File(path)
        self._container = av.open(self._file, "w", format="mp4")
        self._rate = Fraction(rate).limit_denominator(1001)
        self._stream: Any = self._container.add_stream(
            "libx264", rate=self._rate, options={"crf": QUALITY, "preset": PRESET}
        )
        self._size_hw = tuple(max(side // 2 * 2, 2) for side in size_hw)  # H.264 halves the colour's resolution
        self._stream.height, self._stream.width = self._size_hw
        self._stream.pix_fmt = "yuv420p"
        is_hd = size_hw[0] >= _HD_HEIGHT  # players expect what televisions use
        context = self._stream.codec_context
        context.color_range, context.colorspace = 1, 1 if is_hd else 6
        context.color_primaries, context.color_trc = (1, 1) if is_hd else (6, 6)
        self._colours = Colorspace.ITU709 if is_hd else Colorspace.ITU601, ColorRange.MPEG
        self._frames = 0

    def add(self, image: NDArray[np.uint8]) -> None:
        import av

        height, width = self._size_hw
        even = image[:height, :width]
        if even.shape[:2] != self._size_hw:  # a side of one pixel
            even = np.asarray(cv2.resize(image, (width, height)), dtype=np.uint8)
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(even), format="rgb24")
        space, range_ = self._colours
        frame = frame.reformat(format="yuv420p", dst_colorspace=space, dst_color_range=range_)
        frame.pts, frame.time_base = self._frames, 1 / self._rate
        self._frames += 1
        self._container.mux(self._stream.encode(frame))
        if self._file.failure is not None:
            raise self._file.failure

    def close(self) -> None:
        with closing(self._file), closing(self._container):
            if self._frames:
                self._container.mux(self._stream.encode(None))


class _File:
    """A file for PyAV, which would lose the reason of a failed write."""

    def __init__(self, path: Path) -> None:
        self.failure: OSError | None = None
        """Why the first failed write did; all later ones are left out."""
        self._file = path.open("wb", buffering=0)
        self.seek, self.tell, self.close = self._file.seek, self._file.tell, self._file.close

    def write(self, data: bytes) -> int:
        left = memoryview(data)
        try:
            while left and self.failure is None:
                left = left[self._file.write(left) :]
        except OSError as error:
            self.failure = error
        return len(data)


class _Mpeg4:
    """OpenCV's encoder."""

    def __init__(self, path: Path, target: Path, rate: float, size_hw: tuple[int, int]) -> None:
        codec = cv2.VideoWriter.fourcc(*"mp4v")
        with _link_to(path) as link, _silent_opencv():
            self._writer = cv2.VideoWriter(str(link), cv2.CAP_FFMPEG, codec, rate, size_hw[::-1])
        if not self._writer.isOpened():
            raise DataError(
                f"cannot write {printable(target)}: no MP4 encoder, or no space; free some space or choose another "
                "folder"
            )

    def add(self, image: NDArray[np.uint8]) -> None:
        with _silent_opencv():
            self._writer.write(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))

    def close(self) -> None:
        with _silent_opencv():
            self._writer.release()


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
