"""`ampnet export`: write a model in a form that runs without this program, and check that its answers are the same."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ampnet.checkpoints.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from ampnet.checkpoints.model_files import (
    LICENCE,
    MODELS,
    TRAINING_DATA,
    ModelId,
    checkpoint_file,
    model_path,
    named_model,
)
from ampnet.detection.detector import FaceDetector
from ampnet.errors import CheckpointError, UsageError
from ampnet.export.graphs import (
    ClassifierGraph,
    DetectorGraph,
    classifier_metadata,
    decode,
    detector_metadata,
    whole_metadata,
)
from ampnet.export.parity import (
    TOLERANCE,
    WHOLE_TOLERANCE,
    Inputs,
    largest_difference,
    largest_photo_difference,
    largest_shift,
    prepared_inputs,
    run_checkpoint,
    run_onnx,
    run_torchscript,
    sample_inputs,
)
from ampnet.export.writers import (
    require_packages,
    store_small,
    write_classifier_onnx,
    write_classifier_torchscript,
    write_detector_onnx,
    write_model,
)
from ampnet.files.whole_folder import atomic_folder
from ampnet.files.writing import atomic_write, make_folder, refuse_overwrite
from ampnet.inference.golden import sample_images
from ampnet.recognition.onnx import OnnxFaceDetector, open_model
from ampnet.settings import DetectorConfig, ExportConfig, ExportFormat
from ampnet.settings.choices import ExportPixels, ExportPrecision

FULL: ExportPrecision = "fp32"

DETECTOR = "detector"
"""The argument that exports the face detector."""

EXTENSIONS: dict[ExportFormat, str] = {
    "onnx": ".onnx",
    "torchscript": ".ts",
    "safetensors": ".safetensors",
    "web": "-web",
}


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
            f"{'folder' if self.file.is_dir() else 'file'}: {self.file} ({_bytes(self.file) / 1e6:.1f} MB)",
            f"largest difference {'' if self.is_detector else 'of a probability '}over {self.faces} faces: {what}",
        ]


def _bytes(path: Path) -> int:
    return sum(file.stat().st_size for file in path.iterdir()) if path.is_dir() else path.stat().st_size


def run(config: ExportConfig) -> ExportResult:
    """Write a model in the requested format and compare it with its source.

    Raises:
        UsageError: there is no such model, the file exists, or a package is missing.
        CheckpointError: the checkpoint cannot be used, or the exported model differs too much from it.
        DataError: the file cannot be written, or the faces to check with cannot be read.
    """
    if config.format in ("onnx", "web"):
        require_packages()
    if str(config.model) == DETECTOR and not config.model.exists():
        return _export_detector(config)
    file = checkpoint_file(named_model(config.model, f"`{DETECTOR}`"))
    if config.format == "web":
        return _export_page(config, file)
    out = config.out or Path(f"{_stem(file)}{_suffix(config)}{EXTENSIONS[config.format]}")
    out = refuse_overwrite(out, config.force)
    make_folder(out.parent)
    checkpoint = load_checkpoint(file)
    inputs = sample_inputs(checkpoint) if config.data is None else prepared_inputs(config.data, checkpoint)
    with TemporaryDirectory() as folder:  # a file that differs too much does not replace an earlier one
        made = Path(folder) / out.name
        _write(config, made, checkpoint, file)
        result = _checked(config, made, checkpoint, inputs)
        with atomic_write(out) as aside:
            shutil.copyfile(made, aside)
    return replace(result, file=out)


def _export_page(config: ExportConfig, file: Path) -> ExportResult:
    from pipelines.export_web import find_runtime, write_page

    folder = config.out or Path(f"{_stem(file)}{EXTENSIONS['web']}")
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is not a folder; choose another")
    if not config.force and folder.is_dir() and any(folder.iterdir()):
        raise UsageError(f"{folder} holds files already; choose another folder, or replace them with --force")
    with TemporaryDirectory() as aside, atomic_folder(folder) as page:
        runtime = find_runtime(config.runtime, Path(aside))
        model = Path(aside) / "model.onnx"
        precision = config.precision or "int8"
        result = run(replace(config, format="onnx", precision=precision, out=model, runtime=None))
        about = open_model(model, "whole").metadata
        write_page(page, model, ModelId.of_file(file).name, about, runtime)
    return replace(result, file=folder)


def _export_detector(config: ExportConfig) -> ExportResult:
    if (config.format, config.precision or FULL, config.pixels, config.licence) != ("onnx", FULL, "rgb", ""):
        raise UsageError("the detector can only be exported as --format onnx in fp32, without --pixels and --licence")
    if config.data is not None:
        raise UsageError("--data checks a classifier; omit it for the detector")
    settings = DetectorConfig()
    out = config.out or Path(f"retinaface-{settings.name}.onnx")
    out = refuse_overwrite(out, config.force)
    make_folder(out.parent)
    _write_detector(out)
    image = sample_images()[0]
    (expected,), (found,) = FaceDetector(settings).detect([image]), OnnxFaceDetector(out).detect([image])
    return ExportResult(out, largest_shift(expected, found), len(expected), is_detector=True)


def _stem(file: Path) -> str:
    return file.parent.name if file.stem == "best" else file.stem


def _suffix(config: ExportConfig) -> str:
    part = "-classifier" if config.format == "onnx" and config.part == "classifier" else ""
    return part if config.precision in (None, FULL) else f"{part}-{config.precision}"


def _write(config: ExportConfig, out: Path, checkpoint: Checkpoint, file: Path) -> None:
    if config.format == "safetensors":
        save_checkpoint(out, checkpoint)
        return
    bundled = next((name for name in MODELS if model_path(name) == file), None)
    about = classifier_metadata(
        checkpoint,
        config.precision or FULL,
        config.licence or (LICENCE if bundled else ""),
        TRAINING_DATA[bundled] if bundled else str(checkpoint.config.get("data", "")),
    )
    graph = ClassifierGraph(checkpoint)
    if config.format == "torchscript":
        write_classifier_torchscript(out, graph, about)
    else:
        _write_onnx(config, out, graph, about)


def _write_onnx(config: ExportConfig, out: Path, graph: ClassifierGraph, about: dict[str, Any]) -> None:
    import onnx

    precision = config.precision or FULL
    with TemporaryDirectory() as folder:  # so that no other model ever stands under this one's name
        full, detector = (Path(folder) / name for name in ("full.onnx", "detector.onnx"))
        write_classifier_onnx(full, graph, about)
        if config.part == "whole":
            _write_detector(detector)
            write_joined(full, detector, out, precision, config.pixels)
            return
        model = onnx.load(full)
    if precision != FULL:
        store_small(model, precision == "int8")
    write_model(out, model, about)


def write_joined(
    classifier: Path, detector: Path, out: Path, precision: ExportPrecision, pixels: ExportPixels = "rgb"
) -> None:
    """Join exported networks to one file from photo to faces.

    Args:
        classifier: its file, in full precision.
        detector: likewise.
        precision: in which larger weights are stored; int8: those of the detector in half precision.
        pixels: how photos are laid out.

    Raises:
        DataError: the file cannot be written.
    """
    import onnx

    from ampnet.export.whole import whole_graph

    models = [onnx.load(file) for file in (classifier, detector)]
    if precision == "int8":
        store_small(models[0], is_int8=True)
    whole, about = whole_graph(models[0], models[1], pixels), whole_metadata(*(decode(model) for model in models))
    if precision != FULL:
        store_small(whole, is_int8=False)
    write_model(out, whole, about)


def _write_detector(path: Path) -> None:
    settings = DetectorConfig()
    graph = DetectorGraph(settings)
    write_detector_onnx(path, graph, detector_metadata(settings.name, graph))


def _checked(config: ExportConfig, out: Path, checkpoint: Checkpoint, inputs: Inputs) -> ExportResult:
    """Compare a file with the checkpoint."""
    faces = len(inputs["images"])
    limit = TOLERANCE["fp16" if config.format == "safetensors" else config.precision or FULL]
    if config.format == "onnx" and config.part == "whole":
        difference, faces = largest_photo_difference(checkpoint, out, config.pixels)
        limit = max(limit, WHOLE_TOLERANCE)
    else:
        if config.format == "safetensors":
            found = run_checkpoint(load_checkpoint(out), inputs)
        else:
            found = (run_onnx if config.format == "onnx" else run_torchscript)(out, inputs)
        difference = largest_difference(checkpoint, inputs, found)
    if not difference <= limit:
        raise CheckpointError(
            f"the exported model differs by {difference:.2g} in a probability, more than {limit}; nothing was written"
        )
    return ExportResult(out, difference, faces, is_detector=False)
