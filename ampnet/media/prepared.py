"""Decoding prepared images: as fast as libjpeg-turbo for the JPEG files that prepare writes, strict for all others.

simplejpeg refuses every damage and prints nothing. OpenCV, at the same speed and with the same pixels, fills what is
missing with grey and writes to standard error.
"""

import math
import struct

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from ampnet.media.decoding import decode
from ampnet.media.faults import MAX_SCANS

Image = NDArray[np.uint8]

_ORDINARY_BYTES = 1 << 20
_ORDINARY_PIXELS = 4_000_000
"""Larger files are read in the careful way, which bounds memory and time."""

_FEW_BYTES = 1 << 16  # below which a file cannot hold enough scans to matter

_SEGMENT, _NAME = b"\xff\xef", b"ampnet\0"
"""Begin those of a JPEG file's segments that say what its pixels were made from: APP15, which decoders pass over."""

_MOST = 65_533 - len(_NAME)  # bytes that a segment holds


def with_origin(jpeg: bytes, side: float, source: bytes = b"") -> bytes:
    """Note in a JPEG file what its pixels were made from.

    Args:
        side: source pixels along a side of the picture.
        source: the image file that it shows whole, so that another framing can begin with that.
    """
    content = struct.pack("<f", side) + source
    pieces = [_NAME + content[start : start + _MOST] for start in range(0, len(content), _MOST)]
    segments = b"".join(_SEGMENT + struct.pack(">H", 2 + len(piece)) + piece for piece in pieces)
    return jpeg[:2] + segments + jpeg[2:]


def origin_of(data: bytes) -> tuple[float, bytes]:
    """Return what :func:`with_origin` has noted in a file; infinity, and nothing, if that is not known."""
    content, place = b"", 2
    while data[place : place + 2] == _SEGMENT and data[place + 4 : place + 4 + len(_NAME)] == _NAME:
        end = place + 2 + int.from_bytes(data[place + 2 : place + 4], "big")
        content += data[place + 4 + len(_NAME) : end]
        place = end
    if len(content) < 4:
        return math.inf, b""
    side = struct.unpack("<f", content[:4])[0]
    return side if side > 0 else math.inf, content[4:]


def decode_prepared(data: bytes, grey: bool, reduction: int = 1) -> Image:
    """Decode a prepared image as stored, without EXIF rotation.

    Args:
        grey: whether to return one channel.
        reduction: 1, 2, 4 or 8; divides width and height, rounded up.

    Returns:
        ``(H, W)`` grey or ``(H, W, 3)`` BGR.

    Raises:
        ImageError: see :func:`ampnet.media.decoding.decode`.
    """
    image = _decode_ordinary(data, grey, reduction)
    if image is not None:
        return image
    rgb = decode(data, upright=False).image
    if reduction > 1:
        small = -(-rgb.shape[1] // reduction), -(-rgb.shape[0] // reduction)
        rgb = np.asarray(cv2.resize(rgb, small, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY if grey else cv2.COLOR_RGB2BGR), dtype=np.uint8)


def _decode_ordinary(data: bytes, grey: bool, reduction: int) -> Image | None:
    """Decode an undamaged JPEG of moderate size; None for anything else."""
    if len(data) > _ORDINARY_BYTES or not simplejpeg.is_jpeg(data):
        return None
    if len(data) > _FEW_BYTES and data.count(b"\xff\xda") > MAX_SCANS:
        return None
    try:
        height, width, _color, _sampling = simplejpeg.decode_jpeg_header(data)
        if height * width > _ORDINARY_PIXELS:
            return None
        smallest = {"min_height": -(-height // reduction), "min_width": -(-width // reduction)} if reduction > 1 else {}
        image = simplejpeg.decode_jpeg(data, "GRAY" if grey else "BGR", **smallest)
    except ValueError:  # damaged, or with four colours
        return None
    return np.asarray(image[..., 0] if grey else image, dtype=np.uint8)
