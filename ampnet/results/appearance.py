"""What the picture around a face looks like: hair, clothes, the wall behind. It does not identify a face."""

import cv2
import numpy as np
from numpy.typing import NDArray

from ampnet.media.images import Image

_AROUND = (0.15, 0.4, 0.15, 0.6)
"""How far the picture reaches beyond the face's box: left, up, right, down, in widths and heights of the box."""

_ZONES = ((0.0, 0.25), (0.25, 0.7), (0.7, 1.0))
"""Parts of its height: hair, face, clothes."""

_BINS = (8, 12, 12)
"""Of lightness, green to red, blue to yellow (CIE Lab)."""

_SIZE = 48


def appearance(image: Image, box: NDArray[np.floating]) -> NDArray[np.float32]:
    """Describe the picture around a face by its colours, in three zones.

    Args:
        image: ``(H, W, 3)`` RGB uint8.
        box: the face's x0, y0, x1, y1 in its pixels.

    Returns:
        ``(96,)`` square roots of histograms that sum to 1; the dot product of two is their likeness, from 0 to 1.
    """
    height, width = image.shape[:2]
    x0, y0, x1, y1 = box.tolist()
    left, up, right, down = _AROUND
    w, h = x1 - x0, y1 - y0
    columns = np.clip([x0 - left * w, x1 + right * w], 0, width).astype(int)
    rows = np.clip([y0 - up * h, y1 + down * h], 0, height).astype(int)
    part = image[rows[0] : rows[1], columns[0] : columns[1]]
    if not part.size:
        return np.zeros(len(_ZONES) * sum(_BINS), np.float32)
    lab = cv2.cvtColor(cv2.resize(part, (_SIZE, _SIZE), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2LAB)
    histograms = []
    for top, bottom in _ZONES:
        zone = lab[round(top * _SIZE) : round(bottom * _SIZE)].reshape(-1, 3)
        for channel, bins in enumerate(_BINS):
            first, end = (0, 256) if channel == 0 else (64, 192)  # colours of people are not saturated
            levels = np.clip(zone[:, channel], first, end - 1).astype(int) - first
            counts = np.bincount(levels * bins // (end - first), minlength=bins)  # np.histogram: five times as long
            blurred = np.convolve(counts, [0.25, 0.5, 0.25], "same")
            histograms.append(blurred / max(blurred.sum(), 1))
    return np.sqrt(np.concatenate(histograms) / len(histograms)).astype(np.float32)


def likeness(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Return how alike two descriptions are, from 0 to 1."""
    return float(one @ other)
