"""The forms of a photo's content: a file, bytes, an address, pixels, a frame of a video.

Each decodes itself, as a whole or reduced by one rule; :class:`ampnet.reading.photo.Photo` keeps what it gave.
"""

import glob
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageFile

from ampnet.errors import DataError, ImageError
from ampnet.files.download import fetch
from ampnet.files.opening import read_bytes
from ampnet.files.printable import printable
from ampnet.files.storage import open_file
from ampnet.media.decoding import MAX_BYTES, Decoded, decode, from_pillow
from ampnet.media.decoding_memory import reduction
from ampnet.media.images import Image
from ampnet.reading.video import read_frame
from ampnet.runtime.cores import usable_cores

__all__ = ["BytesContent", "Content", "Decoded", "FileContent", "FrameContent", "LaterContent", "PixelContent"]

EXPECTED = "give a path, an address, bytes, a file opened with 'rb', a NumPy array, a PIL image or a torch tensor"


class Content(Protocol):
    """What a photo is decoded from."""

    def decode(self, enough_side: int | None) -> Decoded:
        """Decode it to upright RGB.

        Args:
            enough_side: see :func:`ampnet.media.decoding.decode`; None for the whole photo.

        Raises:
            DataError: it cannot be decoded; the message is the reason alone.
        """


@dataclass(eq=False)
class FileContent:
    """A file of this machine, which is read when it is decoded; a file that has replaced it is refused."""

    path: Path
    state: tuple[int, int] | None = None
    """Time of its last change, and size, when it was first read."""

    def decode(self, enough_side: int | None) -> Decoded:
        """See :class:`Content`."""
        state = None
        with suppress(OSError, ValueError):  # reading it says why
            status = self.path.stat()
            state = status.st_mtime_ns, status.st_size
        try:
            data = read_bytes(self.path, MAX_BYTES)
        except DataError as error:
            is_pattern = glob.has_magic(os.fspath(self.path)) and not os.path.lexists(self.path)
            raise DataError("nothing matches this pattern" if is_pattern else str(error)) from error
        if self.state not in (None, state):
            raise DataError("it has changed since it was first read")
        self.state = state
        return decode(data, enough_side=enough_side)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the path alone: a copy elsewhere may have another time."""
        return FileContent, (self.path,)


@dataclass(frozen=True, eq=False)
class BytesContent:
    """The content of an image file."""

    data: bytes
    max_pixels: int | None = None
    """Larger photos are refused; None: as :func:`ampnet.media.decoding.decode` does."""

    def decode(self, enough_side: int | None) -> Decoded:
        """See :class:`Content`."""
        if len(self.data) > MAX_BYTES:
            raise ImageError(f"it has more than the limit of {MAX_BYTES:,} bytes")
        return decode(self.data, enough_side=enough_side, max_pixels=self.max_pixels)


@dataclass(eq=False)
class LaterContent:
    """Bytes that are obtained when they are first needed, in the thread that decodes them."""

    take: Callable[[], bytes]
    """Gets the content of an image file, or raises a DataError with the reason alone."""
    data: bytes | None = None

    def decode(self, enough_side: int | None) -> Decoded:
        """See :class:`Content`."""
        if self.data is None:
            self.data = self.take()
        return BytesContent(self.data).decode(enough_side)


@dataclass(frozen=True, eq=False)
class PixelContent:
    """Pixels that a program holds: an array, a tensor, a loaded PIL image.

    They are reduced as files are, by area averaging, so that a program gets the answer that it gets for its file, but
    for JPEG's own way of scaling.
    """

    given: Any

    def decode(self, enough_side: int | None) -> Decoded:
        """See :class:`Content`."""
        image = _pixels(self.given)
        height, width = image.shape[:2]
        if enough_side is None:
            return Decoded(image, (height, width))
        small, scale = reduction((width, height), enough_side)
        if scale > 1:
            image = np.asarray(cv2.resize(image, small, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        return Decoded(image, (height, width))


@dataclass(frozen=True)
class FrameContent:
    """A frame of a video, which is decoded up to there."""

    path: Path
    number: int
    """From 0."""

    def decode(self, enough_side: int | None) -> Decoded:
        """See :class:`Content`."""
        return PixelContent(read_frame(self.path, self.number, usable_cores())).decode(enough_side)


def fetched(url: str) -> bytes:
    """Fetch the photo at a public http(s) address; see :func:`ampnet.files.download.fetch`."""
    return fetch(url, MAX_BYTES)


def stored(address: str) -> bytes:
    """Read a file of an object store."""
    try:
        with open_file(address) as file:
            return file.read(MAX_BYTES + 1)
    except DataError:
        raise
    except Exception as error:  # each store raises its own
        raise DataError(printable(error)) from error


def content_of(given: Any, is_copied: bool = False) -> Content:
    """Choose the form of a given photo: a path, the bytes of a file, or pixels.

    A PIL image that was opened from a file and not loaded yet is that file.

    Args:
        is_copied: keep a copy of pixels, which may change.
    """
    if isinstance(given, str | os.PathLike):
        return FileContent(Path(os.fsdecode(given)))
    if isinstance(given, bytes | bytearray | memoryview):
        return BytesContent(bytes(given))
    if isinstance(given, ImageFile.ImageFile) and (data := _bytes_behind(given)) is not None:
        return BytesContent(data)
    if is_copied:
        with suppress(DataError):  # it is reported when they are decoded
            return PixelContent(np.array(_pixels(given)))
    return PixelContent(given)


def is_tensor(given: object) -> bool:
    """Whether it is a tensor of torch, which is not imported for that."""
    torch = sys.modules.get("torch")  # a tensor comes from an imported torch
    return torch is not None and isinstance(given, torch.Tensor)


def _bytes_behind(picture: ImageFile.ImageFile) -> bytes | None:
    """Read the file of a PIL image whose pixels are not loaded yet; None if it has none any more."""
    file = getattr(picture, "fp", None)
    is_loaded = any(vars(picture).get(name) is not None for name in ("im", "_im"))  # "_im" since Pillow 11
    is_changed = getattr(picture, "decoderconfig", ()) or picture.tell() != 0  # by draft(), by seek()
    if file is None or is_loaded or is_changed:
        return None
    try:
        place = file.tell()
        file.seek(0)  # where Pillow, too, begins
        data = bytes(file.read(MAX_BYTES + 1))
        file.seek(place)
    except Exception:  # closed, or damaged: Pillow's own attempt says what is wrong
        return None
    return data


def _pixels(given: Any) -> Image:
    if isinstance(given, Pillow.Image):
        return from_pillow(given).image
    if isinstance(given, np.ndarray):
        return _rgb(np.asarray(given))  # a matrix has two axes, whatever is done with it
    if is_tensor(given):
        try:
            pixels = _channels_last(given)
        except Exception as error:  # a sparse one, or one of a device without data
            raise ImageError(f"its pixels cannot be read: {printable(error)}") from error
        return _rgb(pixels)
    raise ImageError(f"it is of type {printable(type(given).__name__)}; {EXPECTED}")


def _channels_last(tensor: Any) -> NDArray[Any]:
    """Convert a tensor to ``(H, W, 3)``; it may be ``(3, H, W)``, on any device, and of any floating-point type."""
    pixels = tensor.detach().cpu()
    if pixels.is_floating_point():
        pixels = pixels.float()  # NumPy has no bfloat16
    if pixels.ndim == 3 and pixels.shape[0] == 3:
        pixels = pixels.permute(1, 2, 0)
    return np.asarray(pixels.numpy())


def _rgb(pixels: NDArray[Any]) -> Image:
    """Check an array of pixels, and convert it to ``(H, W, 3)`` uint8."""
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] != 3):
        raise ImageError(f"its shape is {pixels.shape}; expected (height, width, 3) in RGB, or (height, width) in grey")
    if 0 in pixels.shape:
        raise ImageError(f"its shape is {pixels.shape}: it has no pixels")
    if np.issubdtype(pixels.dtype, np.floating):
        if not (pixels.min() >= 0 and pixels.max() <= 1):  # false for NaN, too
            raise ImageError("its floating-point pixels are not all within [0, 1]; scale them, or convert to uint8")
        pixels = np.rint(pixels * 255.0).astype(np.uint8)
    elif pixels.dtype != np.uint8:
        raise ImageError(f"its pixels are of type {pixels.dtype}; expected uint8, or floating point within [0, 1]")
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 3, axis=2)
    return np.ascontiguousarray(pixels)
