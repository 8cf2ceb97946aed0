"""Long panoramas and huge crowds: overlapping squares that are searched one by one, besides the whole.

A single pass at 1,280 px would make their faces smaller than the network can find. Which photos are tiled is decided
where they are decoded (:func:`ampnet.media.decoding_memory.reduction`): all others are reduced to at most
:data:`LARGEST_ORDINARY` px.
"""

import math
from collections.abc import Sequence
from itertools import product

import numpy as np

from ampnet.detection.face import Face
from ampnet.detection.multiscale import MAX_LONG_SIDE, SAME_FACE, is_piece
from ampnet.detection.overlaps import without_overlaps
from ampnet.media.images import Image

LARGEST_ORDINARY = 2 * MAX_LONG_SIDE
"""Longer side in pixels above which an image is searched in tiles."""
SMALLEST_TILE = MAX_LONG_SIDE // 2
"""Minimum side of a tile in pixels, so that narrow strips have few of them; the largest is the detector's input."""
STEP = 0.7
"""Distance of two tiles, as a fraction of their side: a face of up to a quarter of it is whole in one of them."""

Region = tuple[int, int, int, int]
"""``x0, y0, x1, y1`` in pixels of the image."""


def tiles(image: Image) -> list[Region]:
    """Cover an image with overlapping squares, as wide as it is narrow; none for one of ordinary size."""
    height, width = image.shape[:2]
    if max(height, width) <= LARGEST_ORDINARY:
        return []
    side = min(max(height, width), max(min(height, width, MAX_LONG_SIDE), SMALLEST_TILE))
    return [
        (left, top, min(left + side, width), min(top + side, height))
        for top, left in product(_starts(height, side), _starts(width, side))
    ]


def _starts(length: int, side: int) -> list[int]:
    last = max(length - side, 0)
    count = math.ceil(last / (STEP * side)) + 1
    return [round(last * number / max(count - 1, 1)) for number in range(count)]


def merge_tiles(whole: Sequence[Face], parts: Sequence[tuple[Region, Sequence[Face]]], image: Image) -> list[Face]:
    """Join the faces of tiles with those of the whole image that no tile shows in full.

    Args:
        parts: each tile with its faces, in pixels of the image.

    Returns:
        Faces without duplicates and fragments, best score first.
    """
    size_hw = image.shape[0], image.shape[1]
    small = [face for region, faces in parts for face in faces if not is_cut(face, region, size_hw)]
    faces = [*small, *whole]
    if not faces:
        return []
    order = np.array([face.score + (number < len(small)) for number, face in enumerate(faces)])  # tiles first
    boxes = np.array([face.box for face in faces], dtype=np.float32)
    kept = without_overlaps(boxes, order.astype(np.float32), np.zeros(len(faces), dtype=np.int64), SAME_FACE)
    small = [faces[index] for index in kept if index < len(small)]
    large = [faces[index] for index in kept if index >= len(faces) - len(whole)]
    large = [face for face in large if not any(is_piece(face, of) for of in small)]
    small = [face for face in small if not any(is_piece(face, of) for of in large)]
    return sorted([*small, *large], key=lambda face: face.score, reverse=True)


def is_cut(face: Face, region: Region, size_hw: tuple[int, int]) -> bool:
    """Return whether a face ends at a border of a region that is none of the image."""
    x0, y0, x1, y1 = region
    height, width = size_hw
    margin = face.side / 8
    left, top, right, bottom = face.box
    return bool(
        (x0 > 0 and left < x0 + margin)
        or (y0 > 0 and top < y0 + margin)
        or (x1 < width and right > x1 - margin)
        or (y1 < height and bottom > y1 - margin)
    )
