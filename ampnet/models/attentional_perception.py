"""Attentional perception (AP): the regions around eyes and mouth corners, where expressions are most visible."""

from torch import Tensor

from ampnet.models.attention import RegionPerception
from ampnet.models.layers import scaled
from ampnet.models.regions import NUM_SALIENT, crop_windows, salient_boxes, salient_radius
from ampnet.settings import Placement


class AttentionalPerception(RegionPerception):
    """Embeds five salient regions, each with its own weights, and fuses them.

    The AP module of AMP-Net, at ``width`` times the paper's channel counts: an embedding of 512 at width 1.
    """

    def __init__(self, in_channels: int, width: float = 1.0, placement: Placement = "cells") -> None:
        super().__init__(NUM_SALIENT, in_channels, (scaled(256, width), 2), embed_dim=scaled(512, width))
        self.placement = placement

    def cut(self, features: Tensor, landmarks: Tensor) -> Tensor:
        """Cut the regions, 10 x 10 cells at the paper's grid."""
        grid = int(features.shape[-1])  # tracing yields a tensor
        origins = salient_boxes(landmarks, grid, self.placement)[..., :2]
        return crop_windows(features, origins, 2 * salient_radius(grid))  # (5, B, C, 10, 10)
