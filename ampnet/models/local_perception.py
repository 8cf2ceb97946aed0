"""Local perception (LP): the four face quadrants, placed by the landmarks."""

from torch import Tensor, nn

from ampnet.models.attention import ParallelStacks
from ampnet.models.layers import scaled
from ampnet.models.regions import (
    NUM_QUADRANTS,
    crop_windows,
    inside_boxes,
    quadrant_boxes,
    quadrant_origins,
    quadrant_side,
)


class LocalPerception(nn.Module):
    """Embeds the four face quadrants, each with its own weights, and fuses them.

    The LP module of AMP-Net (Liu et al. 2022, doi:10.1109/TCSVT.2022.3165321).

    Args:
        in_channels: channels of the stem's feature map.
        width: multiplier of the channel counts.

    Shape:
        - features: ``(B, in_channels, G, G)``
        - landmarks: ``(B, 5, 2)`` in pixels of the image (8 G x 8 G)
        - returns: ``(B, embed_dim)``, 512 at width 1
    """

    def __init__(self, in_channels: int, width: float = 1.0) -> None:
        super().__init__()
        hidden, self.embed_dim = scaled(256, width), scaled(512, width)
        self.branches = ParallelStacks(NUM_QUADRANTS, in_channels, (hidden, 2), (self.embed_dim, 1))
        self.fuse = nn.Linear(NUM_QUADRANTS * self.embed_dim, self.embed_dim)

    def forward(self, features: Tensor, landmarks: Tensor) -> Tensor:
        """Embed the quadrants; where a quadrant is smaller than its patch, the remaining cells are zero."""
        grid = features.shape[-1]
        side = quadrant_side(grid)
        boxes = quadrant_boxes(landmarks, grid)
        origins = quadrant_origins(boxes, side)
        patches = crop_windows(features, origins, side) * inside_boxes(boxes, origins, side)  # (4, B, C, 14, 14)
        return self.fuse(self.branches(patches))  # (B, 4 x 512) -> (B, 512)
