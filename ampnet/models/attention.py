"""Attention blocks of local and attentional perception: ResNet's basic block with CBAM."""

import torch
from torch import Tensor, nn

from ampnet.models.layers import BasicBlock, ConvNorm, pooled_mean

REDUCTION = 16
"""Channels per hidden unit of the channel gate."""


class ChannelGate(nn.Module):
    """Weights channels by a small MLP over their means and maxima.

    Args:
        channels: channels of the feature map.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = max(1, channels // REDUCTION)
        self.mlp = nn.Sequential(nn.Linear(channels, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, channels))

    def forward(self, x: Tensor) -> Tensor:
        """Scale the channels of ``(B, C, H, W)``."""
        pooled = torch.stack([pooled_mean(x), x.amax((2, 3))])  # (2, B, C)
        weights = self.mlp(pooled).sum(0).sigmoid()  # (B, C)
        return x * weights[:, :, None, None]


class SpatialGate(nn.Module):
    """Weights positions by a 7 x 7 convolution over the maxima and means of their channels."""

    def __init__(self) -> None:
        super().__init__()
        self.project = ConvNorm(2, 1, 7, momentum=0.01)

    def forward(self, x: Tensor) -> Tensor:
        """Scale the positions of ``(B, C, H, W)``."""
        pooled = torch.cat([x.amax(1, keepdim=True), x.mean(1, keepdim=True)], dim=1)  # (B, 2, H, W)
        return x * self.project(pooled).sigmoid()


class CBAM(nn.Sequential):
    """Convolutional block attention: channels first, then positions (Woo et al. 2018, arXiv:1807.06521)."""

    def __init__(self, channels: int) -> None:
        super().__init__(ChannelGate(channels), SpatialGate())


class ParallelStacks(nn.ModuleList):
    """Parallel stacks of attention blocks, one for each patch of a face, with separate weights.

    They use separate convolutions rather than grouped ones, which are up to 40% slower in training.

    Args:
        count: number of stacks N.
        in_channels: channels of the patches.
        stages: see :func:`attention_stack`.

    Shape:
        - patches: ``(N, B, in_channels, H, W)``
        - returns: ``(B, N * channels)``, the pooled means of each stack's output, ordered by stack
    """

    def __init__(self, count: int, in_channels: int, *stages: tuple[int, int]) -> None:
        super().__init__(attention_stack(in_channels, *stages) for _ in range(count))

    def forward(self, patches: Tensor) -> Tensor:
        """Embed the patches."""
        return torch.cat([pooled_mean(stack(patch)) for stack, patch in zip(self, patches, strict=True)], dim=1)


class RegionPerception(nn.Module):
    """Embeds regions of a face, each with its own weights, and fuses them into one vector.

    The common form of the LP and AP modules of AMP-Net (Liu et al. 2022, doi:10.1109/TCSVT.2022.3165321), which
    differ in the regions they cut and in the stages of their stacks.

    Args:
        count: number of regions N.
        in_channels: channels of the stem's feature map.
        stages: see :func:`attention_stack`.
        embed_dim: length of the vector.

    Shape:
        - features: ``(B, in_channels, G, G)``
        - landmarks: ``(B, 5, 2)`` in pixels of the image (8 G x 8 G)
        - returns: ``(B, embed_dim)``
    """

    def __init__(self, count: int, in_channels: int, *stages: tuple[int, int], embed_dim: int) -> None:
        super().__init__()
        self.embed_dim = embed_dim
        self.branches = ParallelStacks(count, in_channels, *stages)
        self.fuse = nn.Linear(count * stages[-1][0], embed_dim)

    def cut(self, features: Tensor, landmarks: Tensor) -> Tensor:
        """Cut the regions out of the feature map: ``(N, B, in_channels, H, W)``."""
        raise NotImplementedError

    def forward(self, features: Tensor, landmarks: Tensor) -> Tensor:
        """Embed the regions."""
        return self.fuse(self.branches(self.cut(features, landmarks)))  # (B, N x channels) -> (B, embed_dim)


def attention_stack(in_channels: int, *stages: tuple[int, int]) -> nn.Sequential:
    """Chain stages of two attention blocks each.

    Args:
        in_channels: channels of the input.
        stages: output channels of each stage and the stride of its first block.

    Returns:
        A module that maps ``(B, in_channels, H, W)`` to the last stage's channels and size.
    """
    blocks: list[nn.Module] = []
    for channels, stride in stages:
        blocks.append(BasicBlock(in_channels, channels, stride, gate=CBAM(channels)))
        blocks.append(BasicBlock(channels, channels, gate=CBAM(channels)))
        in_channels = channels
    return nn.Sequential(*blocks)
