"""Head pose from five landmarks: a rough estimate, good enough to sort faces into wide bins.

Weak perspective: the affine map from a generic three-dimensional face to the landmarks is fitted by least squares, and
the nearest rotation is read off it (POS, DeMenthon and Davis 1995, doi:10.1007/BF01450852, without its iterations).

On the 420 rendered samples, with landmarks as the embedded detector finds them, the mean absolute error is 2.2 degrees
of yaw, 1.9 of roll and 6.3 of pitch (2.7, 2.4 and 5.7 if they are shrunk to 48 px). Yaw and roll are reliable. Pitch is
not: a nose that points up looks like a short one, and an open mouth like a bowed head, so the estimate correlates with
the truth by only 0.5 to 0.6.
"""

import numpy as np
from numpy.typing import NDArray

from ampnet.faces.geometry import Points

GENERIC_FACE = np.array([[-32, 0, 0], [32, 0, 0], [0, 36, -40], [-26, 68, -5], [26, 68, -5]], dtype=np.float64)
"""``(5, 3)`` eyes, nose tip and mouth corners in millimetres: x to the image's right, y down, z away from the camera.

The eyes' distance is an adult's; the nose's place was chosen on the training half of the rendered samples.
"""

YAW, PITCH, ROLL = range(3)


def estimate_pose(landmarks: Points) -> NDArray[np.float64]:
    """Estimate how each head is turned.

    Args:
        landmarks: ``(N, 5, 2)`` in pixels of any frame with square pixels. Aligning a face to its landmarks leaves yaw
            and pitch as they are and removes roll, so for aligned faces roll is what the alignment could not remove.

    Returns:
        ``(N, 3)`` degrees: yaw, positive if the nose points to the image's right; pitch, positive if it points up;
        roll, positive if the head is turned clockwise in the image. NaN if the landmarks are on a line.
    """
    model = GENERIC_FACE - GENERIC_FACE.mean(axis=0)
    points = np.asarray(landmarks, dtype=np.float64)
    centred = points - points.mean(axis=1, keepdims=True)
    affine = np.swapaxes(np.linalg.pinv(model) @ centred, 1, 2)  # (N, 2, 3)
    left, sizes, right = np.linalg.svd(affine, full_matrices=False)
    rows = left @ right  # (N, 2, 3), the nearest two rows of the rotation: roll after yaw after pitch
    roll = np.arctan2(rows[:, 1, 0], rows[:, 0, 0])[:, None]
    first = np.cos(roll) * rows[:, 0] + np.sin(roll) * rows[:, 1]  # the same rows without the roll
    second = np.cos(roll) * rows[:, 1] - np.sin(roll) * rows[:, 0]
    pitch = np.arctan2(second[:, 2], second[:, 1])
    yaw = np.arctan2(np.sin(pitch) * first[:, 1] - np.cos(pitch) * first[:, 2], first[:, 0])
    degrees = np.degrees(np.stack([yaw, pitch, roll[:, 0]], axis=1))
    degrees[sizes[:, 1] < 1e-6 * np.maximum(sizes[:, 0], 1e-12)] = np.nan
    return np.asarray(degrees)
