"""Runs are found by their saves."""

from pathlib import Path

from ampnet.settings import TrainConfig
from ampnet.training.run_folder import saves_of


def test_a_save_that_another_run_renames_meanwhile_is_passed_over(tmp_path, monkeypatch):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "last.pt").touch()
    look = Path.lstat

    def look_late(path):
        if path.parent.name == "one":
            path.replace(path.with_name("previous.pt"))
        return look(path)

    monkeypatch.setattr(Path, "lstat", look_late)
    assert [*saves_of(TrainConfig(data=tmp_path, out=tmp_path))] == [tmp_path / "two" / "last.pt"]
