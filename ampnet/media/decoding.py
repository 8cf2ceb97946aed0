"""Decode untrusted images: a failure affects only that file, and memory is bounded up front.

Pillow decodes, restricted to :data:`FORMATS`: others are rarely needed, and some start programs (EPS: Ghostscript).
"""

import ctypes
import logging
import re
import threading
import warnings
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from io import BytesIO
from math import prod

import numpy as np
import simplejpeg
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
    _imaging,
)
from PIL import Image as Pillow
from PIL.ImageFile import ImageFile

from ampnet.errors import ImageError
from ampnet.files.printable import printable
from ampnet.media import decoding_memory
from ampnet.media.faults import MAX_SCANS, has_many_scans, jpeg_damage, unreadable_format
from ampnet.media.heif import heif_formats
from ampnet.media.images import Image, halved, to_array, to_rgb, turned
from ampnet.media.sixteen_bits import colour_raw_mode, colour_to_eight_bits, uses_few_bits
from ampnet.runtime.forks import renew_after_fork

FORMATS = tuple(  # named one by one, since Pillow would import all its readers to find them
    reader.format
    for reader in (
        JpegImagePlugin.JpegImageFile,
        PngImagePlugin.PngImageFile,
        BmpImagePlugin.BmpImageFile,
        TiffImagePlugin.TiffImageFile,
        WebPImagePlugin.WebPImageFile,
        GifImagePlugin.GifImageFile,
        PpmImagePlugin.PpmImageFile,
    )
)
"""Formats that are tried, whatever a file is called."""

MAX_BYTES = 450_000_000
"""Larger files are refused."""

MAX_PIXELS = 150_000_000
"""Larger pictures are refused."""

MAX_SIDE = 100_000
"""Pictures with a longer side, in pixels, are refused: decoders and filters count the bits of a row in 32 bits."""

MAX_MEMORY = 950_000_000
"""Bytes that decoding one picture may take; what is estimated to take more is refused."""

MAX_FRAMES = 100_000
"""Frames of an animation are counted so far."""

_LARGE = 200_000_000  # bytes; pictures that take more are decoded one at a time
_one_large_picture = threading.Lock()


def _renew_lock() -> None:
    global _one_large_picture
    _one_large_picture = threading.Lock()


renew_after_fork(_renew_lock)

_ORIENTATION_TAG = 0x0112
_SUBFILE_TAG = 254  # of TIFF: bit 0 marks a reduced copy of another page
_QUIET = ("ignore", None, Warning, re.compile(r"PIL\."), 0)  # as the module warnings stores it

logging.getLogger("PIL").addHandler(logging.NullHandler())
with suppress(AttributeError, OSError):  # where Pillow was built with its own, hidden libtiff
    # libtiff writes errors to descriptor 2; Pillow raises them as well.
    ctypes.CDLL(_imaging.__file__).TIFFSetErrorHandler(None)


@dataclass(frozen=True, eq=False)
class Decoded:
    """A picture, perhaps reduced."""

    image: Image
    """``(h, w, 3)`` uint8 RGB, C-contiguous."""
    size_hw: tuple[int, int]
    """Height and width of the whole picture, turned like ``image``."""
    frames: int = 1
    """Number of frames or pages of the file; ``image`` is the first."""


def decode(data: bytes, enough_side: int | None = None, upright: bool = True, max_pixels: int | None = None) -> Decoded:
    """Decode an image file's content to RGB.

    16 bits become 8 (see :mod:`ampnet.media.sixteen_bits`); grey, palette and CMYK pictures are converted to RGB;
    transparent ones are composited over white. The first frame of an animation is used.

    Args:
        enough_side: length of the longer side that suffices, in pixels: the picture is reduced to a half, quarter or
            eighth, as far as its longer side stays at least as long (less far if it is
            :func:`~ampnet.media.decoding_memory.is_vast`). JPEG files are decoded at that size, which takes less time.
            None for the whole picture, or half its width and height if it has more than
            :data:`ampnet.media.decoding_memory.MAX_DECODED` pixels.
        upright: whether to apply the EXIF rotation.
        max_pixels: pictures with more pixels are refused; None: :data:`MAX_PIXELS`.

    Raises:
        ImageError: it is not an image in one of :data:`FORMATS`, damaged, or too large; the message is the reason.
    """
    _quieten_pillow()
    try:
        picture = _open(data, enough_side, MAX_PIXELS if max_pixels is None else max_pixels)
        is_large = decoding_memory.estimate(picture, len(data), enough_side) > _LARGE
        with _one_large_picture if is_large else nullcontext():
            return replace(_decode(picture, data, upright, enough_side), frames=_frames(picture, data))
    except ImageError:
        raise
    except Exception as error:  # decoders raise anything on damaged files; none of it may end a run
        raise ImageError(_reason(error, data)) from error


def from_pillow(picture: Pillow.Image) -> Decoded:
    """Convert a program's own picture to upright RGB, like :func:`decode`; it stays as it is.

    Raises:
        ImageError: it is damaged, closed, or has more than :data:`MAX_PIXELS` pixels. The message is the reason alone.
    """
    _quieten_pillow()
    try:
        width, height = picture.size
        if width * height > MAX_PIXELS:
            raise ImageError(f"{width} x {height} pixels are more than {MAX_PIXELS:,}")
        if not width * height:
            raise ImageError("it has no pixels")
        picture.load()
        image = turned(to_array(picture), _orientation(picture))
    except ImageError:
        raise
    except Exception as error:  # as in decode
        raise ImageError(_reason(error, b"")) from error
    return Decoded(image, (image.shape[0], image.shape[1]))


def is_plain_jpeg(data: bytes, size_hw: tuple[int, int]) -> bool:
    """Return whether a file's content is an upright JPEG of that size, grey or RGB."""
    _quieten_pillow()
    try:
        picture = Pillow.open(BytesIO(data), formats=("JPEG",))
        return picture.size == size_hw[::-1] and picture.mode in ("L", "RGB") and _orientation(picture) == 1
    except Exception:  # as in decode
        return False


def _open(data: bytes, enough_side: int | None, max_pixels: int) -> ImageFile:
    """Read the header, and refuse what would take too much memory or time."""
    if not data:
        raise ImageError("the file is empty")
    picture = Pillow.open(BytesIO(data), formats=heif_formats(data) or FORMATS)
    width, height = picture.size
    if width * height > max_pixels:
        raise ImageError(f"{width} x {height} pixels are more than {max_pixels:,}")
    if max(width, height) > MAX_SIDE:
        raise ImageError(f"{width} x {height} pixels; a side has at most {MAX_SIDE:,}")
    if picture.info.get("progressive") and has_many_scans(data):
        raise ImageError(f"a progressive JPEG of more than {MAX_SCANS} scans")
    _check_memory(picture, decoding_memory.estimate(picture, len(data), enough_side))
    return picture


def _check_memory(picture: Pillow.Image, needed: float) -> None:
    if needed > MAX_MEMORY:
        raise ImageError(
            f"{picture.width} x {picture.height} pixels of {picture.format} take {needed / 1e6:,.0f} MB to decode, "
            f"more than {MAX_MEMORY / 1e6:,.0f}"
        )


def _decode(picture: ImageFile, data: bytes, upright: bool, enough_side: int | None) -> Decoded:
    whole = picture.size
    small, scale = decoding_memory.reduction(whole, enough_side)
    if (plain := _plain_jpeg(picture, data, small, scale)) is not None:
        orientation = _orientation(picture) if upright else 1
        return Decoded(turned(plain, orientation), whole if orientation >= 5 else whole[::-1])
    if scale > 1:
        picture.draft(None, (whole[0] // scale, whole[1] // scale))  # only JPEG can
    expected, sixteen_bits = picture.size, colour_raw_mode(picture)
    needed_twice = decoding_memory.estimate(picture, len(data), enough_side) + 4 * prod(whole)
    picture.load()
    if sixteen_bits is not None and uses_few_bits(picture):
        _check_memory(picture, needed_twice)
        colour_to_eight_bits(picture, sixteen_bits, lambda: Pillow.open(BytesIO(data), formats=FORMATS))
    if picture.size != expected:  # some releases of Pillow turn the size of a TIFF file only here
        whole, small = whole[::-1], small[::-1]
    orientation = _orientation(picture) if upright else 1  # not before: Pillow turns TIFF files itself
    if picture.width * picture.height > decoding_memory.MAX_DECODED:
        image = to_array(_resized(halved(picture), small))
    elif picture.size != small:
        image = to_array(_resized(to_rgb(picture), small))
    else:
        image = to_array(picture)
    picture.close()  # frees its pixels
    return Decoded(turned(image, orientation), whole if orientation >= 5 else whole[::-1])


def _plain_jpeg(picture: Pillow.Image, data: bytes, small: tuple[int, int], scale: int) -> Image | None:
    """Decode an undamaged grey or colour JPEG with simplejpeg, which gives the same pixels in two thirds of the time.

    Returns:
        None for anything else, which Pillow then decodes, or says what is wrong with it.

    Raises:
        ImageError: parts of the picture are lost, which Pillow would pass over.
    """
    width, height = picture.size
    drafted = -(-width // scale), -(-height // scale)
    if picture.format not in ("JPEG", "MPO") or picture.mode not in ("RGB", "L") or small != drafted:
        return None
    try:
        pixels = simplejpeg.decode_jpeg(data, "RGB", min_height=drafted[1], min_width=drafted[0])
    except ValueError as error:
        if (damage := jpeg_damage(str(error), data)) is not None:
            raise ImageError(damage) from error
        return None
    return np.asarray(pixels, dtype=np.uint8) if pixels.shape[:2] == drafted[::-1] else None


def _resized(picture: Pillow.Image, size_wh: tuple[int, int]) -> Pillow.Image:
    return picture if picture.size == size_wh else picture.resize(size_wh, Pillow.Resampling.BOX)


def _frames(picture: Pillow.Image, data: bytes) -> int:
    """Count the frames of an animation and the pages of a TIFF; reduced copies of a page are none.

    A JPEG's or HEIF's further pictures are previews and depths, which are not needed.
    """
    if picture.format not in ("GIF", "PNG", "WEBP", "TIFF"):
        return 1
    if picture.format in ("PNG", "WEBP"):  # their headers say it
        return max(min(int(getattr(picture, "n_frames", 1)), MAX_FRAMES), 1)
    try:
        with Pillow.open(BytesIO(data), formats=(picture.format,)) as opened:  # counting moves to the last frame
            count = min(int(getattr(opened, "n_frames", 1)), MAX_FRAMES)
            if picture.format != "TIFF" or count == 1:
                return max(count, 1)
            copies = 0
            for number in range(1, count):
                opened.seek(number)
                copies += int(getattr(opened, "tag_v2", {}).get(_SUBFILE_TAG, 0)) & 1
            return count - copies
    except Exception:  # what is damaged behind the first frame does not make it unusable
        return 1


def _orientation(picture: Pillow.Image) -> int:
    """Return the EXIF orientation, 1 to 8; 1 is upright."""
    try:
        orientation = picture.getexif().get(_ORIENTATION_TAG)
        return orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1
    except Exception:  # a damaged EXIF block does not make the image unusable
        return 1


def _reason(error: Exception, data: bytes) -> str:
    if isinstance(error, UnidentifiedImageError):
        return unreadable_format(data)
    if isinstance(error, Pillow.DecompressionBombError):
        return f"it has more than {MAX_PIXELS:,} pixels"
    if isinstance(error, MemoryError):
        return "there is not enough memory to decode it"
    return printable(error) or type(error).__name__


def _quieten_pillow() -> None:
    """Silence Pillow's warnings about damaged files: what matters, it raises.

    Called before each use: other programs reset the filters, and ``warnings.catch_warnings`` is not safe in threads.
    """
    if not warnings.filters or warnings.filters[0] != _QUIET:
        warnings.filterwarnings("ignore", module=_QUIET[3].pattern)
