"""Local perception (LP): the four face quadrants, placed by the landmarks."""

from torch import Tensor

from ampnet.models.attention import RegionPerception
from ampnet.models.layers import scaled
from ampnet.models.regions import (
    NUM_QUADRANTS,
    crop_windows,
    inside_boxes,
    quadrant_boxes,
    quadrant_origins,
    quadrant_side,
)
from ampnet.settings import Placement


class LocalPerception(RegionPerception):
    """Embeds the four face quadrants, each with its own weights, and fuses them.

    The LP module of AMP-Net, at ``width`` times the paper's channel counts: an embedding of 512 at width 1.
    """

    def __init__(self, in_channels: int, width: float = 1.0, placement: Placement = "cells") -> None:
        hidden, embed_dim = scaled(256, width), scaled(512, width)
        super().__init__(NUM_QUADRANTS, in_channels, (hidden, 2), (embed_dim, 1), embed_dim=embed_dim)
        self.placement = placement

    def cut(self, features: Tensor, landmarks: Tensor) -> Tensor:
        """Cut the quadrants; where one is smaller than its patch, the remaining cells are zero."""
        grid = int(features.shape[-1])  # tracing yields a tensor
        side = quadrant_side(grid)
        boxes = quadrant_boxes(landmarks, grid, self.placement)
        origins = quadrant_origins(boxes, side)
        inside = inside_boxes(boxes, origins, side).to(features.dtype)
        return crop_windows(features, origins, side) * inside  # (4, B, C, 14, 14)
