"""From 16 bits to 8: files of 10, 11, 12 or 14 bits, as cameras write them, are stretched to the full range.

The file says 16 bits in any case, so the largest value decides: what stays below 2 ** 14 counts as a camera's numbers,
whose white is 2 ** bits - 1. A photo of the full range that stays below a quarter of it everywhere is rare, and dark
enough to gain from stretching as well. An 8-bit photo that was saved with 16 bits is known by its values, which are all
multiples of 257 (or 256), and keeps its brightness.
"""

import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL.ImageFile import ImageFile

from ampnet.errors import ImageError

GREY = ("I", "I;16", "I;16B", "I;16L", "I;16N")
"""Pillow's modes of 16-bit grey; it has none for colour, of which it keeps the upper 8 bits."""

FULL_RANGE = 1 << 14
"""Pictures with a value from here on use the full range."""

_WHITE = 0xFFFF
_BAND = 1_000_000  # pixels converted at once
_OTHER_ORDER = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}
_GREY_ALPHA = "LA;16B"

Wide = NDArray[np.integer]


def grey_to_eight_bits(picture: Pillow.Image) -> Pillow.Image:
    """Convert loaded 16-bit grey to 8 bits.

    Raises:
        ImageError: its pixels have more than 16 bits.
    """
    largest, of_eight_bits = 0, True
    for _top, band in _bands(picture):
        if band.min(initial=0) < 0 or band.max(initial=0) > _WHITE:
            raise ImageError("pixels of more than 16 bits; save it with 8 or 16 bits")
        largest = max(largest, int(band.max(initial=0)))
        of_eight_bits = of_eight_bits and _is_of_eight_bits(band)
    white, small = _white(largest, of_eight_bits), Pillow.new("L", picture.size)
    for top, band in _bands(picture):
        small.paste(Pillow.fromarray(_scaled(band, white)), (0, top))
    return small


def colour_raw_mode(picture: ImageFile) -> str | None:
    """Return how an opened, not yet loaded picture stores 16-bit colours; None for any other."""
    if picture.mode not in ("RGB", "RGBA") or not picture.tile:
        return None
    arguments = picture.tile[0][3]
    raw_mode = arguments if isinstance(arguments, str) else arguments[0] if arguments else None
    known = isinstance(raw_mode, str) and raw_mode.startswith(("RGB;16", "RGBA;16", "RGBX;16", _GREY_ALPHA))
    return raw_mode if known else None


def uses_few_bits(picture: Pillow.Image) -> bool:
    """Return whether the upper 8 bits of a loaded picture's 16-bit colours stay below :data:`FULL_RANGE`."""
    extrema: Any = picture.getextrema()  # of each of several channels
    largest: int = max(most for _least, most in extrema[:3])
    return largest < FULL_RANGE >> 8


def colour_to_eight_bits(upper: Pillow.Image, raw_mode: str, reopen: Callable[[], ImageFile]) -> None:
    """Convert 16-bit colour, of which Pillow gives the upper 8 bits, as :func:`grey_to_eight_bits` does.

    Args:
        upper: the loaded picture, which is changed in place.
        raw_mode: see :func:`colour_raw_mode`.
        reopen: opens the file again; it is decoded once more, for the lower 8 bits.
    """
    lower = _lower_bits(reopen(), raw_mode)
    largest, largest_alpha, of_eight_bits = 0, 0, True
    for _top, band in _wide_bands(upper, lower, raw_mode):
        largest = max(largest, int(band[..., :3].max(initial=0)))
        largest_alpha = max(largest_alpha, int(band[..., 3:].max(initial=0)))
        of_eight_bits = of_eight_bits and _is_of_eight_bits(band[..., :3])
    white = _white(largest, of_eight_bits)
    alpha_white = white if largest_alpha <= white else _WHITE
    for top, band in _wide_bands(upper, lower, raw_mode):
        small = np.concatenate([_scaled(band[..., :3], white), _scaled(band[..., 3:], alpha_white)], axis=2)
        upper.paste(Pillow.fromarray(small), (0, top))


def _lower_bits(picture: ImageFile, raw_mode: str) -> Pillow.Image:
    """Load a picture with the bytes of its samples swapped, so that Pillow keeps the lower ones."""
    swapped = "RGBA" if raw_mode == _GREY_ALPHA else raw_mode[:-1] + _OTHER_ORDER[raw_mode[-1]]
    pieces: list[Any] = [
        (*piece[:3], (swapped, *piece[3][1:]) if isinstance(piece[3], tuple) else swapped) for piece in picture.tile
    ]
    kind = type(picture.tile[0])  # a named tuple since Pillow 11
    picture.tile = pieces if kind is tuple else [kind(*piece) for piece in pieces]
    picture.load()
    return picture


def _wide_bands(upper: Pillow.Image, lower: Pillow.Image, raw_mode: str) -> Iterator[tuple[int, Wide]]:
    for (top, high), (_top, low) in zip(_bands(upper), _bands(lower), strict=True):
        # Grey and alpha were read as four samples of 8 bits: both bytes of grey, both bytes of alpha.
        low_bytes = low[..., [1, 1, 1, 3]] if raw_mode == _GREY_ALPHA else low
        yield top, high.astype(np.uint16) << 8 | low_bytes


def _bands(picture: Pillow.Image) -> Iterator[tuple[int, Wide]]:
    rows = max(_BAND // picture.width, 1)
    for top in range(0, picture.height, rows):
        yield top, np.asarray(picture.crop((0, top, picture.width, min(top + rows, picture.height))))


def _is_of_eight_bits(values: Wide) -> bool:
    return not (values % 257).any() or not (values % 256).any()


def _white(largest: int, of_eight_bits: bool) -> int:
    return _WHITE if of_eight_bits or largest >= FULL_RANGE else (1 << max(largest.bit_length(), 8)) - 1


def _scaled(values: Wide, white: int) -> NDArray[np.uint8]:
    return ((values.astype(np.uint32) * 255 + white // 2) // white).astype(np.uint8)
