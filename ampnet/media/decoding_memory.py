"""The memory that decoding a picture will take, estimated from its header before a pixel is decoded."""

from typing import Any

from PIL import Image as Pillow

MAX_DECODED = 80_000_000
"""Pictures with more pixels are decoded at half their width and height."""

VAST_SIDE, PANORAMA_SIDE, LONG = 6400, 2560, 3
"""Pictures with a longer side are vast; those with such a longer side, if it is so many times the shorter one."""

_BANDS = 40_000_000  # bytes for the conversion of one band of rows, and for the decoder's own buffers
_BYTES_PER_PIXEL = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2, "I;16N": 2}  # 4 in all other modes
_BITS, _SAMPLES, _STRIP_ROWS, _TILE_WIDTH, _TILE_HEIGHT = 258, 277, 278, 322, 323  # tags of TIFF


def reduction(size_wh: tuple[int, int], enough_side: int | None) -> tuple[tuple[int, int], int]:
    """Choose the size of the result, and the scale at which a JPEG is decoded for it.

    Args:
        enough_side: see :func:`ampnet.media.decoding.decode`.

    Returns:
        Width and height in pixels, before any rotation; and the scale, one of 1, 2, 4 and 8.
    """
    width, height = size_wh
    if enough_side is not None:
        if is_vast(size_wh):
            is_small = min(size_wh) <= enough_side or max(size_wh) <= 2 * PANORAMA_SIDE
            scale = 4 if width * height > MAX_DECODED else 1 if is_small else 2
        else:
            scale = max((scale for scale in (2, 4, 8) if max(size_wh) // scale >= enough_side), default=1)
        return (-(-width // scale), -(-height // scale)), scale
    if width * height > MAX_DECODED:
        return (-(-width // 2), -(-height // 2)), 2
    return size_wh, 1


def is_vast(size_wh: tuple[int, int]) -> bool:
    """Return whether a picture is a long panorama or has very many pixels.

    One pass over all of it would miss its faces, so it is reduced less, and searched in tiles
    (:mod:`ampnet.detection.multiscale`).
    """
    longest, shortest = max(size_wh), min(size_wh)
    return longest > VAST_SIDE or (longest > PANORAMA_SIDE and longest > LONG * shortest)


def estimate(picture: Pillow.Image, file_bytes: int, enough_side: int | None) -> float:
    """Estimate, from above, the bytes that decoding takes at its peak; docs/data.md says how they were measured.

    Args:
        picture: opened, not yet decoded.
        enough_side: see :func:`ampnet.media.decoding.decode`.
    """
    small, scale = reduction(picture.size, enough_side)
    whole = drafted = picture.width * picture.height
    wanted, decoder = small[0] * small[1], 0.0
    if picture.format in ("JPEG", "MPO"):
        drafted = whole // scale**2
        if picture.info.get("progressive"):
            decoder = 2 * whole * _samples_per_pixel(picture)  # all coefficients are kept until the last scan
    elif picture.format == "WEBP":
        decoder = 12 * whole  # two canvases and a copy
    elif picture.format in ("HEIF", "AVIF"):
        decoder = 12 * whole  # planes of the video codec, their conversion, a rotated copy
    elif picture.format == "PPM":
        decoder = 2 * whole * len(picture.getbands())  # 16 bits, or numbers as text
    elif picture.format == "BMP":
        decoder = 2 * whole  # run lengths are expanded, then copied
    elif picture.format == "TIFF":
        decoder = 4 * whole + _tile_bytes(picture)  # the rotated copy, or the largest piece
    loaded = _BYTES_PER_PIXEL.get(picture.mode, 4) * drafted
    result = 3 * wanted
    if wanted < drafted:
        result += 0 if enough_side is None else 4 * wanted
        result += drafted if drafted > MAX_DECODED else 0 if picture.mode == "RGB" else 4 * drafted
    return file_bytes + _BANDS + max(loaded + max(decoder, result), 6 * wanted)


def _samples_per_pixel(jpeg: Any) -> float:
    """Return the samples that a JPEG stores for a pixel: 3 in colour, 1.5 if colour has half the resolution."""
    counts = [horizontal * vertical for _id, horizontal, vertical, _table in jpeg.layer]
    return float(sum(counts) / max(counts))


def _tile_bytes(tiff: Any) -> float:
    """Return the size of the pieces that libtiff decodes, which need not be smaller than the image."""
    tags = tiff.tag_v2
    if tiff.tile[0][0] != "libtiff":
        return 0.0
    rows = min(int(tags.get(_STRIP_ROWS, tiff.height)), tiff.height)
    pixels = max(tiff.width * rows, int(tags.get(_TILE_WIDTH, 0)) * int(tags.get(_TILE_HEIGHT, 0)))
    return float(max(4, max(tags.get(_BITS, (8,))) * int(tags.get(_SAMPLES, 1)) / 8) * pixels)
