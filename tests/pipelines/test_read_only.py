"""Shared data, checkpoints and home folders are often for reading only: nothing hides a result."""

import json
import shutil
from pathlib import Path

import pytest

from tests.prepared_faces import write_prepared_faces
from tests.read_only import ampnet_read_only
from tests.small_checkpoint import small_checkpoint

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared set with a copy in it, whose lock was left behind, and a run; nobody else may write there."""
    root = tmp_path_factory.mktemp("shared")
    data = write_prepared_faces(root / "data", train=2, val=2)
    first, second = sorted((data / "dataset").iterdir())[:2]
    shutil.copy(first, second)
    (data / "index" / ".ampnet.lock").touch()
    small_checkpoint(root / "run")
    return root


def content(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


def test_check_reports_the_copies_and_notes_that_it_cannot_list_them(shared, tmp_path):
    before = content(shared)
    found = ampnet_read_only([shared], "check", "--data", shared / "data", "--json", "--quiet")
    assert (found.returncode, json.loads(found.stdout)["exact_copies"]) == (0, 1)
    (note,) = found.stderr.splitlines()
    assert note.startswith(f"note: lists of duplicates are not written: {shared / 'data' / 'index'} is read-only")
    assert content(shared) == before
    listed = ampnet_read_only([shared], "check", "--data", shared / "data", "--out", tmp_path / "lists", "--quiet")
    assert (listed.returncode, listed.stderr) == (0, "")
    assert (tmp_path / "lists" / "duplicates.csv").is_file()


def test_eval_and_compare_print_their_results_without_a_report(shared):
    before = content(shared)
    words = "--data", shared / "data", "--split", "val", "--json", "--quiet", "--gpus", "0"
    run = shared / "run" / "best.pt"
    measured = ampnet_read_only([shared], "eval", run, *words)
    assert measured.returncode == 0, measured.stderr
    assert json.loads(measured.stdout)["images"]
    (note,) = measured.stderr.splitlines()
    assert "report and predictions are not written" in note
    compared = ampnet_read_only([shared], "compare", run, "bundled", *words)
    assert compared.returncode == 0, compared.stderr
    assert json.loads(compared.stdout)["sets"]
    assert "results are not written" in compared.stderr
    assert content(shared) == before


@pytest.mark.parametrize("command", ["robustness", "calibrate"])
def test_what_has_to_write_says_so_before_it_works(shared, command):
    options = ["--force"] if command == "calibrate" else ["--split", "val"]
    run = shared / "run" / "best.pt"
    refused = ampnet_read_only([shared], command, run, "--data", shared / "data", *options, "--quiet")
    assert refused.returncode == 1
    assert refused.stdout == ""
    (line,) = refused.stderr.splitlines()
    assert line.startswith("ampnet: cannot write to ")
    assert line.endswith("with --out")


@pytest.mark.parametrize("command", [["predict", "portrait.jpg", "--runtime", "onnx"], ["serve", "--runtime", "onnx"]])
def test_the_variable_that_moves_the_cache_is_named(tmp_path, command):
    samples = Path(__file__).parents[1] / "samples"
    words = [samples / word if word.endswith("jpg") else word for word in command]
    refused = ampnet_read_only([tmp_path], *words, "--quiet", HOME=str(tmp_path), XDG_CACHE_HOME="")
    assert refused.returncode == 1
    (line,) = refused.stderr.splitlines()
    assert f"{tmp_path}/.cache/ampnet" in line
    assert "set XDG_CACHE_HOME to a folder that can be written to" in line


def test_figures_are_drawn_in_silence_without_a_home_folder(shared, tmp_path):
    words = "--data", shared / "data", "--split", "val", "--out", tmp_path / "report", "--quiet", "--gpus", "0"
    home = tmp_path / "home"
    home.mkdir()
    drawn = ampnet_read_only([home], "eval", shared / "run", *words, HOME=str(home), MPLCONFIGDIR="")
    assert (drawn.returncode, drawn.stderr) == (0, "")
    assert (tmp_path / "report" / "confusion.png").is_file()
