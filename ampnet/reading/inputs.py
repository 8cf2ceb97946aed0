"""What a Python program may hand to `Predictor.predict`: photos in many forms, each decoded to upright RGB."""

import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from ampnet.errors import DataError, ImageError
from ampnet.files.download import fetch, is_url
from ampnet.files.opening import read_bytes
from ampnet.files.printable import one_line, printable
from ampnet.media.decoding import MAX_BYTES, Decoded, decode, from_pillow
from ampnet.reading.video import read_frame
from ampnet.runtime.cores import usable_cores

if TYPE_CHECKING:
    from torch import Tensor

    Photo: TypeAlias = str | Path | bytes | bytearray | memoryview | BinaryIO | NDArray[Any] | Pillow.Image | Tensor
else:
    Photo: TypeAlias = Any  # so that nothing imports torch

CHUNK_IMAGES = 32
CHUNK_PIXELS = 4_000_000
"""A chunk of images in memory ends at this many images or this many pixels, whichever comes first."""

_EXPECTED = "give a path, an address, bytes, a file opened with 'rb', a NumPy array, a PIL image or a torch tensor"


@dataclass(frozen=True)
class FrameOf:
    """A frame of a video, which is decoded anew when it is needed."""

    path: Path
    number: int
    """From 0."""


@dataclass(frozen=True, eq=False)
class PhotoInput:
    """A photo as the program gave it; it is decoded when needed, so that results take no memory of their own."""

    name: str
    """The path, the address or a file's name; "photo 3" for the third of several photos without a name."""
    given: Any
    """The photo, or the content of a file object or an address."""

    def decode(self, enough_side: int | None = None) -> Decoded:
        """Decode it to upright RGB; see :func:`ampnet.media.decoding.decode`.

        Args:
            enough_side: length in pixels that suffices of the longer side; files are reduced if they are far larger.

        Raises:
            ImageError: it cannot be read; one line with its name and the reason.
        """
        if isinstance(self.given, FrameOf):
            image = read_frame(self.given.path, self.given.number, usable_cores())
            return Decoded(image, (image.shape[0], image.shape[1]))
        try:
            return _decoded(self.given, enough_side)
        except DataError as error:
            raise ImageError(f"cannot read {printable(self.name)}: {error}") from error


def is_photo(given: Any) -> bool:
    """Tell one photo from several: whatever can be iterated is several, except for the forms of one photo.

    A four-dimensional array or tensor is several, stacked.
    """
    if _is_tensor(given) or isinstance(given, np.ndarray):
        return bool(given.ndim != 4)
    if isinstance(given, str | bytes | bytearray | memoryview | os.PathLike | Pillow.Image | Mapping):
        return True
    return hasattr(given, "read") or not isinstance(given, Iterable)


def take_photo(given: Photo, name: str = "photo") -> PhotoInput:
    """Name a photo; a file object is read to its end, and an address is fetched.

    Args:
        given: the photo.
        name: how to call it if it has no name of its own.

    Raises:
        ImageError: a file object cannot be read, or an address not fetched.
    """
    if isinstance(given, str) and is_url(given):
        return PhotoInput(one_line(given), _fetched(given))
    if isinstance(given, str | os.PathLike):
        return PhotoInput(one_line(given), given)
    if not hasattr(given, "read") or isinstance(given, Pillow.Image):
        own = getattr(given, "filename", None) if isinstance(given, Pillow.Image) else None
        return PhotoInput(one_line(own) if isinstance(own, str) and own else name, given)
    own = getattr(given, "name", None)
    name = one_line(own) if isinstance(own, str) and own else name
    try:
        content = given.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: closed, or text that is not UTF-8
        raise ImageError(f"cannot read {printable(name)}: {printable(error)}; open the file with 'rb'") from error
    if not isinstance(content, bytes | bytearray | memoryview):  # text would be taken for a path
        kind = printable(type(content).__name__)
        raise ImageError(f"cannot read {printable(name)}: reading it gives {kind}, not bytes; open the file with 'rb'")
    return PhotoInput(name, bytes(content))


def _fetched(url: str) -> bytes:
    try:
        return fetch(url, MAX_BYTES)
    except DataError as error:
        raise ImageError(f"cannot read {printable(url)}: {error}") from error


def _decoded(given: Any, enough_side: int | None) -> Decoded:
    if isinstance(given, str | os.PathLike):
        return decode(read_bytes(Path(os.fsdecode(given)), MAX_BYTES), enough_side=enough_side)
    if isinstance(given, bytes | bytearray | memoryview):
        if len(given) > MAX_BYTES:
            raise ImageError(f"it has more than the limit of {MAX_BYTES:,} bytes")
        return decode(bytes(given), enough_side=enough_side)
    if isinstance(given, Pillow.Image):
        return from_pillow(given)
    if isinstance(given, np.ndarray):
        image = _rgb(given)
    elif _is_tensor(given):
        image = _rgb(_channels_last(given))
    else:
        raise ImageError(f"it is of type {printable(type(given).__name__)}; {_EXPECTED}")
    return Decoded(image, (image.shape[0], image.shape[1]))


def _is_tensor(given: object) -> bool:
    torch = sys.modules.get("torch")  # whoever has a tensor has imported it
    return torch is not None and isinstance(given, torch.Tensor)


def _channels_last(tensor: Any) -> NDArray[Any]:
    """Convert a tensor to ``(H, W, 3)``; it may be ``(3, H, W)``, on any device, and of any floating-point type."""
    pixels = tensor.detach().cpu()
    if pixels.is_floating_point():
        pixels = pixels.float()  # NumPy has no bfloat16
    if pixels.ndim == 3 and pixels.shape[0] == 3:
        pixels = pixels.permute(1, 2, 0)
    return np.asarray(pixels.numpy())


def _rgb(pixels: NDArray[Any]) -> NDArray[np.uint8]:
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
