"""What makes the answer about a face doubtful, in words.

docs/predict.md says how often the warnings are right.
"""

from collections.abc import Mapping

import numpy as np

from ampnet.detection.face import Face
from ampnet.faces.geometry import YAW, box_area, estimate_pose, intersection_area

FEW_PIXELS = 24.0
"""Faces with a smaller side show less than half of what the bundled models were trained on (48 pixels)."""

TURNED_DEGREES = 45.0
"""Heads turned further away show one half of the face only."""

CUT_SHARE = 0.15
"""A larger share of a face's box outside the photo is a face cut by its edge."""

BLURRED = 0.55
"""Faces that keep more of their edges when they are blurred once more are blurred already."""

DARK = 80
"""Faces of which nine tenths are darker have less than half the brightness of most, and answers change."""

CLOSE_CALL = 0.1
"""A smaller lead of the most probable class over the second is a close call."""


def visible_share(face: Face, size_hw: tuple[int, int]) -> float:
    """Return the share of a face's box within its photo, in [0, 1].

    Args:
        face: the face, in pixels of the photo.
    """
    height, width = size_hw
    return float(intersection_area(face.box, np.array([0, 0, width, height])) / max(box_area(face.box), 1e-6))


def face_warnings(
    face: Face, visible: float, blurriness: float, brightness: int, scores: Mapping[str, float]
) -> list[str]:
    """Describe what makes the answer about a face doubtful; nothing for most faces.

    Args:
        face: the face, in pixels of the photo.
        visible: share of its box within the photo; see :func:`visible_share`.
        blurriness: see :func:`ampnet.faces.appearance.blurriness`.
        brightness: see :func:`ampnet.faces.appearance.brightness`.
    """
    warnings = []
    if face.side < FEW_PIXELS:
        warnings.append(f"small: {face.side:.0f} pixels")
    elif blurriness > BLURRED:  # small faces are blurred, too, which says nothing new
        warnings.append("blurred")
    if brightness < DARK:
        warnings.append("dark")
    yaw = abs(float(estimate_pose(face.landmarks[None])[0, YAW]))
    if yaw > TURNED_DEGREES:  # false for landmarks on a line, whose yaw is unknown
        warnings.append(f"turned away by about {yaw:.0f} degrees")
    if visible < 1 - CUT_SHARE:
        warnings.append("cut by the edge of the photo")
    if len(scores) > 1:
        (_, most), (second, next_most) = sorted(scores.items(), key=lambda item: -item[1])[:2]
        if most - next_most < CLOSE_CALL:
            warnings.append(f"close call with {second}")
    return warnings
