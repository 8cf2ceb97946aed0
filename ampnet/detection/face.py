"""Detected faces."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ampnet.faces.geometry import Affine, box_area, transform_points
from ampnet.settings import FacePolicy


@dataclass(frozen=True, eq=False)
class Face:
    """One face, in pixels of the image it was found in.

    Attributes:
        box: ``(4,)`` float32 x0, y0, x1, y1; may extend beyond the image.
        score: the detector's confidence, in [0, 1].
        landmarks: ``(5, 2)`` float32 (x, y): left eye, right eye, nose tip, left and right mouth corner; left
            is the image's left.
    """

    box: NDArray[np.float32]
    score: float
    landmarks: NDArray[np.float32]

    @property
    def side(self) -> float:
        """Square root of the box's area, in pixels."""
        return math.sqrt(box_area(self.box))

    @property
    def axis(self) -> NDArray[np.floating]:
        """``(2,)`` from the eyes' midpoint to the mouth's, in pixels."""
        return np.asarray(self.landmarks[3:].mean(axis=0) - self.landmarks[:2].mean(axis=0))

    @property
    def eyes_to_mouth(self) -> float:
        """Length of that, in pixels."""
        return float(np.hypot(*self.axis))


def roll(face: Face) -> float:
    """Return the roll in degrees, clockwise positive: the angle of the eyes-to-mouth axis from straight down."""
    x, y = face.axis
    return -math.degrees(math.atan2(x, y))


def landmark_distance(one: Face, other: Face) -> float:
    """Return the mean distance of two faces' landmarks, in eye-to-mouth distances of the first."""
    return float(np.hypot(*(one.landmarks - other.landmarks).T).mean()) / max(one.eyes_to_mouth, 1e-6)


def moved_face(face: Face, matrix: Affine) -> Face:
    """Apply an affine map to a face; the new box bounds the image of the ellipse inscribed in the old one."""
    centre = transform_points((face.box[:2] + face.box[2:]) / 2, matrix)
    half = np.sqrt(matrix[:, :2] ** 2 @ ((face.box[2:] - face.box[:2]).astype(np.float64) / 2) ** 2)
    box = np.concatenate([centre - half, centre + half])
    landmarks = transform_points(face.landmarks, matrix)
    return Face(box.astype(np.float32), face.score, landmarks.astype(np.float32))


def choose_face(faces: Sequence[Face], policy: FacePolicy, size_hw: tuple[int, int]) -> list[Face]:
    """Select among several faces of an image.

    Args:
        faces: faces of one image, best score first.
        policy: ``largest`` visible area, nearest to the ``centre`` of the image, ``best`` score, or ``all``.
        size_hw: height and width of the image in pixels.

    Returns:
        One face, or all in their order; empty if there are none. Ties go to the better score.
    """
    if policy == "all" or not faces:
        return list(faces)
    if policy == "best":
        return [max(faces, key=lambda face: face.score)]
    if policy == "largest":
        return [max(faces, key=lambda face: visible_area(face, size_hw))]
    middle = (size_hw[1] / 2, size_hw[0] / 2)
    return [min(faces, key=lambda face: distance_from(face, middle))]


def visible_area(face: Face, size_hw: tuple[int, int]) -> float:
    """Return the area of a face's box within an image of this height and width, in square pixels."""
    height, width = size_hw
    return box_area(np.clip(face.box, 0, (width, height, width, height)))


def distance_from(face: Face, point_xy: tuple[float, float]) -> float:
    """Return the distance of a face's centre from a point, in pixels."""
    return float(np.hypot(*((face.box[:2] + face.box[2:]) / 2 - point_xy)))
