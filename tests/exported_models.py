"""The bundled model and the detector as ONNX files, exported once for all processes of a test run."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
from filelock import FileLock

from ampnet import __version__
from ampnet.checkpoints.bundled import model_path
from ampnet.checkpoints.checkpoint import load_checkpoint
from ampnet.export.parity import sample_inputs
from ampnet.export.quantize import write_int8
from ampnet.files.writing import sha256_of
from ampnet.settings import ExportConfig
from pipelines.export import ExportResult, run, write_joined
from pipelines.onnx_models import CACHE_VARIABLE


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Return a file that one process of the run makes for all, which wait for it."""
    base = factory.getbasetemp()
    file = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    with FileLock(f"{file}.lock"):
        if not file.exists():
            make(file)
    return file


def exported(factory: pytest.TempPathFactory, name: str) -> ExportResult:
    """Export `bundled` or the `detector`, which takes torch ten seconds."""

    def export(record: Path) -> None:
        stem = "detector" if name == "detector" else sha256_of(model_path())[:16]
        file = record.parent / "cache" / "ampnet" / f"onnx-{__version__}" / f"{stem}.onnx"
        result = run(ExportConfig(model=Path(name), out=file, part="classifier"))
        record.write_text(json.dumps(asdict(result), default=str))

    known = json.loads(made_once(factory, f"{name}.json", export).read_text())
    return ExportResult(**{**known, "file": Path(known["file"])})


def exported_models(factory: pytest.TempPathFactory) -> tuple[ExportResult, ExportResult]:
    """Give the classifier and the detector."""
    return exported(factory, "bundled"), exported(factory, "detector")


def int8_classifier(factory: pytest.TempPathFactory) -> Path:
    """Give the classifier in 8-bit integers."""

    def write(file: Path) -> None:
        write_int8(exported(factory, "bundled").file, file, sample_inputs(load_checkpoint(model_path())))

    return made_once(factory, "int8.onnx", write)


def whole_model(factory: pytest.TempPathFactory, is_small: bool = False) -> Path:
    """Join both to one file, in 8-bit integers if it shall be small."""
    source = int8_classifier(factory) if is_small else exported(factory, "bundled").file
    detector = exported(factory, "detector").file
    name = "small-faces.onnx" if is_small else "faces.onnx"
    return made_once(factory, name, lambda file: write_joined(source, detector, file, is_half=is_small))


def use_exported_detector(factory: pytest.TempPathFactory, patch: pytest.MonkeyPatch) -> None:
    """Have exports of whole models take this detector, which is the same in all of them, and commands find it."""
    detector = exported(factory, "detector").file
    patch.setattr("pipelines.export._write_detector", lambda path: shutil.copy(detector, path))
    patch.setenv(CACHE_VARIABLE, str(detector.parents[2]))


def use_exported_models(factory: pytest.TempPathFactory, patch: pytest.MonkeyPatch) -> None:
    """Have commands find both models in their cache folder."""
    exported(factory, "bundled")
    use_exported_detector(factory, patch)
