"""Removal of boxes that overlap a better one, without torchvision: importing that takes longer than to find a face."""

import cv2
import numpy as np
from numpy.typing import NDArray


def without_overlaps(
    boxes: NDArray[np.float32], scores: NDArray[np.float32], owner: NDArray[np.int64], overlap: float
) -> NDArray[np.int64]:
    """Choose the boxes that stay, best score first (greedy suppression, image by image).

    Args:
        boxes: ``(N, 4)`` x0, y0, x1, y1.
        scores: ``(N,)``, above 0.
        owner: ``(N,)`` image of each box.
        overlap: boxes whose overlap (IoU) with a better one exceeds this are dropped.

    Returns:
        Their indices.
    """
    if not len(boxes):
        return np.zeros(0, dtype=np.int64)
    corners = boxes.astype(np.float64)
    rectangles = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)
    kept = cv2.dnn.NMSBoxesBatched(rectangles.tolist(), scores.tolist(), owner.tolist(), 0.0, overlap)
    indices = np.asarray(kept, dtype=np.int64).reshape(-1)
    return indices[np.argsort(-scores[indices], kind="stable")]
