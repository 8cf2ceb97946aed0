"""RetinaFace on a quarter-width MobileNet (Deng et al. 2020, arXiv:1905.00641), for inference only.

Batch norms are folded into the convolutions, the three heads of each level are one convolution, and so are the first
two convolutions of a context module: fewer passes over memory, with the same results.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ANCHORS_PER_CELL = 2
ANCHOR_NUMBERS = 4 + 2 + 10
"""Numbers per anchor: box offsets, class logits (background, face), landmark offsets."""


def conv(in_channels: int, out_channels: int, kernel: int = 3, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    """Return a convolution with bias that keeps the size at stride 1."""
    return nn.Conv2d(in_channels, out_channels, kernel, stride, padding=kernel // 2, groups=groups)


def leaky() -> nn.LeakyReLU:
    """Return the activation of all layers."""
    return nn.LeakyReLU(0.1, inplace=True)


def separable(in_channels: int, out_channels: int, stride: int = 1) -> nn.Sequential:
    """Return a depthwise 3 x 3 and a pointwise convolution, each with its activation."""
    depthwise = conv(in_channels, in_channels, stride=stride, groups=in_channels)
    return nn.Sequential(depthwise, leaky(), conv(in_channels, out_channels, kernel=1), leaky())


class ContextModule(nn.Module):
    """SSH context module: reads each cell with three receptive fields (3, 5 and 7 cells).

    Shape:
        - features: ``(B, 64, H, W)``
        - returns: ``(B, 64, H, W)``
    """

    def __init__(self) -> None:
        super().__init__()
        self.near_and_reduce = conv(64, 32 + 16)
        self.middle = conv(16, 16)
        self.far = nn.Sequential(conv(16, 16), leaky(), conv(16, 16))

    def forward(self, features: Tensor) -> Tensor:
        """Map features ``(B, 64, h, w)`` to features of the same shape."""
        near, reduced = self.near_and_reduce(features).split((32, 16), dim=1)
        reduced = F.leaky_relu(reduced, 0.1)
        return torch.cat([near, self.middle(reduced), self.far(reduced)], dim=1).relu_()


class MobileNetRetinaFace(nn.Module):
    """The embedded detector: backbone, feature pyramid, context modules and heads.

    Shape:
        - images: ``(B, 3, H, W)`` float RGB minus :attr:`mean`, any size
        - returns: box offsets ``(B, A, 4)``, class logits ``(B, A, 2)``, landmark offsets ``(B, A, 10)``
          for the A anchors of :func:`ampnet.detection.networks.anchor_boxes`
    """

    mean = (127.0, 117.0, 104.0)
    """RGB, on a scale of 0 to 255."""
    std = (1.0, 1.0, 1.0)

    def __init__(self) -> None:
        super().__init__()
        self.stage1 = nn.Sequential(
            nn.Sequential(conv(3, 8, stride=2), leaky()),
            separable(8, 16),
            separable(16, 32, stride=2),
            separable(32, 32),
            separable(32, 64, stride=2),
            separable(64, 64),
        )
        self.stage2 = nn.Sequential(separable(64, 128, stride=2), *(separable(128, 128) for _ in range(5)))
        self.stage3 = nn.Sequential(separable(128, 256, stride=2), separable(256, 256))
        self.lateral = nn.ModuleList(
            nn.Sequential(conv(channels, 64, kernel=1), leaky()) for channels in (64, 128, 256)
        )
        self.merge = nn.ModuleList(nn.Sequential(conv(64, 64), leaky()) for _ in range(2))
        self.context = nn.ModuleList(ContextModule() for _ in range(3))
        self.heads = nn.ModuleList(conv(64, ANCHORS_PER_CELL * ANCHOR_NUMBERS, kernel=1) for _ in range(3))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map images ``(B, 3, H, W)`` to the numbers of all anchors, from the finest level to the coarsest."""
        stage1 = self.stage1(images)  # (B, 64, H / 8, W / 8)
        stage2 = self.stage2(stage1)  # (B, 128, H / 16, W / 16)
        stage3 = self.stage3(stage2)  # (B, 256, H / 32, W / 32)
        fine, middle, coarse = (
            reduce(stage) for reduce, stage in zip(self.lateral, (stage1, stage2, stage3), strict=True)
        )
        middle = self.merge[1](middle + F.interpolate(coarse, size=middle.shape[-2:], mode="nearest"))
        fine = self.merge[0](fine + F.interpolate(middle, size=fine.shape[-2:], mode="nearest"))
        outputs = [
            head(context(level)).permute(0, 2, 3, 1).reshape(images.shape[0], -1, ANCHOR_NUMBERS)
            for context, head, level in zip(self.context, self.heads, (fine, middle, coarse), strict=True)
        ]
        per_anchor = torch.cat(outputs, dim=1)  # (B, A, 16)
        return per_anchor[..., :4], per_anchor[..., 4:6], per_anchor[..., 6:]
