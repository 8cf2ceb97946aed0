"""Loading of the detection networks and their weights by name."""

from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from ampnet.config import DetectorConfig
from ampnet.detection.mobilenet import MobileNetRetinaFace
from ampnet.errors import DetectorError
from ampnet.media.files import sha256_of
from ampnet.runtime.progress import ProgressBar, silent

EMBEDDED = "weights/retinaface_mobilenet025.safetensors"
"""Weights inside the package, created by tools/extract_mobilenet_weights.py."""


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
        network.load_state_dict(load_file(weights))
        digest = sha256_of(weights)
    except OSError as error:
        raise DetectorError(f"cannot read the detector's weights {weights}: {error.strerror or error}") from error
    except (SafetensorError, RuntimeError) as error:
        raise DetectorError(
            f"{weights} does not hold the weights of mobilenet0.25; omit --weights to use the embedded ones"
        ) from error
    return DetectionNetwork(network, network.mean, network.std, digest)
