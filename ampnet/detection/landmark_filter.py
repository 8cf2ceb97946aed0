"""Filtering of detections: faces that are too small, or whose landmarks are impossible, are dropped."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ampnet.detection.face import Face

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
