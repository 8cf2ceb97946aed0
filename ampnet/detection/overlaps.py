"""Removal of boxes that overlap a better one, without torchvision: importing that takes longer than to find a face."""

import cv2
import numpy as np
from numpy.typing import NDArray

AVERAGED_OVERLAP = 0.5
"""Overlap (IoU) with a kept box above which a candidate is the same face and takes part in its average."""


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
    corners = boxes.astype(np.float64)
    rectangles = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)
    kept = cv2.dnn.NMSBoxesBatched(rectangles.tolist(), scores.tolist(), owner.tolist(), 0.0, overlap)
    indices = np.asarray(kept, dtype=np.int64).reshape(-1)
    return indices[np.argsort(-scores[indices], kind="stable")]


def averaged_candidates(
    boxes: NDArray[np.float32],
    landmarks: NDArray[np.float32],
    scores: NDArray[np.float32],
    owner: NDArray[np.int64],
    kept: NDArray[np.int64],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Average each kept face over the candidates of the same face, weighted by their squared scores.

    Which of several equally good candidates has the best score changes with the slightest change of a photo; their
    mean hardly does. After box voting (Gidaris and Komodakis 2015, arXiv:1505.01749).

    Args:
        boxes: ``(N, 4)`` x0, y0, x1, y1 of all candidates.
        landmarks: ``(N, 5, 2)`` of all candidates.
        scores: ``(N,)`` of all candidates, above 0.
        owner: ``(N,)`` image of each candidate.
        kept: ``(M,)`` indices from :func:`without_overlaps`.

    Returns:
        ``(M, 4)`` boxes and ``(M, 5, 2)`` landmarks of the kept faces.
    """
    numbers = np.concatenate([boxes, landmarks.reshape(-1, 10)], axis=1).astype(np.float64)
    weights = scores.astype(np.float64) ** 2
    means = np.empty((len(kept), numbers.shape[1]))
    order = np.argsort(owner, kind="stable")
    starts, ends = (np.searchsorted(owner[order], owner[kept], side=side) for side in ("left", "right"))
    for row, (index, start, end) in enumerate(zip(kept, starts, ends, strict=True)):
        others = order[start:end]
        alike = others[_overlaps(boxes[index], boxes[others]) > AVERAGED_OVERLAP]
        group = alike if len(alike) else np.array([index])  # a box without area overlaps nothing, not even itself
        means[row] = np.average(numbers[group], axis=0, weights=weights[group])
    return means[:, :4].astype(np.float32), means[:, 4:].reshape(-1, 5, 2).astype(np.float32)


def _overlaps(box: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float64]:
    """Compute the overlaps (IoU) of one box with ``(N, 4)`` others."""
    box, others = box.astype(np.float64), others.astype(np.float64)
    sides = (np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])).clip(0)
    shared = sides.prod(axis=1)
    union = (box[2:] - box[:2]).prod() + (others[:, 2:] - others[:, :2]).prod(axis=1) - shared
    return np.asarray(np.divide(shared, union, out=np.zeros(len(others)), where=union > 0))
