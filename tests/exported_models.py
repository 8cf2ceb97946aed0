"""The bundled model and the detector as ONNX files, exported once for all processes of a test run."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from ampnet import __version__
from ampnet.checkpoints.model_files import model_path
from ampnet.files.writing import sha256_of
from ampnet.settings import ExportConfig
from ampnet.settings.choices import ExportPrecision
from pipelines.export import ExportResult, run, write_joined
from pipelines.onnx_models import CACHE_VARIABLE


def opened(file: Path) -> Any:
    """Open a model for one thread; more would spin for a core that others use."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # it warns about each optional input
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


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


def whole_model(factory: pytest.TempPathFactory, is_small: bool = False) -> Path:
    """Join both to one file, in 8-bit integers if it shall be small."""
    source, detector = (exported(factory, name).file for name in ("bundled", "detector"))
    precision: ExportPrecision = "int8" if is_small else "fp32"
    return made_once(factory, f"faces-{precision}.onnx", lambda file: write_joined(source, detector, file, precision))


def use_exported_detector(factory: pytest.TempPathFactory, patch: pytest.MonkeyPatch) -> None:
    """Have exports of whole models take this detector, which is the same in all of them, and commands find it."""
    detector = exported(factory, "detector").file
    patch.setattr("pipelines.export._write_detector", lambda path: shutil.copy(detector, path))
    patch.setenv(CACHE_VARIABLE, str(detector.parents[2]))


def use_exported_models(factory: pytest.TempPathFactory, patch: pytest.MonkeyPatch) -> None:
    """Have commands find both models in their cache folder."""
    exported(factory, "bundled")
    use_exported_detector(factory, patch)
