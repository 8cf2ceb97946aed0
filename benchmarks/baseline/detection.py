"""RetinaFace one image at a time, as a baseline for speed: anchors, decoding and suppression anew for each image."""

from collections.abc import Sequence
from itertools import product
from math import ceil

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

STEPS, SIZES = (8, 16, 32), ((16, 32), (64, 128), (256, 512))


def detect_one(
    network: nn.Module, mean: Sequence[float], image: NDArray[np.uint8], threshold: float = 0.7, overlap: float = 0.4
) -> NDArray[np.float32]:
    """Find the faces of one RGB image whose sides are multiples of 32; rows of box, score and landmarks."""
    height, width = image.shape[:2]
    pixels = np.float32(image) - mean
    batch = torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1), dtype=np.float32)).unsqueeze(0)
    with torch.no_grad():
        locations, logits, points = (part[0] for part in network(batch))
    anchors = torch.tensor(_anchors(height, width))
    boxes = _boxes(locations, anchors) * torch.tensor([width, height] * 2)
    landmarks = _landmarks(points, anchors) * torch.tensor([width, height] * 5)
    scores = torch.softmax(logits, dim=-1)[:, 1]
    rows = torch.cat([boxes, scores[:, None], landmarks], dim=1).numpy()
    rows = rows[rows[:, 4] > threshold]
    rows = rows[rows[:, 4].argsort()[::-1]]
    return rows[_suppress(rows, overlap)]


def _anchors(height: int, width: int) -> list[list[float]]:
    anchors = []
    for step, sizes in zip(STEPS, SIZES, strict=True):
        for row, column in product(range(ceil(height / step)), range(ceil(width / step))):
            for size in sizes:
                anchors.append(
                    [(column + 0.5) * step / width, (row + 0.5) * step / height, size / width, size / height]
                )
    return anchors


def _boxes(locations: Tensor, anchors: Tensor) -> Tensor:
    centres = anchors[:, :2] + locations[:, :2] * 0.1 * anchors[:, 2:]
    sides = anchors[:, 2:] * torch.exp(locations[:, 2:] * 0.2)
    return torch.cat([centres - sides / 2, centres + sides / 2], dim=1)


def _landmarks(points: Tensor, anchors: Tensor) -> Tensor:
    return torch.cat([anchors[:, :2] + points[:, i : i + 2] * 0.1 * anchors[:, 2:] for i in range(0, 10, 2)], dim=1)


def _suppress(rows: NDArray[np.float32], overlap: float) -> list[int]:
    x0, y0, x1, y1 = rows[:, :4].T
    areas = (x1 - x0 + 1) * (y1 - y0 + 1)
    kept, order = [], np.arange(len(rows))
    while len(order):
        best, others = order[0], order[1:]
        kept.append(int(best))
        w = np.maximum(0, np.minimum(x1[best], x1[others]) - np.maximum(x0[best], x0[others]) + 1)
        h = np.maximum(0, np.minimum(y1[best], y1[others]) - np.maximum(y0[best], y0[others]) + 1)
        order = others[w * h / (areas[best] + areas[others] - w * h) <= overlap]
    return kept
