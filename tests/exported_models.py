"""The bundled model and the detector as ONNX files, exported once for all processes of a test run."""

import json
import os
import shutil
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


def exported(factory: pytest.TempPathFactory, name: str) -> ExportResult:
    """Export `bundled` or the `detector`, which takes torch ten seconds, or wait until another process has."""
    base = factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    stem = "detector" if name == "detector" else sha256_of(model_path())[:16]
    file, record = shared / "cache" / "ampnet" / f"onnx-{__version__}" / f"{stem}.onnx", shared / f"{name}.json"
    with FileLock(shared / f"{name}.lock"):
        if not record.exists():
            result = run(ExportConfig(model=Path(name), out=file, part="classifier"))
            record.write_text(json.dumps(asdict(result), default=str))
    return ExportResult(**{**json.loads(record.read_text()), "file": file})


def exported_models(factory: pytest.TempPathFactory) -> tuple[ExportResult, ExportResult]:
    """Give the classifier and the detector."""
    return exported(factory, "bundled"), exported(factory, "detector")


def whole_model(factory: pytest.TempPathFactory, is_small: bool = False) -> Path:
    """Join both to one file, in 8-bit integers if it shall be small."""
    classifier, detector = exported_models(factory)
    folder = factory.mktemp("whole")
    source, out = classifier.file, folder / "faces.onnx"
    if is_small:
        source = folder / "int8.onnx"
        write_int8(classifier.file, source, sample_inputs(load_checkpoint(model_path())))
    write_joined(source, detector.file, out, is_half=is_small)
    return out


def use_exported_detector(factory: pytest.TempPathFactory, patch: pytest.MonkeyPatch) -> None:
    """Have exports of whole models take this detector, which is the same in all of them, and commands find it."""
    detector = exported(factory, "detector").file
    patch.setattr("pipelines.export._write_detector", lambda path: shutil.copy(detector, path))
    patch.setenv(CACHE_VARIABLE, str(detector.parents[2]))


def use_exported_models(factory: pytest.TempPathFactory, patch: pytest.MonkeyPatch) -> None:
    """Have commands find both models in their cache folder."""
    exported(factory, "bundled")
    use_exported_detector(factory, patch)
