"""The detector and classifier of `ampnet predict`, on torch or on ONNX Runtime."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from ampnet.config import PredictConfig
from ampnet.errors import UsageError
from ampnet.media.files import sha256_of
from ampnet.prediction.photos import PhotoPredictor
from pipelines.model import find_model


@dataclass(frozen=True, eq=False)
class ChosenPredictor:
    """A predictor, and what its answers depend on."""

    predictor: PhotoPredictor
    model: Path
    """The checkpoint, or the exported file that was named."""
    settings: dict[str, Any]


def choose_predictor(config: PredictConfig, console: Console) -> ChosenPredictor:
    """Load detector and classifier.

    Raises:
        UsageError: there is no such checkpoint, or a package is missing.
        CheckpointError: the checkpoint cannot be used.
        ConfigError: the prior does not fit the checkpoint.
        DataError: the exported models cannot be written.
    """
    file = find_model(config.checkpoint, console, "--checkpoint")
    predictor, prior = _on_onnx(config, file, console) if config.runtime == "onnx" else _on_torch(config, file)
    settings = {"model": sha256_of(file), "mirror": config.mirror, "prior": prior, "runtime": config.runtime}
    return ChosenPredictor(predictor, file, settings)


def _on_torch(config: PredictConfig, file: Path) -> tuple[PhotoPredictor, Any]:
    # torch takes most of a second to import, which the other runtime saves
    from ampnet.checkpoints.checkpoint import load_checkpoint
    from ampnet.detection.detector import FaceDetector
    from ampnet.inference.prior import read_prior
    from ampnet.prediction.predictor import Predictor
    from ampnet.runtime.devices import choose_device

    checkpoint = load_checkpoint(file)
    prior = None if config.prior is None else read_prior(config.prior)
    device = choose_device(config.gpus)
    detector = FaceDetector(config.detector, device)
    return Predictor(checkpoint, detector, device, config.batch_size, config.mirror, prior), prior


def _on_onnx(config: PredictConfig, file: Path, console: Console) -> tuple[PhotoPredictor, None]:
    try:
        from ampnet.onnx import OnnxFaceDetector, Predictor
        from pipelines.onnx_models import onnx_models
    except ImportError as error:
        raise UsageError(f"{error.name} is missing; install it with `pip install 'ampnet[onnx]'`") from error

    classifier, detector = onnx_models(file, console)
    return Predictor(classifier, OnnxFaceDetector(detector, config.detector), config.batch_size), None
