"""Building blocks of the networks, copies of networks that share tensors, and faces at one brightness and contrast."""

import math
from typing import TypeVar

from torch import Tensor, nn
from torch.nn import functional as F

CHANNEL_STEP = 8
"""Channel counts are multiples of this, to suit the vector units of CPUs and GPUs."""


def scaled(channels: int, width: float) -> int:
    """Scale one of the paper's channel counts, rounded to a multiple of 8, at least 8."""
    return max(CHANNEL_STEP, math.floor(channels * width / CHANNEL_STEP + 0.5) * CHANNEL_STEP)


def pooled_mean(x: Tensor) -> Tensor:
    """Average ``(B, C, H, W)`` over its cells to ``(B, C)``.

    Divides after summing: the gradient of torch's mean first fills a whole map with the quotient.
    """
    return x.sum((2, 3)) * (1 / (x.shape[2] * x.shape[3]))


class StridedPointwise(nn.Conv2d):
    """A 1 x 1 convolution with stride, computed as subsampling followed by a dense convolution.

    oneDNN's weight gradient of strided 1 x 1 convolutions writes out of bounds and crashes the process if there are
    fewer input channels than a vector register holds (https://github.com/uxlfoundation/oneDNN/issues/6035).
    """

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, in_channels, H, W)`` to ``(B, out_channels, H / stride, W / stride)``."""
        rows, columns = self.stride
        return F.conv2d(x[:, :, ::rows, ::columns], self.weight, self.bias)


class ConvNorm(nn.Module):
    """Convolution without bias, batch normalisation and an optional ReLU.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel: side of the kernel, odd; the map keeps its size, or halves it with stride 2.
        stride: stride of the convolution.
        relu: whether a ReLU follows.
        momentum: momentum of the running statistics.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        *,
        stride: int = 1,
        relu: bool = False,
        momentum: float = 0.1,
    ) -> None:
        super().__init__()
        kind = StridedPointwise if kernel == 1 and stride > 1 else nn.Conv2d
        self.conv = kind(in_channels, out_channels, kernel, stride, padding=kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(out_channels, momentum=momentum)
        self.relu = relu

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, in_channels, H, W)`` to ``(B, out_channels, H / stride, W / stride)``."""
        x = self.bn(self.conv(x))
        return F.relu(x, inplace=True) if self.relu else x


class BasicBlock(nn.Module):
    """ResNet's basic block: two 3 x 3 convolutions and a shortcut (He et al. 2016, doi:10.1109/CVPR.2016.90).

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output; if they differ or the stride is not 1, the shortcut is a 1 x 1
            convolution.
        stride: stride of the first convolution.
        gate: applied to the residual before the shortcut is added.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1, gate: nn.Module | None = None) -> None:
        super().__init__()
        self.first = ConvNorm(in_channels, out_channels, 3, stride=stride, relu=True)
        self.second = ConvNorm(out_channels, out_channels, 3)
        self.gate = nn.Identity() if gate is None else gate
        fits = stride == 1 and in_channels == out_channels
        self.shortcut = nn.Identity() if fits else ConvNorm(in_channels, out_channels, 1, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, in_channels, H, W)`` to ``(B, out_channels, H / stride, W / stride)``."""
        residual = self.gate(self.second(self.first(x)))
        residual += self.shortcut(x)
        return F.relu(residual, inplace=True)


M = TypeVar("M", bound=nn.Module)


def share_tensors(module: M) -> M:
    """Copy a module and its parts, but not their tensors.

    Rebuilding the hundreds of parts of AMP-Net, or copying them by ``deepcopy``, takes several times as long.

    Returns:
        A module whose parts, tensors and hooks can be replaced, added and removed without a change to the original;
        writing into a tensor changes both.
    """
    shell = object.__new__(type(module))
    own = {name: value.copy() for name, value in vars(module).items() if isinstance(value, dict)}
    own["_modules"] = {name: child and share_tensors(child) for name, child in module._modules.items()}
    shell.__dict__ = vars(module) | own
    return shell


MEAN, SPREAD = 0.509, 0.212
"""Mean and standard deviation of FER-2013's training faces, in [0, 1]: the mean over faces of each face's own."""

MIN_SPREAD = 0.02
"""Smallest standard deviation that is stretched, about five of 255 grey levels; what varies less is mostly noise."""


def standardised(images: Tensor) -> Tensor:
    """Shift and stretch each face's values to the mean and spread of the training set.

    A face's three channels change alike, by the mean and spread of its grey version, so hues are kept, and a grey face
    changes as its one channel would.

    Args:
        images: ``(B, 3, S, S)`` in [0, 1].

    Returns:
        The same shape, not clipped to [0, 1]; a face of one colour becomes flat at the mean.
    """
    grey = images.mean(1, keepdim=True)  # (B, 1, S, S)
    mean = grey.mean((2, 3), keepdim=True)  # (B, 1, 1, 1)
    spread = (grey - mean).square().mean((2, 3), keepdim=True).sqrt().clamp(min=MIN_SPREAD)
    return (images - mean) * (SPREAD / spread) + MEAN
