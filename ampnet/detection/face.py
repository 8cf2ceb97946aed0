"""Detected faces, the choice among them, and which are dropped: too small, or with impossible landmarks."""

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


MAX_ROLL = 120.0
"""Maximum angle in degrees of the eyes-to-mouth axis from straight down: lying faces pass, upside-down ones do not."""
EYES_TO_MOUTH = (0.22, 0.85)
"""Range of the distance from the eyes' midpoint to the mouth's, as a fraction of the box's side (root of its area)."""
NOSE_HEIGHT = (-0.02, 1.1)
"""Range of the nose tip's position along that axis: 0 at the eyes, 1 at the mouth. Strong pitch reaches the ends."""
MIN_EYE_WIDTH = -0.1
"""Minimum eye distance across the axis, as a fraction of its length; below zero the eyes are swapped, as happens
slightly in full profiles."""
MIN_MOUTH_WIDTH = -0.25
"""Minimum mouth width across the axis, as a fraction of its length."""
BOX_MARGIN = 0.15
"""How far landmarks may lie outside the box, as a fraction of its width and height."""


def keep_faces(faces: Sequence[Face], min_face: float) -> list[Face]:
    """Keep the faces with plausible landmarks whose boxes have no side below ``min_face`` pixels."""
    return [face for face in faces if is_large(face, min_face) and are_plausible_landmarks(face.box, face.landmarks)]


def is_large(face: Face, min_face: float) -> bool:
    """Return whether no side of a face's box is below ``min_face`` pixels."""
    return bool(min(face.box[2:] - face.box[:2]) >= min_face)


def are_plausible_landmarks(box: NDArray[np.floating], landmarks: NDArray[np.floating]) -> bool:
    """Return whether landmarks are plausible for a face with any roll up to lying down.

    The limits were set on detections in FER-2013: profiles, heads tilted back and lying faces pass; the clustered
    points found on upside-down faces do not.

    Args:
        box: ``(4,)`` x0, y0, x1, y1 in pixels.
        landmarks: ``(5, 2)`` in the same frame: left eye, right eye, nose, left and right mouth corner.
    """
    left_eye, right_eye, nose, left_mouth, right_mouth = np.asarray(landmarks, dtype=np.float64)
    eyes = (left_eye + right_eye) / 2
    down = (left_mouth + right_mouth) / 2 - eyes
    width, height = float(box[2] - box[0]), float(box[3] - box[1])
    length = float(np.hypot(*down))
    if width <= 0 or height <= 0 or length == 0:
        return False

    def across(vector: NDArray[np.float64]) -> float:
        return float(vector[0] * down[1] - vector[1] * down[0]) / length**2

    within_box = (landmarks - box[:2]) / (width, height)
    return (
        abs(math.degrees(math.atan2(down[0], down[1]))) <= MAX_ROLL
        and EYES_TO_MOUTH[0] <= length / math.sqrt(width * height) <= EYES_TO_MOUTH[1]
        and NOSE_HEIGHT[0] <= float((nose - eyes) @ down) / length**2 <= NOSE_HEIGHT[1]
        and across(right_eye - left_eye) >= MIN_EYE_WIDTH
        and across(right_mouth - left_mouth) >= MIN_MOUTH_WIDTH
        and bool((within_box >= -BOX_MARGIN).all() and (within_box <= 1 + BOX_MARGIN).all())
    )
