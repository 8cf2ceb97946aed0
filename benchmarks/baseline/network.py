"""The baseline network: computed as in the reference program, written from its description, to compare speed.

Plain separate modules in NCHW memory; the landmarks' rectangles are module state, set before each call; patches
are cut image by image with slices, padded into zero tensors and joined by copies; gates expand their weights to
the map's size. Parameter names are the reference program's, so our exported weights can be loaded.
"""

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional as F

PATCH = 14


class ChannelGate(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Flatten(), nn.Linear(channels, channels // 16), nn.ReLU(), nn.Linear(channels // 16, channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        size = x.shape[2:]
        mean = self.mlp(F.avg_pool2d(x, size, stride=size))
        most = self.mlp(F.max_pool2d(x, size, stride=size))
        scale = torch.sigmoid(mean + most).unsqueeze(2).unsqueeze(3).expand_as(x)
        return x * scale


class SpatialGate(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        parts = OrderedDict(conv=nn.Conv2d(2, 1, 7, padding=3, bias=False), bn=nn.BatchNorm2d(1, momentum=0.01))
        self.spatial = nn.Sequential(parts)

    def forward(self, x: Tensor) -> Tensor:
        pooled = torch.cat((torch.max(x, 1)[0].unsqueeze(1), torch.mean(x, 1).unsqueeze(1)), dim=1)
        return x * torch.sigmoid(self.spatial(pooled))


class Block(nn.Module):
    def __init__(self, in_channels: int, channels: int, stride: int = 1, gated: bool = False) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride != 1 or in_channels != channels:
            self.downsample = nn.Sequential(
                nn.Conv2d(in_channels, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
            )
        self.cbam = None
        if gated:
            self.cbam = nn.Sequential(OrderedDict(ChannelGate=ChannelGate(channels), SpatialGate=SpatialGate()))

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        if self.cbam is not None:
            out = self.cbam(out)
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)


def blocks(count: int, in_channels: int, channels: int, stride: int = 1, gated: bool = False) -> nn.Sequential:
    first = Block(in_channels, channels, stride, gated)
    return nn.Sequential(first, *(Block(channels, channels, 1, gated) for _ in range(count - 1)))


class ScalarGate(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.sigatten = nn.Module()
        self.sigatten.fc2 = nn.Linear(channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        weight = torch.sigmoid(self.sigatten.fc2(F.adaptive_avg_pool2d(x, 1).flatten(1)))
        return x * weight.unsqueeze(2).unsqueeze(3).expand_as(x)


class Squeeze(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x * (F.relu6(self.fc(F.adaptive_avg_pool2d(x, 1)) + 3.0) / 6.0)


class Aggregation(nn.Module):
    def __init__(self, name: str, in_channels: int, channels: int, out_channels: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList()
        for index in range(3):
            layer = f"{name}_{index}"
            parts: dict[str, nn.Module] = {
                f"{layer}/conv": nn.Conv2d(channels if index else in_channels, channels, 3, padding=1, bias=False),
                f"{layer}/norm": nn.BatchNorm2d(channels),
                f"{layer}/pw_cbam": ScalarGate(channels),
                f"{layer}/relu": nn.ReLU(inplace=True),
            }
            self.layers.append(nn.Sequential(OrderedDict(parts)))
        joined = in_channels + 3 * channels
        concat: dict[str, nn.Module] = {
            f"{name}_concat/conv": nn.Conv2d(joined, out_channels, 1, bias=False),
            f"{name}_concat/norm": nn.BatchNorm2d(out_channels),
            f"{name}_concat/relu": nn.ReLU(inplace=True),
        }
        self.concat = nn.Sequential(OrderedDict(concat))
        self.ese = Squeeze(out_channels)
        self.dropout = nn.Dropout2d(dropout)

    def forward(self, x: Tensor) -> Tensor:
        outputs = [x]
        for layer in self.layers:
            x = layer(x)
            outputs.append(x)
        return self.dropout(self.ese(self.concat(torch.cat(outputs, dim=1))))


def stage(number: int, in_channels: int, channels: int, out_channels: int, dropout: float) -> nn.Sequential:
    name = f"OSA{number}_1"
    parts: dict[str, nn.Module] = {}
    if number > 2:
        parts["Pooling"] = nn.MaxPool2d(3, stride=2, ceil_mode=True)
    parts[name] = Aggregation(name, in_channels, channels, out_channels, dropout)
    return nn.Sequential(OrderedDict(parts))


class BaselineNetwork(nn.Module):
    """AMP-Net as the reference program computes it; ``rectangles`` must be set before each call."""

    def __init__(self, num_classes: int = 7, dropout: float = 0.5) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1, self.layer2 = blocks(3, 64, 64), blocks(4, 64, 128, stride=2)
        for index in range(1, 5):
            setattr(self, f"layer3_1_{index}", blocks(2, 128, 256, stride=2, gated=True))
            setattr(self, f"layer3_2_{index}", blocks(2, 256, 512, gated=True))
        for index in range(1, 6):
            setattr(self, f"layer4_1_{index}", blocks(2, 128, 256, stride=2, gated=True))
        self.fc_1, self.fc_2 = nn.Linear(2048, 512), nn.Linear(1280, 512)
        self.stage2 = stage(2, 128, 128, 256, dropout)
        self.stage3 = stage(3, 256, 144, 384, dropout)
        self.stage4 = stage(4, 384, 160, 512, dropout)
        self.fc_3, self.fc_5 = nn.Linear(512, num_classes), nn.Linear(1024, num_classes)
        self.quadrants: list[list[int]] = []
        self.salient: list[list[int]] = []

    def set_rectangles(self, quadrants: list[list[int]], salient: list[list[int]]) -> None:
        """Store each image's rectangles: 16 numbers (outer and inner corners) and 20 numbers (x0, x1, y0, y1)."""
        self.quadrants, self.salient = quadrants, salient

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        x = self.maxpool(F.relu(self.bn1(self.conv1(images)), inplace=True))
        features = self.layer2(self.layer1(x))
        parts = []
        for index, patch in enumerate(self.cut_quadrants(features), start=1):
            out = getattr(self, f"layer3_2_{index}")(getattr(self, f"layer3_1_{index}")(patch))
            parts.append(F.adaptive_avg_pool2d(out, 1).flatten(1))
        first = self.fc_1(torch.cat(parts, dim=1))
        parts = []
        for index, region in enumerate(self.cut_salient(features), start=1):
            out = getattr(self, f"layer4_1_{index}")(region)
            parts.append(F.adaptive_avg_pool2d(out, 1).flatten(1))
        second = self.fc_2(torch.cat(parts, dim=1))
        whole = self.stage4(self.stage3(self.stage2(features)))
        return self.fc_5(torch.cat([first, second], dim=1)), self.fc_3(F.adaptive_avg_pool2d(whole, 1).flatten(1))

    def cut_quadrants(self, features: Tensor) -> list[Tensor]:
        batch, channels = features.shape[:2]
        patches = [torch.zeros(batch, channels, PATCH, PATCH, device=features.device) for _ in range(4)]
        for image in range(batch):
            for index in range(4):
                outer_x, outer_y, inner_x, inner_y = self.quadrants[image][4 * index : 4 * index + 4]
                x0, x1 = min(outer_x, inner_x), max(outer_x, inner_x)
                y0, y1 = min(outer_y, inner_y), max(outer_y, inner_y)
                side = x1 - x0
                rows = slice(PATCH - side, PATCH) if index < 2 else slice(0, side)
                columns = slice(PATCH - side, PATCH) if index in (0, 2) else slice(0, side)
                patches[index][image, :, rows, columns] = features[image, :, y0:y1, x0:x1]
        return patches

    def cut_salient(self, features: Tensor) -> list[Tensor]:
        batch, channels = features.shape[:2]
        x0, x1 = self.salient[0][:2]
        regions = [torch.zeros(batch, channels, x1 - x0, x1 - x0, device=features.device) for _ in range(5)]
        for image in range(batch):
            for index in range(5):
                x0, x1, y0, y1 = self.salient[image][4 * index : 4 * index + 4]
                regions[index][image] = features[image, :, y0:y1, x0:x1]
        return regions
