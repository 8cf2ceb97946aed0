"""Predict and prepare on a real Ray of this machine with two actors: a single machine's results, through kills."""

import csv
import io
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pytest

from ampnet.settings import PredictConfig
from pipelines.predict import run as predict
from pipelines.prepare import run as prepare
from tests.cluster.raw_faces import SAMPLES, in_form, link_samples
from tests.prepared_faces import files_of
from tests.small_checkpoint import small_checkpoint

ray = pytest.importorskip("ray")
pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # Ray's own warnings are not ours

ROOT = Path(__file__).parents[2]
PHOTOS, OF_A_PART = 20, 4


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    from ampnet.cluster.actors import ray_cluster

    with ray_cluster(2, 0):
        yield


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Links to real samples, a group, and a file that is no image."""
    folder = tmp_path_factory.mktemp("photos")
    for number, face in enumerate(sorted(SAMPLES.rglob("*.jpg"))[::10][: PHOTOS - 2]):
        (folder / f"{number:02d}.jpg").symlink_to(face)
    (folder / "broken.jpg").write_text("no picture")
    (folder / "group.jpg").symlink_to(SAMPLES.parent / "group.jpg")
    return folder


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_checkpoint(tmp_path_factory.mktemp("network"))


def here() -> dict[str, str]:
    """The environment of a command that starts a Ray of its own."""
    return {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}


def kill_driver_when(is_time: Callable[[], bool], command: list[str]) -> None:
    driver = subprocess.Popen(command, cwd=ROOT, env=here(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while driver.poll() is None and not is_time():
        time.sleep(0.02)
    driver.send_signal(signal.SIGKILL)
    driver.wait()


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return link_samples(tmp_path_factory.mktemp("raw"))


def rows_of(out: Path) -> list[dict[str, str]]:
    files = sorted(out.glob("part-*.parquet"))
    rows = pa.concat_tables([parquet.read_table(file) for file in files]).to_pylist()
    return [{name: "" if value is None else str(value) for name, value in row.items()} for row in rows]


def single_machine(photos: Path, network: Path, folder: Path) -> list[dict[str, str]]:
    predict(PredictConfig(images=(photos,), checkpoint=network, csv=folder / "one.csv", gpus=0), quiet=True)
    with (folder / "one.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def assert_alike(rows: list[dict[str, str]], expected: list[dict[str, str]]) -> None:
    """All columns are equal, probabilities but for their last decimal: with AVX-512 a sum depends on its batch."""
    assert len(rows) == len(expected)
    for row, other in zip(rows, expected, strict=True):
        rounded = [name for name in other if name.startswith(("score_", "probability")) and other[name]]
        assert {**row, **dict.fromkeys(rounded)} == {**other, **dict.fromkeys(rounded)}
        probabilities = [float(other[name]) for name in rounded]
        assert [float(row[name]) for name in rounded] == pytest.approx(probabilities, abs=2e-6)


def on_ray(*inputs: Path, network: Path, out: Path, **options: Any) -> Any:
    from pipelines.predict_ray import run

    config = PredictConfig(images=inputs, checkpoint=network, out=out, engine="ray", actors=2, gpus=0, **options)
    return run(config, quiet=True)


@pytest.mark.usefixtures("cluster")
def test_ray_gives_the_rows_of_a_single_machine_though_an_actor_is_killed_and_an_unreadable_image_is_one(
    photos: Path, network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.cluster.mortal import load

    monkeypatch.setattr("pipelines.predict_ray.load", partial(load, tmp_path / "killed"))
    result = on_ray(photos, network=network, out=tmp_path / "out", part_images=OF_A_PART)
    assert (tmp_path / "killed").exists()
    rows = rows_of(tmp_path / "out")
    assert_alike(rows, single_machine(photos, network, tmp_path))
    (broken,) = [row for row in rows if row["status"] == "unreadable"]
    assert broken["image"].endswith("broken.jpg")
    assert "not an image" in broken["problem"]
    assert (result.counts.results, result.counts.unreadable) == (PHOTOS, 1)


@pytest.mark.soak
@pytest.mark.usefixtures("cluster")
def test_tars_and_parquet_files_give_the_answers_of_their_images_in_folders(
    photos: Path, network: Path, tmp_path: Path
) -> None:
    files = sorted(photos.iterdir())
    with tarfile.open(tmp_path / "photos.tar", "w") as archive:
        for file in files:
            content = file.read_bytes()
            member = tarfile.TarInfo(file.name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    table = pa.table({"name": [file.name for file in files], "image": [file.read_bytes() for file in files]})
    parquet.write_table(table, tmp_path / "photos.parquet")
    expected = [
        {**row, "image": Path(row["image"]).name, "problem": ""} for row in single_machine(photos, network, tmp_path)
    ]
    for shard in ("photos.tar", "photos.parquet"):
        on_ray(tmp_path / shard, network=network, out=tmp_path / f"of {shard}")
        found = rows_of(tmp_path / f"of {shard}")
        assert all(row["image"].startswith(str(tmp_path / shard)) for row in found)
        assert_alike([{**row, "image": Path(row["image"]).name, "problem": ""} for row in found], expected)


@pytest.mark.soak  # test_preparation.py has the same actors without Ray
@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize("form", ["files", "shards"])
def test_ray_prepares_the_bytes_of_a_single_machine(
    raw: Path, tmp_path: Path, form: Literal["files", "shards"]
) -> None:
    asked = in_form(raw, tmp_path / "local", form)
    prepare(asked, quiet=True)
    prepare(replace(asked, out=tmp_path / "ray", engine="ray", actors=2), quiet=True)
    assert files_of(tmp_path / "ray") == files_of(tmp_path / "local")
    assert len(list((tmp_path / "ray" / "dataset").iterdir())) > (100 if form == "files" else 2)


@pytest.mark.soak
@pytest.mark.usefixtures("cluster")
def test_of_a_killed_actor_prepare_gives_the_bytes_of_a_single_machine(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ampnet.cluster import preparation
    from tests.cluster.mortal import MortalPrepareActor

    monkeypatch.setattr(preparation, "PrepareActor", MortalPrepareActor)
    asked = in_form(raw, tmp_path / "alone")
    prepare(asked, quiet=True)
    prepare(replace(asked, out=tmp_path / "ray", engine="ray", actors=2), quiet=True)
    assert (tmp_path / "killed").exists()
    assert files_of(tmp_path / "ray") == files_of(tmp_path / "alone")


@pytest.mark.soak
def test_a_killed_driver_of_prepare_is_resumed_to_the_bytes_of_a_single_machine(raw: Path, tmp_path: Path) -> None:
    out = tmp_path / "ray"
    record = out / "index" / ".prepare" / "journal.jsonl"
    command = [sys.executable, "-m", "cli", "prepare", str(raw), "--out", str(out), "--engine", "ray", "--quiet"]
    command += ["--actors", "2", "--gpus", "0", "--crop", "face", "--form", "shards", "--faces-per-shard", "50"]
    kill_driver_when(lambda: record.is_file() and record.read_bytes().count(b"\n") > 1, command)
    assert not (out / "index" / "shards.json").exists()
    again = subprocess.run([*command, "--resume"], cwd=ROOT, env=here(), capture_output=True, text=True, check=False)
    assert (again.returncode, again.stderr) == (0, "")
    prepare(in_form(raw, tmp_path / "alone"), quiet=True)
    assert files_of(out) == files_of(tmp_path / "alone")


@pytest.mark.soak
@pytest.mark.parametrize("parts", [1, 2, 3])
def test_a_killed_driver_is_resumed_and_every_image_is_in_the_result_once(
    photos: Path, network: Path, tmp_path: Path, parts: int
) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "cli", "predict", str(photos), "--checkpoint", str(network), "--engine", "ray"]
    command += ["--out", str(out), "--actors", "2", "--gpus", "0", "--part-images", str(OF_A_PART), "--quiet"]
    kill_driver_when(lambda: len(list(out.glob("part-*.parquet"))) >= parts, command)
    done = {file.name: file.stat().st_mtime_ns for file in out.glob("part-*.parquet")}
    assert done
    again = subprocess.run([*command, "--resume"], cwd=ROOT, env=here(), capture_output=True, text=True, check=False)
    assert again.returncode == 1, again.stderr  # one image is unreadable
    assert len(again.stderr.splitlines()) == 1  # nothing of Ray's
    assert "broken.jpg" in again.stderr
    assert len(list(out.glob("part-*.parquet"))) == PHOTOS // OF_A_PART
    first_faces = [row["image"] for row in rows_of(out) if row["face"] in ("", "1")]
    assert sorted(first_faces) == sorted(str(file) for file in photos.iterdir())
