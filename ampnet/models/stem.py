"""The stem: the first half of a ResNet-34, which computes the feature map for all three perception modules."""

from torch import Tensor, nn
from torch.nn import functional as F

from ampnet.models.layers import BasicBlock, ConvNorm, scaled


class Stem(nn.Module):
    """Computes features at an eighth of the image's resolution (He et al. 2016, doi:10.1109/CVPR.2016.90).

    Args:
        width: multiplier of the channel counts.

    Shape:
        - images: ``(B, 3, S, S)``
        - returns: ``(B, out_channels, S / 8, S / 8)``, 128 channels at width 1
    """

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        hidden, self.out_channels = scaled(64, width), scaled(128, width)
        self.first = ConvNorm(3, hidden, 7, stride=2)
        self.layer1 = nn.Sequential(*(BasicBlock(hidden, hidden) for _ in range(3)))
        self.layer2 = nn.Sequential(
            BasicBlock(hidden, self.out_channels, stride=2),
            *(BasicBlock(self.out_channels, self.out_channels) for _ in range(3)),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Embed the images."""
        x = self.first(images)  # (B, 64, S / 2, S / 2)
        # ReLU after pooling: the same values, computed on a quarter of the cells.
        x = F.relu(F.max_pool2d(x, 3, stride=2, padding=1), inplace=True)  # (B, 64, S / 4, S / 4)
        return self.layer2(self.layer1(x))  # (B, 128, S / 8, S / 8)
