"""RetinaFace's anchors, and decoding of the network's outputs relative to them."""

from functools import lru_cache

import torch
from torch import Tensor

STRIDES = (8, 16, 32)
ANCHOR_SIDES = ((16.0, 32.0), (64.0, 128.0), (256.0, 512.0))
"""Sides in pixels of the two square anchors in each cell, level by level."""
CENTRE_VARIANCE = 0.1
SIZE_VARIANCE = 0.2


@lru_cache(maxsize=64)
def anchor_boxes(height: int, width: int, device: torch.device) -> Tensor:
    """Lay out the anchors for an input size: by level, then row, then column, with both sizes in each cell.

    Args:
        height, width: size of the network's input in pixels; partial strides count as cells.

    Returns:
        ``(A, 3)`` float32: centre x, centre y, side, in pixels.
    """
    levels = []
    for stride, sides in zip(STRIDES, ANCHOR_SIDES, strict=True):
        rows = (torch.arange(-(-height // stride), device=device) + 0.5) * stride
        columns = (torch.arange(-(-width // stride), device=device) + 0.5) * stride
        y, x, side = torch.meshgrid(rows, columns, torch.tensor(sides, device=device), indexing="ij")
        levels.append(torch.stack([x, y, side], dim=-1).reshape(-1, 3))
    return torch.cat(levels)


def decode_boxes(offsets: Tensor, anchors: Tensor) -> Tensor:
    """Decode box offsets ``(..., 4)`` and anchors ``(..., 3)`` to ``(..., 4)`` boxes x0, y0, x1, y1 in pixels."""
    side = anchors[..., 2:]
    centre = anchors[..., :2] + offsets[..., :2] * CENTRE_VARIANCE * side
    half = side * torch.exp(offsets[..., 2:] * SIZE_VARIANCE) / 2
    return torch.cat([centre - half, centre + half], dim=-1)


def decode_landmarks(offsets: Tensor, anchors: Tensor) -> Tensor:
    """Decode landmark offsets ``(..., 10)`` and anchors ``(..., 3)`` to ``(..., 5, 2)`` points in pixels."""
    points = offsets.reshape(*offsets.shape[:-1], 5, 2)
    return anchors[..., None, :2] + points * CENTRE_VARIANCE * anchors[..., None, 2:]
