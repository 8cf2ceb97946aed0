"""Detection at several sizes, and merging of the results.

RetinaFace splits faces larger than about 500 px into fragments, each detected as a face with a high score. Large images
therefore get two passes, full and small: large faces are taken from the small pass, all others from the full one.
"""

import math
from collections.abc import Sequence

from ampnet.detection.face import Face
from ampnet.faces.geometry import box_area, intersection_area, intersection_over_union
from ampnet.media.images import Image
from ampnet.reading.photo import ENOUGH_SIDE

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
