"""Detection at several sizes and in tiles: network inputs, padded to whole cells, and merging of the results.

RetinaFace splits faces larger than about 500 px into fragments, each detected as a face with a high score. Large images
therefore get two passes, full and small: large faces are taken from the small pass, all others from the full one.

Of long panoramas and huge crowds, a single pass would make the faces smaller than the network can find: overlapping
squares of them are searched one by one, besides the whole. Which photos are tiled is decided where they are decoded
(:func:`ampnet.media.decoding_memory.reduction`): all others are reduced to at most :data:`LARGEST_ORDINARY` px.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from ampnet.detection.face import Face
from ampnet.detection.overlaps import without_overlaps
from ampnet.faces.geometry import box_area, intersection_area, intersection_over_union
from ampnet.media.images import Image, resize
from ampnet.reading.photo import ENOUGH_SIDE

CELL = 32
"""Sizes are padded to a multiple of the coarsest stride, so that images of similar size share a batch."""


@dataclass(frozen=True)
class Letterbox:
    """A scaled image, and its relation to the original.

    Attributes:
        image: ``(H, W, 3)`` RGB uint8 at the working size, before padding.
        padded_hw: height and width of the network's input, with the image in its top left corner.
        scale_xy: working pixels per source pixel, along x and y.
    """

    image: Image
    padded_hw: tuple[int, int]
    scale_xy: tuple[float, float]


def padded_size(image: Image, long_side: int) -> tuple[int, int]:
    """Return height and width of the network's input for an image scaled to ``long_side``."""
    height, width = scaled_size(image, long_side)
    return -(-height // CELL) * CELL, -(-width // CELL) * CELL


def letterbox(image: Image, long_side: int, larger: Image | None = None) -> Letterbox:
    """Scale an image's longer side to ``long_side``, keeping its aspect ratio to the nearest pixel.

    Args:
        larger: the same image at a size in between, which is scaled instead; it has fewer pixels to average.
    """
    height, width = image.shape[:2]
    new_height, new_width = scaled_size(image, long_side)
    scaled = resize(image if larger is None else larger, (new_height, new_width))
    return Letterbox(scaled, padded_size(image, long_side), (new_width / width, new_height / height))


def scaled_size(image: Image, long_side: int) -> tuple[int, int]:
    """Return height and width of an image scaled to ``long_side``."""
    height, width = image.shape[:2]
    scale = long_side / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


MIN_LONG_SIDE = 224
"""Images with a shorter longest side are enlarged to this: faces in 48-px data sets are then found more often and more
accurately, and it is the size of the prepared images."""
MAX_LONG_SIDE = ENOUGH_SIDE
"""Images with a longer longest side are shrunk to this; a 50-px face in a 4000-px photo is still found."""
SMALL_PASS_SIDE = 320
"""Longer side of the small pass."""
SMALL_PASS_FROM = 512
"""Working size above which a small pass is added."""

FINDABLE = 48.0
"""Side of a face in working pixels from which on the network is relied upon to find it: of 140 rendered faces it finds
99% at 40 px and all at 64 px, 95% at 30 px, 63% at 24 px."""
MEASURABLE = 128.0
"""Side in working pixels that the smallest wanted face keeps, where a minimum size lets large images be reduced
further. At :data:`FINDABLE`, boxes would be found up to a tenth too large, and a limit would keep smaller faces."""
WHOLE_FACE = 384
"""Maximum side of a face, in working pixels of the full pass, at which it is not split into fragments."""
MIN_SMALL_PASS_FACE = 0.75
"""Minimum side of faces taken from the small pass, as a fraction of WHOLE_FACE."""
SAME_FACE = 0.4
"""Overlap (IoU) above which boxes of the two passes are the same face."""
PIECE = 0.5
"""Fraction of a box inside a large face above which it is a fragment of that face."""


def pass_sizes(image: Image, min_face: float = 0.0) -> list[int]:
    """Return the longest side of each pass of an image: the full one and, for large images, the small one.

    Args:
        min_face: side in its pixels of the smallest face that matters; large images are reduced as far as a face of
            that side allows (:data:`MEASURABLE`).
    """
    longest = max(*image.shape[:2])
    side = min(max(longest, MIN_LONG_SIDE), MAX_LONG_SIDE)
    if side > SMALL_PASS_FROM and min_face * side > MEASURABLE * longest:
        side = max(math.ceil(MEASURABLE * longest / min_face), SMALL_PASS_SIDE)
    return [side, SMALL_PASS_SIDE] if side > SMALL_PASS_FROM else [side]


def merge_passes(full: Sequence[Face], small: Sequence[Face], scale: float) -> list[Face]:
    """Merge two passes: large faces from the small pass, the others from the full one.

    Args:
        full: faces of the full pass, in image pixels.
        small: faces of the small pass, in image pixels.
        scale: working pixels of the full pass per image pixel.

    Returns:
        Faces without duplicates and fragments, best score first.
    """
    whole = [face for face in full if face.side * scale <= WHOLE_FACE]
    too_large = [face for face in full if face.side * scale > WHOLE_FACE]
    large = [
        face
        for face in small
        if face.side * scale >= MIN_SMALL_PASS_FACE * WHOLE_FACE and not any(is_same(face, other) for other in whole)
    ]
    # a large face found only in the full pass is better than none
    large += [face for face in too_large if not any(is_piece(face, of) or is_same(face, of) for of in large)]
    whole = [face for face in whole if not any(is_piece(face, of) for of in large)]
    return sorted(whole + large, key=lambda face: face.score, reverse=True)


def is_same(one: Face, other: Face) -> bool:
    """Return whether two faces are one, seen in two passes."""
    return intersection_over_union(one.box, other.box) > SAME_FACE


def is_piece(face: Face, of: Face) -> bool:
    """Return whether a face is a fragment of another; a much smaller one may be a person in front."""
    return face.side > of.side / 4 and intersection_area(face.box, of.box) > PIECE * box_area(face.box)


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
