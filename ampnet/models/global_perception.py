"""Global perception (GP): one-shot aggregation over the whole face."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ampnet.models.layers import ConvNorm, pooled_mean, scaled

LAYERS_PER_STAGE = 3


class ScalarGate(nn.Module):
    """Weights a whole map by one number for each image, computed from the channel means."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.project = nn.Linear(channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Scale each map of ``(B, C, H, W)``."""
        return x * self.project(pooled_mean(x)).sigmoid()[:, :, None, None]


class EffectiveSqueeze(nn.Module):
    """Effective squeeze-and-excitation: channel weights from their means (Lee and Park 2020, arXiv:1911.06667)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.project = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the weights ``(B, C, 1, 1)`` for the channels of ``(B, C, H, W)``."""
        return F.hardsigmoid(self.project(pooled_mean(x)[:, :, None, None]))


class AggregationStage(nn.Module):
    """One-shot aggregation: three layers in sequence, whose outputs are concatenated once at the end.

    After VoVNet (Lee and Park 2020, arXiv:1911.06667), with a scalar gate in each layer.

    Args:
        in_channels: channels of the input.
        layer_channels: channels of each layer's output.
        out_channels: channels of the stage's output.
        dropout: probability that a channel of the output is zeroed in training.
    """

    def __init__(self, in_channels: int, layer_channels: int, out_channels: int, dropout: float) -> None:
        super().__init__()
        inputs = [in_channels] + [layer_channels] * (LAYERS_PER_STAGE - 1)
        self.layers = nn.ModuleList(
            nn.Sequential(ConvNorm(channels, layer_channels, 3), ScalarGate(layer_channels), nn.ReLU(inplace=True))
            for channels in inputs
        )
        self.join = ConvNorm(in_channels + LAYERS_PER_STAGE * layer_channels, out_channels, 1, relu=True)
        self.squeeze = EffectiveSqueeze(out_channels)
        # Applied to the channel weights, this equals Dropout2d on the map, without another pass over it.
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, in_channels, H, W)`` to ``(B, out_channels, H, W)``."""
        outputs = [x]
        for layer in self.layers:
            outputs.append(layer(outputs[-1]))
        joined = self.join(torch.cat(outputs, dim=1))
        return joined * self.dropout(self.squeeze(joined))


class GlobalPerception(nn.Module):
    """Embeds the whole face by three aggregation stages.

    The GP module of AMP-Net (Liu et al. 2022, doi:10.1109/TCSVT.2022.3165321).

    Args:
        in_channels: channels of the stem's feature map.
        width: multiplier of the channel counts.
        dropout: probability that a channel is zeroed in training, after each stage.

    Shape:
        - features: ``(B, in_channels, G, G)``
        - returns: ``(B, embed_dim)``, 512 at width 1
    """

    def __init__(self, in_channels: int, width: float = 1.0, dropout: float = 0.5) -> None:
        super().__init__()
        widths = ((128, 256), (144, 384), (160, 512))
        channels = [(scaled(layer, width), scaled(out, width)) for layer, out in widths]
        inputs = [in_channels] + [out for _, out in channels[:-1]]
        self.stages = nn.ModuleList(
            AggregationStage(stage_in, layer, out, dropout)
            for stage_in, (layer, out) in zip(inputs, channels, strict=True)
        )
        self.embed_dim = channels[-1][1]

    def forward(self, features: Tensor) -> Tensor:
        """Embed the face."""
        first, *others = self.stages
        x = first(features)  # (B, 256, 28, 28)
        for stage in others:
            x = stage(F.max_pool2d(x, 3, stride=2, ceil_mode=True))  # (B, 384, 14, 14), (B, 512, 7, 7)
        return pooled_mean(x)  # (B, 512)
