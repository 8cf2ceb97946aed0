"""Attentional perception (AP): the regions around eyes and mouth corners, where expressions show."""

from torch import Tensor

from ampnet.models.attention import FusedStacks
from ampnet.models.layers import scaled
from ampnet.models.regions import NUM_SALIENT, crop_windows, salient_boxes, salient_radius


class AttentionalPerception(FusedStacks):
    """Embeds five salient regions, each with its own weights, and fuses them.

    The AP module of AMP-Net, at a ``width`` times the paper's channel counts.

    Shape:
        - features: ``(B, in_channels, G, G)``
        - landmarks: ``(B, 5, 2)`` in pixels of the image (8 G x 8 G)
        - returns: ``(B, embed_dim)``, 512 at width 1
    """

    def __init__(self, in_channels: int, width: float = 1.0) -> None:
        super().__init__(NUM_SALIENT, in_channels, (scaled(256, width), 2), embed_dim=scaled(512, width))

    def forward(self, features: Tensor, landmarks: Tensor) -> Tensor:
        """Embed the regions."""
        grid = features.shape[-1]
        origins = salient_boxes(landmarks, grid)[..., :2]
        regions = crop_windows(features, origins, 2 * salient_radius(grid))  # (5, B, C, 10, 10)
        return self.embed(regions)  # (B, 5 x 256) -> (B, 512)
