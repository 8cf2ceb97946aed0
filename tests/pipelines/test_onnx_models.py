"""The models that ONNX Runtime runs are exported once, or by several processes at once."""

from pathlib import Path

import pytest

from ampnet.files.writing import refuse_overwrite
from ampnet.settings import ExportConfig
from pipelines.onnx_models import onnx_models
from pipelines.progress import notices
from tests.small_checkpoint import small_checkpoint


def test_a_model_that_another_process_has_just_exported_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def by_another(folder: Path) -> bool:  # between the look for the file and the export
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("detector.onnx", classifier.name):
            (folder / name).touch()
        return True

    def export(config: ExportConfig) -> None:
        assert config.out is not None
        config.out.parent.mkdir(parents=True, exist_ok=True)
        refuse_overwrite(config.out, config.force).write_text("whole")

    checkpoint = small_checkpoint(tmp_path / "run") / "best.pt"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("pipelines.export.run", export)
    classifier, detector = onnx_models(checkpoint, notices(quiet=True))
    assert classifier.read_text() == detector.read_text() == "whole"
    for file in (classifier, detector):
        file.unlink()
    monkeypatch.setattr("pipelines.onnx_models.is_writable", by_another)
    onnx_models(checkpoint, notices(quiet=True))
    assert detector.read_text() == "whole"
