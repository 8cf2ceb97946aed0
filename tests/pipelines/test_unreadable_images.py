"""Images that cannot be read, in raw folders and in prepared sets: each costs only itself, and its reason is told."""

import csv
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from ampnet.checkpoints.model_files import BEST
from cli import app
from tests.hostile_images import claiming
from tests.prepared_faces import SAMPLES, write_prepared_faces
from tests.small_checkpoint import small_checkpoint

pytestmark = pytest.mark.slow

TRAINING = ["--epochs", "1", "--batch-size", "8", "--width", "0.05", "--image-size", "48", "--modules", "gp"]
TRAINING += ["--processes", "1", "--gpus", "0"]

Damage = Callable[[Path], object]
DAMAGES: dict[str, tuple[Damage, str]] = {
    "cut": (lambda path: path.write_bytes(path.read_bytes()[:700]), "image file is truncated"),
    "bomb": (lambda path: path.write_bytes(claiming(60_000, 60_000)), "it has more than 150,000,000 pixels"),
    "pipe": (lambda path: (path.unlink(), os.mkfifo(path)), "it is a pipe, not a regular file"),
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_prepared_faces(tmp_path / "data", train=3, val=1, test=2)


@pytest.mark.parametrize("damage", ["cut", "bomb"])
def test_eval_counts_an_unreadable_image_as_an_error_and_names_it(
    data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], damage: str
) -> None:
    make, reason = DAMAGES[damage]
    victim = sorted((data / "dataset").glob("test_*"))[3]
    make(victim)
    run = small_checkpoint(tmp_path / "run")
    arguments = ["eval", str(run), "--data", str(data), "--gpus", "0", "--quiet"]  # with the usual loader processes
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"ampnet: cannot read {victim.name}: {reason}")
    assert len(result.stderr.splitlines()) == 1
    assert capfd.readouterr().err == ""  # of the loader processes and of native code
    with next(tmp_path.rglob("predictions.csv")).open() as file:
        status = {row["name"]: row["status"] for row in csv.DictReader(file)}
    assert status.pop(victim.name) == "unreadable"
    assert set(status.values()) == {"scored"}
    assert len(status) == 13


def test_compare_counts_an_unreadable_image_as_an_error_of_both_and_names_it(data: Path, tmp_path: Path) -> None:
    victim = sorted((data / "dataset").glob("test_*"))[3]
    DAMAGES["cut"][0](victim)
    runs = [str(small_checkpoint(tmp_path / name)) for name in ("one", "other")]
    options = ["--data", str(data), "--gpus", "0", "--workers", "0", "--quiet"]
    result = CliRunner().invoke(app, ["compare", *runs, *options])
    assert result.exit_code == 1
    assert result.stderr.startswith(f"ampnet: cannot read {victim.name}: {DAMAGES['cut'][1]}")
    assert len(result.stderr.splitlines()) == 1
    with next(tmp_path.rglob("answers.csv")).open() as file:
        (row,) = [row for row in csv.DictReader(file) if row["name"] == victim.name]
    assert (row["true"], row["A"], row["B"]) == ("happiness", "", "")


def test_eval_without_a_readable_image_ends_with_one_line(data: Path, tmp_path: Path) -> None:
    for image in (data / "dataset").glob("test_*"):
        image.write_bytes(b"no picture")
    arguments = ["eval", str(small_checkpoint(tmp_path / "run")), "--data", str(data), "--gpus", "0", "--quiet"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1
    assert result.stderr.startswith("ampnet: cannot read 14 images, first test_")
    assert len(result.stderr.splitlines()) == 1


def test_training_leaves_unreadable_images_out_and_lists_them(
    data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    bomb, cut = sorted((data / "dataset").glob("train_*"))[2:4]
    pipe = sorted((data / "dataset").glob("val_*"))[2]
    DAMAGES["bomb"][0](bomb)
    DAMAGES["cut"][0](cut)
    DAMAGES["pipe"][0](pipe)
    command = ["train", "--data", str(data), *TRAINING, "--out", str(tmp_path / "runs")]
    told = CliRunner().invoke(app, [*command, "--name", "one", "--workers", "1"])
    assert told.exit_code == 0
    for victim, damage in ((bomb, "bomb"), (cut, "cut"), (pipe, "pipe")):
        assert f"left out: cannot read {victim.name}: {DAMAGES[damage][1]}" in told.stderr
    assert "left out: cannot read 3 images, first" in told.stdout
    assert capfd.readouterr().err == ""
    assert (tmp_path / "runs" / "one" / BEST).is_file()

    plain = CliRunner().invoke(app, [*command, "--name", "none", "--workers", "0", "--json", "--quiet"])
    assert set(json.loads(plain.stdout)["unreadable"]) == {bomb.name, cut.name, pipe.name}
    assert _history(tmp_path / "runs" / "none") == _history(tmp_path / "runs" / "one")


def _history(run: Path) -> list[dict[str, str]]:
    with (run / "history.csv").open() as file:
        return [{key: value for key, value in row.items() if key != "seconds"} for row in csv.DictReader(file)]


def test_prepare_rejects_whatever_is_no_file_or_no_image_and_finishes(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    for name in ("fear", "happiness"):
        (raw / name).mkdir(parents=True)
        for face in sorted((SAMPLES / "faces" / "train" / name).glob("*.jpg"))[:3]:
            shutil.copy(face, raw / name)
    odd = raw / "fear"
    Image.new("RGB", (64, 64), "red").save(odd / "wall.png")
    os.mkfifo(odd / "pipe.jpg")
    (odd / "zero.png").symlink_to("/dev/zero")
    (odd / "loop.jpg").symlink_to("loop.jpg")
    (odd / "circle").symlink_to("circle")
    (odd / "dds.jpg").write_bytes(b"DDS " + bytes(200))
    (odd / "bomb.jpg").write_bytes(claiming(60_000, 60_000))
    result = CliRunner().invoke(
        app, ["prepare", str(raw), "--out", str(tmp_path / "out"), "--gpus", "0", "--crop", "face", "--quiet"]
    )
    assert (result.exit_code, result.stderr) == (0, "")
    assert "5 images could not be read, such as fear/bomb.jpg: it has more than" in result.stdout
    with (tmp_path / "out" / "index" / "faces.csv").open() as file:
        rows = list(csv.DictReader(file))
    reasons = {Path(row["source"]).name: row["reason"] for row in rows if row["status"] == "rejected"}
    assert reasons == {
        "pipe.jpg": "it is a pipe, not a regular file",
        "zero.png": "it is a device, not a regular file",
        "loop.jpg": "Too many levels of symbolic links",
        "dds.jpg": "it is a DDS texture; save it as JPEG or PNG",
        "bomb.jpg": "it has more than 150,000,000 pixels",
        "wall.png": "no face found",
    }
    assert sum(row["status"] == "detected" for row in rows) == 6


def test_paths_of_a_csv_that_lead_to_a_pipe_or_a_device_are_rejected(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    lines = ["path,label", f"{tmp_path}/pipe.jpg,fear", "/dev/zero,fear"]
    for name in ("fear", "happiness"):
        face = sorted((SAMPLES / "faces" / "train" / name).glob("*.jpg"))[0]
        lines.append(f"{face},{name}")
    (tmp_path / "faces.csv").write_text("\n".join(lines))
    options = ["--out", str(tmp_path / "out"), "--gpus", "0", "--crop", "face", "--quiet"]
    assert CliRunner().invoke(app, ["prepare", str(tmp_path / "faces.csv"), *options]).exit_code == 0
    failures = (tmp_path / "out" / "index" / "err.csv").read_text()
    assert '\npipe.jpg,"it is a pipe, not a regular file"' in failures
    assert '/dev/zero,"it is a device, not a regular file"' in failures


def test_predict_names_what_it_cannot_read_and_does_the_rest(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    shutil.copy(sorted((SAMPLES / "faces" / "test" / "fear").glob("*.jpg"))[0], tmp_path / "face.jpg")
    run = small_checkpoint(tmp_path / "run")
    result = CliRunner().invoke(
        app, ["predict", str(tmp_path), "/dev/zero", "--checkpoint", str(run), "--gpus", "0", "--json", "--quiet"]
    )
    assert result.exit_code == 1
    images = json.loads(result.stdout)["images"]
    assert {Path(image["image"]).name: image["status"] for image in images} == {
        "face.jpg": "ok",
        "pipe.jpg": "unreadable",
        "zero": "unreadable",
    }
    assert "it is a pipe" in result.stderr
    assert "it is a device" in result.stderr
