"""`ampnet prepare` with names that are not UTF-8, or hold line breaks: it finishes, and its tables name the files."""

import csv
import json
import os
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ampnet.dataset.open_index import read_index
from ampnet.files.printable import path_of_text
from cli import app
from tests.hostile_images import deep_folder
from tests.prepared_faces import SAMPLES

LATIN_1 = os.fsdecode("fröhlich".encode("latin-1"))
FILE = os.fsdecode("Müller 1\n.jpg".encode("latin-1"))


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of three faces; the name of one folder and one file is not UTF-8."""
    raw = tmp_path_factory.mktemp("odd") / "raw"
    for folder, name in ((LATIN_1, "happiness"), ("fear", "fear")):
        try:
            (raw / folder).mkdir(parents=True)
        except OSError:
            pytest.skip("this file system holds UTF-8 names only")
        for face in sorted((SAMPLES / "faces" / "train" / name).glob("*.jpg"))[:3]:
            shutil.copy(face, raw / folder)
    shutil.copy(sorted((SAMPLES / "faces" / "train" / "fear").glob("*.jpg"))[4], raw / LATIN_1 / FILE)
    (raw / LATIN_1 / os.fsdecode(b"\xe4.png")).write_bytes(b"no picture")
    return raw


def prepare(raw: Path, out: Path, *options: str) -> None:
    result = CliRunner().invoke(
        app, ["prepare", str(raw), "--out", str(out), "--gpus", "0", "--crop", "face", *options]
    )
    assert result.exit_code == 0, result.output


@pytest.fixture(scope="module")
def prepared(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("prepared")
    prepare(raw, out)
    return out


def rows_of(table: Path) -> list[dict[str, str]]:
    with table.open(encoding="utf-8", newline="") as file:  # strict
        return list(csv.DictReader(file))


def test_prepare_finishes_with_its_preview(prepared: Path) -> None:
    assert (prepared / "index" / "preview.png").stat().st_size > 10_000
    assert not (prepared / "index" / ".prepare").exists()


def test_the_tables_are_utf_8_and_lead_to_the_files(prepared: Path, raw: Path) -> None:
    sources = [row["source"] for row in rows_of(prepared / "index" / "faces.csv")]
    assert r"fr\xf6hlich/M\xfcller 1\u000a.jpg" in sources
    assert len(sources) == 8
    assert all((raw / path_of_text(source)).is_file() for source in sources)
    assert [(row["source"], row["reason"]) for row in rows_of(prepared / "index" / "err.csv")] == [
        (r"fr\xf6hlich/\xe4.png", "not an image, or a damaged one")
    ]


def test_the_class_has_a_name_that_can_be_printed_and_stored(prepared: Path) -> None:
    assert read_index(prepared).class_names == ("fear", r"fr\xf6hlich")
    assert (
        json.loads((prepared / "index" / "meta.json").read_text(encoding="utf-8"))["class_names"][1] == r"fr\xf6hlich"
    )


def test_prepared_names_are_plain_ascii(prepared: Path) -> None:
    names = (prepared / "index" / "data_label.txt").read_text(encoding="ascii").split()[::2]
    assert len(names) == 7
    assert all((prepared / "dataset" / name).is_file() for name in names)


def test_check_and_eval_read_such_a_set(prepared: Path) -> None:
    assert CliRunner().invoke(app, ["check", "--data", str(prepared), "--json", "--quiet"]).exit_code == 0


def test_an_interrupted_run_finds_its_files_again(raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipelines import prepare as pipeline

    def interrupted(*_arguments: object) -> None:
        raise KeyboardInterrupt

    whole, broken = tmp_path / "whole", tmp_path / "broken"
    prepare(raw, whole)
    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "build_index", interrupted)
        stopped = CliRunner().invoke(app, ["prepare", str(raw), "--out", str(broken), "--gpus", "0", "--crop", "face"])
        assert stopped.exit_code == 130
    prepare(raw, broken, "--resume")
    for table in ("faces.csv", "err.csv", "data_label.txt", "land_marks.npy"):
        assert (broken / "index" / table).read_bytes() == (whole / "index" / table).read_bytes()


def test_a_folder_1200_deep_is_walked(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    for name in ("fear", "happiness"):
        (raw / name).mkdir(parents=True)
        shutil.copy(sorted((SAMPLES / "faces" / "train" / name).glob("*.jpg"))[0], raw / name)
    with deep_folder(raw / "fear", 1_200) as deep:
        shutil.copy(sorted((SAMPLES / "faces" / "train" / "fear").glob("*.jpg"))[1], deep)
        prepare(raw, tmp_path / "out", "--quiet")
    classes = [row["class"] for row in rows_of(tmp_path / "out" / "index" / "faces.csv")]
    assert sorted(classes) == ["fear", "fear", "happiness"]
