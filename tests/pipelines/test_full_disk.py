"""Commands on a disk that fills up: one line, no half file, and the same command succeeds with enough space."""

import shlex
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ampnet.errors import DataError
from cli import app
from tests.limits import file_size_limit
from tests.prepared_faces import write_prepared_faces
from tests.small_checkpoint import small_checkpoint

pytestmark = pytest.mark.slow

SAMPLES = Path(__file__).parents[1] / "samples"
TRAIN = "train --data {data} --out {out} --name run --width 0.05 --image-size 48 --modules gp --epochs 1 --gpus 0"


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What the commands read: a prepared set with a copy in it, a checkpoint, a photo."""
    root = tmp_path_factory.mktemp("inputs")
    data = write_prepared_faces(root / "data", train=2, val=1)
    first, second = sorted((data / "dataset").iterdir())[:2]
    shutil.copy(first, second)
    run = small_checkpoint(root / "run")
    return {"data": data, "model": run, "photo": SAMPLES / "portrait.jpg"}


PRINTING = ("eval", "check", "predict")
"""Commands whose files only accompany what they print."""


@pytest.mark.parametrize(
    ("line", "limit", "again", "wanted"),
    [
        pytest.param(
            f"{TRAIN} --processes 1 --workers 0", 10_000, "--resume", "out/run/best.pt", marks=pytest.mark.slow
        ),
        pytest.param(
            "eval {model} --data {data} --split val --out {out} --gpus 0 --workers 0",
            4_000,
            "",
            "out/metrics.json",
            marks=pytest.mark.slow,
        ),
        ("predict {photo} --checkpoint {model} --csv {out}/faces.csv --gpus 0", 100, "", "out/faces.csv"),
        ("predict {photo} --checkpoint {model} --annotate {out} --gpus 0", 4_000, "", "out/portrait.jpg"),
        ("check --data {copy}", 4_000, "", "copy/index/duplicates.png"),
    ],
    ids=["train", "eval", "predict --csv", "predict --annotate", "check"],
)
def test_a_full_disk_costs_one_line_and_no_file(
    line: str, limit: int, again: str, wanted: str, paths: dict[str, Path], tmp_path: Path
) -> None:
    shutil.copytree(paths["data"], tmp_path / "copy")
    words = line.format(**paths, out=tmp_path / "out", copy=tmp_path / "copy").split()
    with file_size_limit(limit):
        result = CliRunner().invoke(app, [*words, "--quiet"])
    assert result.exit_code == 1
    (told,) = result.stderr.splitlines()
    assert told.startswith("ampnet: cannot write ")
    assert ": File too large; free some space" in told
    assert bool(result.stdout) == line.startswith(PRINTING)
    assert not (tmp_path / wanted).exists()
    assert not list(tmp_path.rglob(".ampnet-*"))

    result = CliRunner().invoke(app, [*words, "--quiet", *again.split()])
    assert result.exit_code == 0, result.stderr
    assert (tmp_path / wanted).stat().st_size > limit


def test_prepare_whose_lists_do_not_fit_names_the_command_that_makes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("fear", "happiness"):
        (tmp_path / "raw" / name).mkdir(parents=True)
        for copy in range(2):
            face = sorted((SAMPLES / "faces" / "train" / name).iterdir())[0]
            shutil.copy(face, tmp_path / "raw" / name / f"{copy}.jpg")
    out = tmp_path / "with space"
    words = ["prepare", str(tmp_path / "raw"), "--out", str(out), "--crop", "none", "--gpus", "0", "--quiet"]

    def full(path: Path, _pairs: object) -> None:
        raise DataError(f"cannot write {path.name}: No space left on device; free some space")

    with monkeypatch.context() as patch:
        patch.setattr("pipelines.check.write_pairs", full)
        result = CliRunner().invoke(app, words)
    assert result.exit_code == 1
    (told,) = result.stderr.splitlines()
    head, advice, end = told.split("`")
    assert head.endswith("; the data set is whole; for the lists, run ")
    assert end == ""
    program, *again = shlex.split(advice)
    assert program == "ampnet"
    assert CliRunner().invoke(app, again).exit_code == 0
    assert (out / "index" / "duplicates.csv").exists()
    assert not (out / "index" / ".prepare").exists()
