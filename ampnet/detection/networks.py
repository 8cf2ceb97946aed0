"""Loading of the detection networks and their weights by name."""

from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

from torch import nn

from ampnet.checkpoints.network import read_matching
from ampnet.checkpoints.safetensors_file import open_safetensors
from ampnet.detection.mobilenet import MobileNetRetinaFace
from ampnet.errors import CheckpointError, DetectorError
from ampnet.files.writing import sha256_of
from ampnet.runtime.progress import ProgressBar, silent
from ampnet.settings import DetectorConfig

EMBEDDED = "weights/retinaface_mobilenet025.safetensors"
"""Weights inside the package, created by tools/extract_mobilenet_weights.py."""

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
    network = MobileNetRetinaFace()
    try:
        with open_safetensors(weights, MAX_MOBILENET_BYTES) as file:
            network.load_state_dict(read_matching(file.tensors, network.state_dict()))
    except CheckpointError as error:
        raise DetectorError(
            f"{error}; --weights takes those of mobilenet0.25, omit it for the embedded ones"
        ) from error
    return DetectionNetwork(network, network.mean, network.std, sha256_of(weights))
