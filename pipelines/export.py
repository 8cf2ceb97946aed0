"""`ampnet export`: write a model in a form that runs without this program, and check that its answers are the same."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from ampnet.checkpoints.bundled import LICENCE, MODELS, TRAINING_DATA, model_path, named_model
from ampnet.checkpoints.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from ampnet.checkpoints.run_files import checkpoint_file
from ampnet.detection.detector import FaceDetector
from ampnet.errors import CheckpointError, UsageError
from ampnet.export.graphs import ClassifierGraph, DetectorGraph
from ampnet.export.metadata import classifier_metadata, detector_metadata
from ampnet.export.parity import (
    TOLERANCE,
    Inputs,
    largest_difference,
    largest_shift,
    prepared_inputs,
    run_checkpoint,
    run_onnx,
    run_torchscript,
    sample_inputs,
)
from ampnet.export.quantize import write_half, write_int8
from ampnet.export.writers import (
    require_packages,
    write_classifier_onnx,
    write_classifier_torchscript,
    write_detector_onnx,
)
from ampnet.files.writing import make_folder, refuse_overwrite
from ampnet.inference.sample_faces import sample_images
from ampnet.recognition.onnx.detector import OnnxFaceDetector
from ampnet.settings import DetectorConfig, ExportConfig, ExportFormat

DETECTOR = "detector"
"""The argument that exports the face detector."""

EXTENSIONS: dict[ExportFormat, str] = {"onnx": ".onnx", "torchscript": ".ts", "safetensors": ".safetensors"}


@dataclass(frozen=True)
class ExportResult:
    """The file that was written, and how far it is from its source."""

    file: Path
    difference: float
    """Largest difference of a probability, or of a coordinate in pixels for the detector."""
    faces: int
    """Faces compared."""
    is_detector: bool

    def lines(self) -> list[str]:
        """Describe it in a few lines."""
        what = f"{self.difference:.1e} px (boxes and landmarks)" if self.is_detector else f"{self.difference:.1e}"
        return [
            f"file: {self.file} ({self.file.stat().st_size / 1e6:.1f} MB)",
            f"largest difference {'' if self.is_detector else 'of a probability '}over {self.faces} faces: {what}",
        ]


def run(config: ExportConfig) -> ExportResult:
    """Write a model in the asked format and compare it with its source.

    Raises:
        UsageError: there is no such model, the file exists, or a package is missing.
        CheckpointError: the checkpoint cannot be used, or the exported model differs too much from it.
        DataError: the file cannot be written, or the faces for calibration cannot be read.
    """
    if config.format == "onnx":
        require_packages()
    if str(config.model) == DETECTOR and not config.model.exists():
        return _export_detector(config)
    file = checkpoint_file(named_model(config.model))
    out = config.out or Path(f"{_stem(file)}{_suffix(config)}{EXTENSIONS[config.format]}")
    out = refuse_overwrite(out, config.force)
    make_folder(out.parent)
    checkpoint = load_checkpoint(file)
    inputs = sample_inputs(checkpoint) if config.data is None else prepared_inputs(config.data, checkpoint)
    _write(config, out, checkpoint, file, inputs)
    return ExportResult(out, _checked(config, out, checkpoint, inputs), len(inputs["images"]), is_detector=False)


def _export_detector(config: ExportConfig) -> ExportResult:
    if config.format != "onnx" or config.precision != "fp32":
        raise UsageError("the detector can only be exported as --format onnx in fp32")
    settings = DetectorConfig()
    out = config.out or Path(f"retinaface-{settings.name}.onnx")
    out = refuse_overwrite(out, config.force)
    make_folder(out.parent)
    graph = DetectorGraph(settings)
    write_detector_onnx(out, graph, detector_metadata(settings.name, graph))
    image = sample_images()[0]
    (expected,), (found,) = FaceDetector(settings).detect([image]), OnnxFaceDetector(out).detect([image])
    return ExportResult(out, largest_shift(expected, found), len(expected), is_detector=True)


def _stem(file: Path) -> str:
    return file.parent.name if file.stem == "best" else file.stem


def _suffix(config: ExportConfig) -> str:
    return "" if config.precision == "fp32" else f"-{config.precision}"


def _write(config: ExportConfig, out: Path, checkpoint: Checkpoint, file: Path, inputs: Inputs) -> None:
    if config.format == "safetensors":
        save_checkpoint(out, checkpoint)
        return
    bundled = next((name for name in MODELS if model_path(name) == file), None)
    about = classifier_metadata(
        checkpoint,
        config.precision,
        config.licence or (LICENCE if bundled else ""),
        TRAINING_DATA[bundled] if bundled else str(checkpoint.config.get("data", "")),
    )
    graph = ClassifierGraph(checkpoint)
    if config.format == "torchscript":
        write_classifier_torchscript(out, graph, about)
        return
    if config.precision == "fp32":
        write_classifier_onnx(out, graph, about)
        return
    with TemporaryDirectory() as folder:  # so that the full model never stands under the other's name
        full = Path(folder) / "full.onnx"
        write_classifier_onnx(full, graph, about)
        if config.precision == "fp16":
            write_half(full, out)
        else:
            write_int8(full, out, inputs)


def _checked(config: ExportConfig, out: Path, checkpoint: Checkpoint, inputs: Inputs) -> float:
    """Return the largest difference from the checkpoint; a file that differs too much is removed."""
    if config.format == "safetensors":
        found = run_checkpoint(load_checkpoint(out), inputs)
    else:
        found = (run_onnx if config.format == "onnx" else run_torchscript)(out, inputs)
    precision = "fp16" if config.format == "safetensors" else config.precision
    difference = largest_difference(checkpoint, inputs, found)
    if not difference <= TOLERANCE[precision]:
        out.unlink()
        raise CheckpointError(
            f"the exported model differs by {difference:.2g} in a probability, more than {TOLERANCE[precision]}; "
            f"nothing was written"
        )
    return difference
