"""Runs are found by their saves."""

import os
from pathlib import Path

from ampnet.checkpoints.model_files import newest_run
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


def test_calibrating_an_old_run_does_not_make_it_the_newest(tmp_path):
    names = ("old/best.pt", "old/last.pt", "new/last.pt", "new/best.pt", "old/best-calibrated.pt", "old/best.pt")
    for time, name in enumerate(names, start=1):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (time, time))
    assert newest_run(tmp_path) == tmp_path / "new"


def test_the_newest_run_is_found_while_another_renames_a_save(tmp_path, monkeypatch):
    for time, name in enumerate(("one/best.pt", "two/best.pt", "one/last.pt"), start=1):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (time, time))
    look = Path.lstat

    def look_late(path):
        if path.name == "last.pt":
            path.replace(path.with_name("moved"))
        return look(path)

    monkeypatch.setattr(Path, "lstat", look_late)
    assert newest_run(tmp_path) == tmp_path / "two"
