"""Landmarks of turned faces, set right: the network finds such faces, but places their landmarks badly."""

from collections.abc import Sequence

from ampnet.detection.detector import FaceDetector
from ampnet.detection.face import Face, landmark_distance, moved_face, roll
from ampnet.faces.alignment import align_face
from ampnet.faces.geometry import inverse
from ampnet.media.images import Image

STEEP_ROLL = 25.0
"""Degrees of roll from which a face is detected once more, upright. On rendered faces the landmarks' error halves
there (10 to 5 % of the eyes' distance) and falls to a quarter for a face on its side."""
MIN_SCORE = 0.5
"""Of the upright face: its place is known, so less will do than for finding one."""
NEAR = 0.6
"""Mean distance, in eyes-to-mouth distances, within which the upright face is the one that was turned up."""


def derotate(detector: FaceDetector, images: Sequence[Image], found: Sequence[Sequence[Face]]) -> list[list[Face]]:
    """Turn each steeply rolled face up, detect it there, and take the landmarks from that.

    Args:
        detector: found the faces.
        images: ``(H, W, 3)`` RGB uint8.
        found: faces of each image.

    Returns:
        The same faces; those that were found upright with new landmarks, all else as it was.
    """
    corrected = [list(faces) for faces in found]
    steep = [
        (index, place)
        for index, faces in enumerate(found)
        for place, face in enumerate(faces)
        if abs(roll(face)) > STEEP_ROLL
    ]
    aligned = [align_face(images[index], found[index][place].landmarks) for index, place in steep]
    upright = detector.detect([face.image for face in aligned], score_threshold=MIN_SCORE)
    for (index, place), face, candidates in zip(steep, aligned, upright, strict=True):
        old = found[index][place]
        back = inverse(face.matrix)
        moved = [moved_face(candidate, back) for candidate in candidates]
        near = [new for new in moved if landmark_distance(old, new) < NEAR]
        if near:
            nearest = min(near, key=lambda new: landmark_distance(old, new))
            corrected[index][place] = Face(old.box, old.score, nearest.landmarks)
    return corrected
