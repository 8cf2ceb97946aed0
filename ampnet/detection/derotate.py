"""Correction of landmarks on rotated faces, which the network detects but places inaccurately."""

from collections.abc import Sequence

from ampnet.detection.any_size import AnySizeDetector
from ampnet.detection.face import Face, landmark_distance, moved_face, roll
from ampnet.faces.alignment import align_face
from ampnet.faces.geometry import inverse
from ampnet.media.images import Image

STEEP_ROLL = 25.0
"""Degrees of roll above which a face is detected again, upright. On rendered faces this halves the landmark error at
that angle (10 to 5% of the eye distance), and quarters it for faces lying on their side."""
MIN_SCORE = 0.5
"""Minimum score of the upright face: since its position is known, less is needed than for finding one."""
NEAR = 0.6
"""Maximum mean landmark distance, in eye-to-mouth distances, at which the upright face is taken to be the same one."""


def derotate(detector: AnySizeDetector, images: Sequence[Image], found: Sequence[Sequence[Face]]) -> list[list[Face]]:
    """Rotate each steeply rolled face upright, detect it again, and take the new landmarks.

    Args:
        images: ``(H, W, 3)`` RGB uint8.

    Returns:
        The same faces, with new landmarks where a face was found again upright.
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
