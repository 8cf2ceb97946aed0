"""At which sizes an image passes through the network, and how the passes become one list of faces.

RetinaFace takes faces beyond some 500 px to pieces, each piece a face of its own with a high score. Large images
therefore make two passes, one in full and one small: large faces come from the small pass, all others from the full
one.
"""

from collections.abc import Sequence

from ampnet.detection.face import Face
from ampnet.faces.geometry import box_area, intersection_area, intersection_over_union
from ampnet.media.images import Image

MIN_LONG_SIDE = 224
"""Images whose longer side is below this are enlarged to it: faces of 48-px data sets are found and placed better
so, and it is the size of the prepared images."""
MAX_LONG_SIDE = 1280
"""Photos whose longer side is above this are shrunk to it; a 50-px face of a 4000-px photo is still found."""
SMALL_PASS_SIDE = 320
"""Longer side of the small pass."""
SMALL_PASS_FROM = 512
"""Working size above which there is a small pass, too."""

WHOLE_FACE = 384
"""Side of a face in working pixels of the full pass up to which it is not taken to pieces."""
MIN_SMALL_PASS_FACE = 0.75
"""Side from which a face of the small pass counts, as a share of WHOLE_FACE."""
SAME_FACE = 0.4
"""Overlap (IoU) above which the two passes' boxes mean one face."""
PIECE = 0.5
"""Share of a box inside a large face above which it is a piece of that face."""


def pass_sizes(image: Image) -> list[int]:
    """Say at which longer sides an image passes through the network: in full, and where that is large, small."""
    side = min(max(*image.shape[:2], MIN_LONG_SIDE), MAX_LONG_SIDE)
    return [side, SMALL_PASS_SIDE] if side > SMALL_PASS_FROM else [side]


def merge_passes(full: Sequence[Face], small: Sequence[Face], scale: float) -> list[Face]:
    """Take large faces from the small pass, the others from the full one.

    Args:
        full: faces of the full pass, in pixels of the image.
        small: faces of the small pass, in pixels of the image.
        scale: working pixels of the full pass per pixel of the image.

    Returns:
        Faces without doubles and pieces, best score first.
    """
    whole = [face for face in full if face.side * scale <= WHOLE_FACE]
    too_large = [face for face in full if face.side * scale > WHOLE_FACE]
    large = [
        face
        for face in small
        if face.side * scale >= MIN_SMALL_PASS_FACE * WHOLE_FACE and not any(_is_same(face, other) for other in whole)
    ]
    # a large face that only the full pass has found is better than none
    large += [face for face in too_large if not any(_is_piece(face, of) or _is_same(face, of) for of in large)]
    whole = [face for face in whole if not any(_is_piece(face, of) for of in large)]
    return sorted(whole + large, key=lambda face: face.score, reverse=True)


def _is_same(one: Face, other: Face) -> bool:
    return intersection_over_union(one.box, other.box) > SAME_FACE


def _is_piece(face: Face, of: Face) -> bool:
    """A much smaller face is no piece: it may be someone in front."""
    return face.side > of.side / 4 and intersection_area(face.box, of.box) > PIECE * box_area(face.box)
