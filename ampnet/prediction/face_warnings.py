"""What makes the answer about a face doubtful, in words: few pixels, a head turned away, a face cut by the edge."""

import numpy as np

from ampnet.detection.face import Face
from ampnet.faces.geometry import box_area, intersection_area
from ampnet.faces.pose import YAW, estimate_pose

FEW_PIXELS = 24.0
"""Faces with a smaller side show less than half of what the bundled models were trained on (48 pixels)."""

TURNED_DEGREES = 45.0
"""Heads turned further away show one half of the face only."""

CUT_SHARE = 0.15
"""A larger share of a face's box outside the photo is a face cut by its edge."""


def face_warnings(face: Face, size_hw: tuple[int, int] | None) -> list[str]:
    """Say what makes the answer about a face doubtful; nothing for most faces.

    Args:
        face: the face, in pixels of the photo.
        size_hw: height and width of the photo; None if unknown.
    """
    warnings = []
    if face.side < FEW_PIXELS:
        warnings.append(f"small: {face.side:.0f} pixels")
    yaw = abs(float(estimate_pose(face.landmarks[None])[0, YAW]))
    if yaw > TURNED_DEGREES:  # false for landmarks on a line, whose yaw is unknown
        warnings.append(f"turned away by about {yaw:.0f} degrees")
    if size_hw is not None:
        height, width = size_hw
        inside = intersection_area(face.box, np.array([0, 0, width, height]))
        if inside < (1 - CUT_SHARE) * box_area(face.box):
            warnings.append("cut by the edge of the photo")
    return warnings
