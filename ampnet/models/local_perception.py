"""Local perception (LP): the four face quadrants, cut where the landmarks say."""

from torch import Tensor

from ampnet.models.attention import FusedStacks
from ampnet.models.layers import scaled
from ampnet.models.regions import (
    NUM_QUADRANTS,
    crop_windows,
    inside_boxes,
    quadrant_boxes,
    quadrant_origins,
    quadrant_side,
)


class LocalPerception(FusedStacks):
    """Embeds the four face quadrants, each with its own weights, and fuses them.

    The LP module of AMP-Net, at a ``width`` times the paper's channel counts.

    Shape:
        - features: ``(B, in_channels, G, G)``
        - landmarks: ``(B, 5, 2)`` in pixels of the image (8 G x 8 G)
        - returns: ``(B, embed_dim)``, 512 at width 1
    """

    def __init__(self, in_channels: int, width: float = 1.0) -> None:
        hidden, embed_dim = scaled(256, width), scaled(512, width)
        super().__init__(NUM_QUADRANTS, in_channels, (hidden, 2), (embed_dim, 1), embed_dim=embed_dim)

    def forward(self, features: Tensor, landmarks: Tensor) -> Tensor:
        """Embed the quadrants; cells that a quadrant lacks for want of room are zero."""
        grid = features.shape[-1]
        side = quadrant_side(grid)
        boxes = quadrant_boxes(landmarks, grid)
        origins = quadrant_origins(boxes, side)
        patches = crop_windows(features, origins, side) * inside_boxes(boxes, origins, side)  # (4, B, C, 14, 14)
        return self.embed(patches)  # (B, 4 x 512) -> (B, 512)
