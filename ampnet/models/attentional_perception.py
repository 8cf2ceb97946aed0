"""Attentional perception (AP): the regions around eyes and mouth corners, where expressions are most visible."""

from torch import Tensor, nn

from ampnet.models.attention import ParallelStacks
from ampnet.models.layers import scaled
from ampnet.models.regions import NUM_SALIENT, crop_windows, salient_boxes, salient_radius


class AttentionalPerception(nn.Module):
    """Embeds five salient regions, each with its own weights, and fuses them.

    The AP module of AMP-Net (Liu et al. 2022, doi:10.1109/TCSVT.2022.3165321).

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
        self.branches = ParallelStacks(NUM_SALIENT, in_channels, (hidden, 2))
        self.fuse = nn.Linear(NUM_SALIENT * hidden, self.embed_dim)

    def forward(self, features: Tensor, landmarks: Tensor) -> Tensor:
        """Embed the regions."""
        grid = features.shape[-1]
        origins = salient_boxes(landmarks, grid)[..., :2]
        regions = crop_windows(features, origins, 2 * salient_radius(grid))  # (5, B, C, 10, 10)
        return self.fuse(self.branches(regions))  # (B, 5 x 256) -> (B, 512)
