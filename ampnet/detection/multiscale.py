"""Two looks at a large image become one list of faces.

RetinaFace takes faces beyond some 500 px to pieces, each piece a face of its own with a high score. Large images
are therefore looked at in full and in a small overview: large faces come from the overview, all others from
the full look.
"""

from collections.abc import Sequence

from ampnet.detection.face import Face, shared_area

WHOLE_FACE = 384
"""Side of a face in working pixels of the full look up to which it is not taken to pieces."""
LEAST_OVERVIEW_FACE = 0.75
"""Side from which a face of the overview counts, as a share of WHOLE_FACE."""
SAME_FACE = 0.4
"""Least overlap (IoU) of the two looks' boxes of one face."""
PIECE = 0.5
"""Share of a box inside a large face from which it is a piece of that face."""


def merge_passes(full: Sequence[Face], overview: Sequence[Face], scale: float) -> list[Face]:
    """Take large faces from the overview, the others from the full look.

    Args:
        full: faces of the full look, in pixels of the image.
        overview: faces of the overview, in pixels of the image.
        scale: working pixels of the full look per pixel of the image.

    Returns:
        Faces without doubles and pieces, best score first.
    """
    whole = [face for face in full if face.side * scale <= WHOLE_FACE]
    too_large = [face for face in full if face.side * scale > WHOLE_FACE]
    large = [
        face
        for face in overview
        if face.side * scale >= LEAST_OVERVIEW_FACE * WHOLE_FACE and not any(_is_same(face, other) for other in whole)
    ]
    # a large face that only the full look has found is better than none
    large += [face for face in too_large if not any(_is_piece(face, of) or _is_same(face, of) for of in large)]
    whole = [face for face in whole if not any(_is_piece(face, of) for of in large)]
    return sorted(whole + large, key=lambda face: face.score, reverse=True)


def _is_same(one: Face, other: Face) -> bool:
    shared = shared_area(one, other)
    return shared > SAME_FACE * (one.side**2 + other.side**2 - shared)


def _is_piece(face: Face, of: Face) -> bool:
    """A much smaller face is no piece: it may be someone in front."""
    return face.side > of.side / 4 and shared_area(face, of) > PIECE * face.side**2
