"""The bundled model and the detector as ONNX files, exported once for all processes of a test run."""

import json
import os
from dataclasses import asdict
from pathlib import Path

import pytest
from filelock import FileLock

from ampnet import __version__
from ampnet.checkpoints.bundled import model_path
from ampnet.files.writing import sha256_of
from ampnet.settings import ExportConfig
from pipelines.export import ExportResult, run
from pipelines.onnx_models import CACHE_VARIABLE


def exported_models(factory: pytest.TempPathFactory) -> tuple[ExportResult, ExportResult]:
    """Export the classifier and the detector, which takes torch ten seconds each, or wait until another process has."""
    base = factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = shared / "cache" / "ampnet" / f"onnx-{__version__}"
    files = {"bundled": folder / f"{sha256_of(model_path())[:16]}.onnx", "detector": folder / "detector.onnx"}
    record = shared / "exported.json"
    with FileLock(shared / "exported.lock"):
        if not record.exists():
            results = [asdict(run(ExportConfig(model=Path(name), out=file))) for name, file in files.items()]
            record.write_text(json.dumps(results, default=str))
    classifier, detector = (
        ExportResult(**{**one, "file": Path(one["file"])}) for one in json.loads(record.read_text())
    )
    return classifier, detector


def use_exported_models(factory: pytest.TempPathFactory, patch: pytest.MonkeyPatch) -> None:
    """Have commands find these models in their cache folder."""
    classifier, _detector = exported_models(factory)
    patch.setenv(CACHE_VARIABLE, str(classifier.file.parents[2]))
