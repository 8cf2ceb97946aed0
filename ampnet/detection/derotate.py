"""Landmarks of turned faces, set right: the network finds such faces, but places their landmarks badly."""

from collections.abc import Sequence

from ampnet.detection.detector import FaceDetector, Image
from ampnet.detection.face import Face, distance, moved_face, roll
from ampnet.faces.alignment import align_face
from ampnet.faces.geometry import inverse

STEEP_ROLL = 25.0
"""Degrees of roll from which a face is looked at again upright. On rendered faces the landmarks' error halves there
(10 to 5 % of the eyes' distance) and falls to a quarter for a face on its side."""
LEAST_SCORE = 0.5
"""Of the upright face: its place is known, so less will do than for finding one."""
NEAR = 0.6
"""Mean distance, in eyes-to-mouth distances, within which the upright face is the one that was turned up."""


def derotate(detector: FaceDetector, images: Sequence[Image], found: Sequence[Sequence[Face]]) -> list[list[Face]]:
    """Turn each steeply rolled face up, find it again, and take the landmarks from there.

    Args:
        detector: found the faces.
        images: ``(H, W, 3)`` RGB uint8.
        found: faces of each image.

    Returns:
        The same faces; those that were found again with new landmarks, all else as it was.
    """
    corrected = [list(faces) for faces in found]
    steep = [
        (index, place)
        for index, faces in enumerate(found)
        for place, face in enumerate(faces)
        if abs(roll(face)) > STEEP_ROLL
    ]
    turned_up = [align_face(images[index], found[index][place].landmarks) for index, place in steep]
    again = detector.detect([face.image for face in turned_up], score_threshold=LEAST_SCORE)
    for (index, place), face, candidates in zip(steep, turned_up, again, strict=True):
        old = found[index][place]
        back = inverse(face.matrix)
        moved = [moved_face(candidate, back) for candidate in candidates]
        near = [new for new in moved if distance(old, new) < NEAR]
        if near:
            corrected[index][place] = Face(old.box, old.score, min(near, key=lambda new: distance(old, new)).landmarks)
    return corrected
