"""Loading of the detection networks and their weights by name, and decoding of their outputs relative to anchors."""

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import as_file, files
from pathlib import Path

import torch
from torch import Tensor, nn

from ampnet.checkpoints.network import WithoutNumbers, read_matching
from ampnet.checkpoints.safetensors_file import open_safetensors
from ampnet.detection.mobilenet import MobileNetRetinaFace
from ampnet.errors import CheckpointError, DetectorError
from ampnet.files.writing import sha256_of
from ampnet.runtime.progress import ProgressBar, silent
from ampnet.settings import DetectorConfig

EMBEDDED = "weights/retinaface_mobilenet025.safetensors"
"""Weights inside the package, made by tools/extract_mobilenet_weights.py at commit ec2c3eb."""

MAX_MOBILENET_BYTES = 1 << 24
"""Maximum size of a weights file; the embedded one has 1.7 million bytes."""


@dataclass(frozen=True)
class DetectionNetwork:
    """A network, the normalisation of its input (RGB, 0 to 255), and the SHA-256 of its weights."""

    module: nn.Module
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    weights_sha256: str


def load_network(config: DetectorConfig, bar: ProgressBar = silent) -> DetectionNetwork:
    """Build the configured network with its weights.

    Args:
        config: the network, and its weights file if not the default.
        bar: progress bar for downloading weights that are not in the package.

    Raises:
        DetectorError: the weights are unavailable or do not match the network.
    """
    if config.name == "mobilenet0.25":
        return _mobilenet(config.weights)
    from ampnet.detection import resnet50  # the only module that needs the package retinaface

    weights = config.weights or resnet50.released_weights(bar)
    return DetectionNetwork(resnet50.build_resnet50(weights), resnet50.MEAN, resnet50.STD, sha256_of(weights))


def _mobilenet(weights: Path | None) -> DetectionNetwork:
    if weights is None:
        with as_file(files("ampnet.detection") / EMBEDDED) as embedded:
            return _mobilenet(embedded)
    with WithoutNumbers():  # which leaves the random state alone
        network = MobileNetRetinaFace()
    try:
        with open_safetensors(weights, MAX_MOBILENET_BYTES) as file:
            network.load_state_dict(read_matching(file.tensors, network.state_dict()), assign=True)
    except CheckpointError as error:
        raise DetectorError(
            f"{error}; --weights takes those of mobilenet0.25, omit it for the embedded ones"
        ) from error
    return DetectionNetwork(network, network.mean, network.std, sha256_of(weights))


STRIDES = (8, 16, 32)
ANCHOR_SIDES = ((16.0, 32.0), (64.0, 128.0), (256.0, 512.0))
"""Sides in pixels of the two square anchors in each cell, level by level."""
CENTRE_VARIANCE = 0.1
SIZE_VARIANCE = 0.2


@lru_cache(maxsize=64)
def anchor_boxes(height: int, width: int, device: torch.device) -> Tensor:
    """Lay out the anchors for an input size: by level, then row, then column, with both sizes in each cell.

    Args:
        height, width: size of the network's input in pixels; partial strides count as cells.

    Returns:
        ``(A, 3)`` float32: centre x, centre y, side, in pixels.
    """
    levels = []
    for stride, sides in zip(STRIDES, ANCHOR_SIDES, strict=True):
        rows = (torch.arange(-(-height // stride), device=device) + 0.5) * stride
        columns = (torch.arange(-(-width // stride), device=device) + 0.5) * stride
        y, x, side = torch.meshgrid(rows, columns, torch.tensor(sides, device=device), indexing="ij")
        levels.append(torch.stack([x, y, side], dim=-1).reshape(-1, 3))
    return torch.cat(levels)


def decode_boxes(offsets: Tensor, anchors: Tensor) -> Tensor:
    """Decode box offsets ``(..., 4)`` and anchors ``(..., 3)`` to ``(..., 4)`` boxes x0, y0, x1, y1 in pixels."""
    side = anchors[..., 2:]
    centre = anchors[..., :2] + offsets[..., :2] * CENTRE_VARIANCE * side
    half = side * torch.exp(offsets[..., 2:] * SIZE_VARIANCE) / 2
    return torch.cat([centre - half, centre + half], dim=-1)


def decode_landmarks(offsets: Tensor, anchors: Tensor) -> Tensor:
    """Decode landmark offsets ``(..., 10)`` and anchors ``(..., 3)`` to ``(..., 5, 2)`` points in pixels."""
    points = offsets.reshape(*offsets.shape[:-1], 5, 2)
    return anchors[..., None, :2] + points * CENTRE_VARIANCE * anchors[..., None, 2:]
