"""Points, boxes and affine maps; an image and its landmarks are always transformed by the same map.

A box is ``(4,)`` x0, y0, x1, y1. A map is a ``(2, 3)`` float64 matrix from source pixels ``(x, y, 1)`` to target
pixels. Landmarks are ordered left eye, right eye, nose tip, left mouth corner, right mouth corner; left is the image's
left.
"""

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.floating]
Box = NDArray[np.floating]
Affine = NDArray[np.float64]

MIRROR_ORDER = (1, 0, 2, 4, 3)
"""Position of each landmark's counterpart in a mirrored face."""


def transform_points(points: Points, matrix: Affine) -> NDArray[np.float64]:
    """Apply a ``(2, 3)`` map to ``(..., 2)`` points, or ``(B, 2, 3)`` maps to ``(B, P, 2)`` points."""
    shift = matrix[..., 2] if matrix.ndim == 2 else matrix[:, None, :, 2]
    return np.asarray(points, dtype=np.float64) @ matrix[..., :2].swapaxes(-1, -2) + shift


def compose(first: Affine, then: Affine) -> Affine:
    """Compose two maps: the result applies ``first``, then ``then``."""
    joined = then[:, :2] @ first
    joined[:, 2] += then[:, 2]
    return joined


def inverse(matrix: Affine) -> Affine:
    """Invert a map.

    Raises:
        numpy.linalg.LinAlgError: the map is singular.
    """
    linear = np.linalg.inv(matrix[:, :2])
    return np.column_stack([linear, -linear @ matrix[:, 2]])


def similarity(source: Points, target: Points) -> Affine:
    """Fit the rotation, uniform scaling and shift from ``source`` to ``target`` in the least-squares sense.

    Closed form for two dimensions (Umeyama 1991, without reflection).

    Args:
        source: ``(P, 2)`` points, at least two of them distinct.
        target: ``(P, 2)`` points.

    Raises:
        ValueError: all source points coincide.
    """
    source, target = np.asarray(source, dtype=np.float64), np.asarray(target, dtype=np.float64)
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    s, t = source - source_mean, target - target_mean
    spread = (s**2).sum()
    if spread < 1e-12:
        raise ValueError("a similarity needs at least two distinct points")
    a = (s * t).sum() / spread
    b = (s[:, 0] * t[:, 1] - s[:, 1] * t[:, 0]).sum() / spread
    linear = np.array([[a, -b], [b, a]])
    return np.column_stack([linear, target_mean - linear @ source_mean])


def mirror_landmarks(landmarks: Points, width: float) -> NDArray[np.float64]:
    """Mirror ``(..., 5, 2)`` landmarks about the vertical centre line of a frame: x becomes ``width - x``.

    The eyes and the mouth corners are swapped, so that left is still the image's left.
    """
    mirrored = np.asarray(landmarks, dtype=np.float64)[..., MIRROR_ORDER, :].copy()
    mirrored[..., 0] = width - mirrored[..., 0]
    return mirrored


def box_area(box: Box) -> float:
    """Return the area of a box; 0 if it is inverted."""
    width, height = box[2:] - box[:2]
    return max(0.0, float(width)) * max(0.0, float(height))


def intersection_area(first: Box, second: Box) -> float:
    """Return the area of the intersection of two boxes."""
    return box_area(np.concatenate([np.maximum(first[:2], second[:2]), np.minimum(first[2:], second[2:])]))


def intersection_over_union(first: Box, second: Box) -> float:
    """Return the overlap (IoU) of two boxes in [0, 1]; 0 if neither has an area."""
    shared = intersection_area(first, second)
    union = box_area(first) + box_area(second) - shared
    return shared / union if union > 0 else 0.0
