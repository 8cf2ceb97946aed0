"""Shared data, checkpoints and home folders are often for reading only: nothing hides a result."""

import json
import shutil
from pathlib import Path

import pytest

from tests.prepared_faces import write_prepared_faces
from tests.read_only import Done, ampnet_read_only
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


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the commands may write."""
    return tmp_path_factory.mktemp("written")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def done(shared: Path, written: Path, home: Path) -> dict[str, Done]:
    """What the commands say over the shared folder, in which nothing changes, with a home that is read-only, too."""
    run, of_data, quiet = shared / "run" / "best.pt", ["--data", shared / "data"], ["--quiet", "--gpus", "0"]
    portrait, onnx = Path(__file__).parents[1] / "samples" / "portrait.jpg", ["--runtime", "onnx", "--quiet"]
    commands: dict[str, list[object]] = {
        "check": ["check", *of_data, "--json", "--quiet"],
        "check --out": ["check", *of_data, "--out", written / "lists", "--quiet"],
        "eval": ["eval", run, *of_data, "--split", "val", "--json", *quiet],
        "eval --out": ["eval", run, *of_data, "--split", "val", "--out", written / "report", *quiet],
        "compare": ["compare", run, "bundled", *of_data, "--split", "val", "--json", *quiet],
        "robustness": ["robustness", run, *of_data, "--split", "val", "--quiet"],
        "calibrate": ["calibrate", run, *of_data, "--force", "--quiet"],
        "predict": ["predict", portrait, *onnx],
        "serve": ["serve", *onnx],
    }
    before = sorted(shared.rglob("*"))
    caches = dict.fromkeys(("XDG_CACHE_HOME", "MPLCONFIGDIR"), "")
    results = ampnet_read_only([shared, home], *commands.values(), HOME=str(home), **caches)
    assert sorted(shared.rglob("*")) == before
    return dict(zip(commands, results, strict=True))


def test_check_reports_the_copies_and_notes_that_it_cannot_list_them(
    shared: Path, written: Path, done: dict[str, Done]
) -> None:
    found, listed = done["check"], done["check --out"]
    assert (found.returncode, json.loads(found.stdout)["exact_copies"]) == (0, 1)
    (note,) = found.stderr.splitlines()
    assert note.startswith(f"note: lists of duplicates are not written: {shared / 'data' / 'index'} is read-only")
    assert (listed.returncode, listed.stderr) == (0, "")
    assert (written / "lists" / "duplicates.csv").is_file()


@pytest.mark.parametrize(
    ("command", "part", "note"),
    [("eval", "images", "report and predictions are not written"), ("compare", "sets", "results are not written")],
)
def test_eval_and_compare_print_their_results_without_a_report(
    done: dict[str, Done], command: str, part: str, note: str
) -> None:
    assert done[command].returncode == 0, done[command].stderr
    assert json.loads(done[command].stdout)[part]
    (line,) = done[command].stderr.splitlines()
    assert note in line


@pytest.mark.parametrize("command", ["robustness", "calibrate"])
def test_what_has_to_write_says_so_before_it_works(done: dict[str, Done], command: str) -> None:
    assert done[command].returncode == 1
    assert done[command].stdout == ""
    (line,) = done[command].stderr.splitlines()
    assert line.startswith("ampnet: cannot write to ")
    assert line.endswith("with --out")


@pytest.mark.parametrize("command", ["predict", "serve"])
def test_the_variable_that_moves_the_cache_is_named(home: Path, done: dict[str, Done], command: str) -> None:
    assert done[command].returncode == 1
    (line,) = done[command].stderr.splitlines()
    assert f"{home}/.cache/ampnet" in line
    assert "set XDG_CACHE_HOME to a folder that can be written to" in line


def test_figures_are_drawn_in_silence_without_a_home_folder(written: Path, done: dict[str, Done]) -> None:
    assert (done["eval --out"].returncode, done["eval --out"].stderr) == (0, "")
    assert (written / "report" / "confusion.png").is_file()
