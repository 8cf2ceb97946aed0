"""The one chooser of detector and classifier, on torch or on ONNX Runtime: for predict, the camera, Ray and serve."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from ampnet import __version__
from ampnet.checkpoints.model_files import ModelId
from ampnet.errors import missing_package
from ampnet.files.printable import one_line
from ampnet.files.writing import sha256_of
from ampnet.reading.video_clock import Sampling, choose_sampling
from ampnet.recognition.recognizer import Recognizer
from ampnet.results.row_files import RowFile
from ampnet.runtime.cores import usable_cores
from ampnet.runtime.threads import MAX_NETWORKS
from ampnet.settings import PredictConfig
from ampnet.settings.fields import all_settings_of
from ampnet.summary.faces_file import RunSettings, settings_path, write_settings
from pipelines.model import find_model


@dataclass(frozen=True, eq=False)
class ChosenPredictor:
    """A predictor, and what its answers depend on."""

    predictor: Recognizer
    model: Path
    """The checkpoint, or the exported file that was named."""
    settings: dict[str, Any]
    cores: int
    """Number of cores it uses."""
    parallel: int
    """Number of chunks of images that it works at side by side."""


def choose_predictor(
    config: PredictConfig, console: Console, is_single: bool = False, parallel: int | None = None
) -> ChosenPredictor:
    """Load detector and classifier.

    Args:
        console: where choices made for the user are announced.
        is_single: whether there is one photo only, for which all cores work.
        parallel: number of chunks of images to work at side by side; None: as many as are fastest.

    Raises:
        UsageError: there is no such checkpoint, or a package is missing.
        CheckpointError: the checkpoint cannot be used.
        ConfigError: the prior does not fit the checkpoint.
        DataError: the exported models cannot be written.
    """
    file = find_model(config.checkpoint, console, "--checkpoint")
    settings = {"mirror": config.mirror, "prior": None, "runtime": config.runtime}
    if config.runtime == "onnx":
        cores = usable_cores()
        parallel = parallel or (1 if is_single else min(cores, MAX_NETWORKS))
        chosen = ChosenPredictor(
            _on_onnx(config, file, console, max(cores // parallel, 1)), file, settings, cores, parallel
        )
    else:
        chosen = _on_torch(config, file, settings, is_single, parallel, console)
    predictor = chosen.predictor
    predictor.face, predictor.min_face, predictor.fast = config.face, config.min_face, config.fast
    predictor.model = ModelId.of_file(file)  # of the checkpoint, also where its exported form answers
    chosen.settings["model"] = predictor.model.sha256
    return chosen


def sampling_of(config: PredictConfig) -> Sampling:
    """Return which frames of videos a run classifies."""
    return choose_sampling(config.every, config.rate, config.first, config.last)


def face_settings(config: PredictConfig) -> dict[str, Any]:
    """Return which faces of which frames a run classifies; it is only resumed with the same."""
    return {
        "sampling": [config.every, config.rate, config.first, config.last],
        "face": config.face,
        "min_face": config.min_face,
        **({"fast": True} if config.fast else {}),
        "detector": {name: str(value) for name, value in asdict(config.detector).items()}
        | ({"weights": sha256_of(weights)} if (weights := config.detector.weights) else {}),
    }


def finish_files(files: Sequence[RowFile], csv: Path | None, settings: RunSettings) -> None:
    """Give the files of rows their names, and write the settings beside the table.

    Those of a table that is replaced go first, so that a kill or a full disk leaves none beside another's.
    """
    if csv:
        settings_path(csv).unlink(missing_ok=True)
    for file in files:
        file.finish()
    if csv and not any(file.failure for file in files if file.path == csv):
        write_settings(settings, csv)


ANSWERING = ("face", "min_face", "name", "weights", "score_threshold", "prior", "precision", "runtime")
"""Settings that answers depend on and that have no field in :class:`RunSettings`."""


def run_settings(config: PredictConfig, model: ModelId, has_video: bool) -> RunSettings:
    """Return the settings beside a table of faces, to repeat the run; a camera's frames are taken as they come."""
    sampling, known = sampling_of(config), all_settings_of(PredictConfig)
    values = asdict(config.detector) | {name: getattr(config, name) for name in ANSWERING if hasattr(config, name)}
    options = {
        known[name].flag: one_line(str(values[name])) for name in ANSWERING if values[name] != known[name].default
    }
    return RunSettings(
        ampnet=__version__,
        model=model.name,
        sha256=model.sha256,
        rate=(sampling.rate or None) if has_video else None,
        every=sampling.every if has_video and not sampling.rate else None,
        first=config.first,
        last=config.last,
        smooth=config.smooth,
        people=config.people,
        mirror=config.mirror,
        fast=config.fast,
        options=options,
    )


def _on_torch(
    config: PredictConfig,
    file: Path,
    settings: dict[str, Any],
    is_single: bool,
    parallel: int | None,
    console: Console,
) -> ChosenPredictor:
    # torch takes most of a second to import, which the other runtime saves
    from ampnet.checkpoints.checkpoint import load_checkpoint
    from ampnet.detection.detector import FaceDetector
    from ampnet.inference.calibration import read_prior, threshold_notes
    from ampnet.inference.precision import choose_precision
    from ampnet.recognition.predictor import Predictor
    from ampnet.runtime.devices import choose_device

    checkpoint = load_checkpoint(file)
    prior = None if config.prior is None else read_prior(config.prior)
    device = choose_device(config.gpus)
    precision = choose_precision(config.precision, checkpoint, device, config.mirror, prior)
    if precision.note:
        console.print(precision.note)
    for note in threshold_notes(checkpoint, config.mirror, prior):
        console.print(f"note: {note}")
    detector = FaceDetector(config.detector, device, dtype=precision.dtype)
    predictor = Predictor(checkpoint, detector, device, config.batch_size, config.mirror, prior, precision.dtype)
    settings |= {"prior": prior, "precision": str(precision.dtype)}
    parallel = parallel or (1 if is_single else predictor.parallel)
    return ChosenPredictor(predictor, file, settings, predictor.cores, parallel)


def _on_onnx(config: PredictConfig, file: Path, console: Console, threads: int) -> Recognizer:
    try:
        from ampnet.recognition.onnx import OnnxFaceDetector, Predictor
        from pipelines.onnx_models import onnx_models
    except ImportError as error:
        raise missing_package(error.name, "onnx") from error

    classifier, detector = onnx_models(file, console)
    return Predictor(classifier, OnnxFaceDetector(detector, config.detector, threads), config.batch_size, threads)
