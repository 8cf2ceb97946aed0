"""`ampnet check`: what would make a result on a prepared set untrustworthy."""

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from ampnet.dataset.index.faces_table import FaceRow, write_faces
from ampnet.dataset.index.landmarks_file import write_landmarks
from ampnet.errors import DataError
from ampnet.settings import CheckConfig
from cli import app
from pipelines.check import CheckResult, run

SAMPLES = Path(__file__).parents[1] / "samples" / "faces"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Eight prepared faces; a test image is also in train, under another class, and smaller copies are nearly so."""
    (tmp_path / "index").mkdir()
    (tmp_path / "dataset").mkdir()
    faces = sorted((SAMPLES / "train").rglob("*_0.jpg"))[::6]
    names = [f"{split}_{number}.jpg" for number, split in enumerate(["train"] * 5 + ["val", "test", "test"])]
    for name, face in zip(names, faces, strict=False):
        with Image.open(face) as image:
            image.resize((224, 224)).save(tmp_path / "dataset" / name, quality=95)
    shutil.copy(tmp_path / "dataset" / "train_0.jpg", tmp_path / "dataset" / "test_6.jpg")
    with Image.open(tmp_path / "dataset" / "train_1.jpg") as image:
        image.save(tmp_path / "dataset" / "val_5.jpg", quality=40)
    labels = [1, 1, 1, 1, 2, 1, 2, 1]
    (tmp_path / "index" / "data_label.txt").write_text(
        "".join(f"{name} {label}\n" for name, label in zip(names, labels, strict=True))
    )
    landmarks = np.full((8, 5, 2), 100.0)
    landmarks[7, 2] = (100, 230)
    write_landmarks(tmp_path / "index" / "land_marks.npy", names, landmarks)
    meta = {"class_names": ["fear", "joy"], "splits": ["train", "val", "test"]}
    (tmp_path / "index" / "meta.json").write_text(json.dumps(meta))
    rows = [
        FaceRow(name, name, name.split("_")[0], "fear", "detected", subject="ann" if number in (2, 7) else str(number))
        for number, name in enumerate(names)
    ]
    write_faces(
        tmp_path / "index" / "faces.csv", [*rows, FaceRow("", "x", "test", "fear", "rejected", "no face found")]
    )
    return tmp_path


def check(data: Path) -> CheckResult:
    return run(CheckConfig(data=data), quiet=True)


def test_copies_across_splits_are_leaks(data: Path) -> None:
    report = check(data).report
    assert (report.exact_copies, report.near_copies) == (1, 1)
    assert [(leak.split, leak.other, leak.images, leak.share) for leak in report.leaks] == [
        ("test", "train", 1, 0.5),
        ("val", "train", 1, 1.0),
    ]
    assert report.contradictions == 1  # train_0 is fear, its copy test_6 joy


def test_all_pairs_are_listed_and_shown(data: Path) -> None:
    result = check(data)
    assert result.pairs_file is not None
    with result.pairs_file.open(newline="") as file:
        pairs = {(row["first"], row["second"]): row["similarity"] for row in csv.DictReader(file)}
    assert set(pairs) == {("train_0.jpg", "test_6.jpg"), ("train_1.jpg", "val_5.jpg")}
    assert pairs["train_0.jpg", "test_6.jpg"] == "1.0000"
    assert result.sheet_file is not None
    with Image.open(result.sheet_file) as sheet:
        assert sheet.size[0] > 4 * 144


def test_people_in_two_splits_coverage_and_odd_landmarks_are_reported(data: Path) -> None:
    report = check(data).report
    assert report.shared_subjects == {"ann": ["test", "train"]}
    assert report.coverage == {"fear": 8 / 9}
    assert report.outside == ["test_7.jpg"]
    assert report.classes["train"] == {"fear": 4, "joy": 1}
    assert report.imbalance == 4


def test_an_unreadable_image_is_named_and_the_command_fails(data: Path) -> None:
    (data / "dataset" / "train_3.jpg").write_bytes(b"broken")
    (data / "dataset" / "train_4.jpg").write_bytes(b"broken")
    result = CliRunner().invoke(app, ["check", "--data", str(data), "--quiet"])
    assert result.exit_code == 1
    assert "unreadable: 2 images, such as train_3.jpg" in result.stdout
    assert result.stderr == "ampnet: 2 prepared images cannot be read, such as train_3.jpg; run prepare again\n"
    assert "copies: 1 exact and 1 near among" in result.stdout  # broken files are no copies of each other


def test_nothing_is_listed_in_the_folder_that_an_index_links_to(data: Path) -> None:
    (data / "index").rename(data / "elsewhere")
    (data / "index").symlink_to("elsewhere")
    (data / "elsewhere" / "duplicates.csv").write_text("mine")
    with pytest.raises(DataError, match=r"index is a link to .*elsewhere, where nothing was changed"):
        check(data)
    assert (data / "elsewhere" / "duplicates.csv").read_text() == "mine"


def test_nothing_is_created_in_a_folder_that_holds_no_set(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="ampnet prepare"):
        run(CheckConfig(data=tmp_path), quiet=True)
    assert not list(tmp_path.iterdir())


def test_names_that_would_disturb_a_terminal_are_printed_as_escapes(data: Path) -> None:
    names = [line.split()[0] for line in (data / "index" / "data_label.txt").read_text().splitlines()]
    rows = [FaceRow(name, "\x1b[2Jx", "train", "fear", "detected", traits=("few-tones", "\x1b[1m")) for name in names]
    rows = [replace(row, grey_mean=1.0, grey_spread=1.0, subject="ann\nampnet: fine") for row in rows]
    write_faces(data / "index" / "faces.csv", rows)
    result = CliRunner().invoke(app, ["check", "--data", str(data), "--quiet"])
    assert "\x1b" not in result.stdout
    assert r"such as \u001b[2Jx" in result.stdout
    assert r"(ann\nampnet: fine, ...)" in result.stdout


def test_leaks_are_printed_loudly(data: Path) -> None:
    result = CliRunner().invoke(app, ["check", "--data", str(data)])
    assert result.exit_code == 0
    assert "LEAK: 1 image of test (50.0%) has a copy in train" in result.stdout
    assert "LEAK: 1 people are in more than one split (ann, ...)" in result.stdout


def test_json_is_all_that_is_printed_when_asked_for(data: Path) -> None:
    result = CliRunner().invoke(app, ["check", "--data", str(data), "--json"])
    assert json.loads(result.stdout)["leaks"][0]["other"] == "train"


def test_a_clean_set_has_no_lists_of_copies(data: Path) -> None:
    check(data)
    generator = np.random.default_rng(0)
    for path in (data / "dataset").iterdir():
        noise = generator.integers(0, 255, (7, 7, 3), dtype=np.uint8)
        Image.fromarray(noise).resize((224, 224), Image.Resampling.BICUBIC).save(path)
    result = check(data)
    assert result.pairs_file is None
    assert not (data / "index" / "duplicates.csv").exists()
    assert result.report.leaks == []


def test_traits_of_the_source_images_are_counted_and_a_changed_set_is_named(data: Path) -> None:
    traits: list[tuple[str, ...]] = [("equalised",)] * 6 + [("equalised", "few-tones"), ()]
    rows = [
        FaceRow("", f"{number}.png", "train", "fear", "rejected", traits=found, grey_mean=127, grey_spread=74)
        for number, found in enumerate(traits)
    ]
    write_faces(data / "index" / "faces.csv", rows)
    result = CliRunner().invoke(app, ["check", "--data", str(data)], env={"COLUMNS": "200"})
    assert "CHANGED?: 88% of the images look histogram-equalised: is this the original set?" in result.stdout
    assert "equalised: 87.50% of the images (7) look histogram-equalised, such as 0.png, 1.png, 2.png" in result.stdout
    assert "few-tones: 12.50% of the images (1) consist of a few tones, such as 6.png" in result.stdout
    plain = json.loads(CliRunner().invoke(app, ["check", "--data", str(data), "--json"]).stdout)
    assert plain["traits"]["few-tones"] == {"images": 1, "share": 0.125, "examples": ["6.png"]}
    assert plain["warnings"] == ["88% of the images look histogram-equalised: is this the original set?"]


def test_grey_levels_are_compared_with_those_of_the_known_set_that_meta_names(data: Path) -> None:
    meta = json.loads((data / "index" / "meta.json").read_text())
    (data / "index" / "meta.json").write_text(json.dumps({**meta, "layout": "fer2013"}))
    row = FaceRow("", "a.png", "train", "fear", "rejected", grey_mean=128, grey_spread=74)
    write_faces(data / "index" / "faces.csv", [row] * 300)
    assert check(data).report.warnings == [
        "the grey levels have mean 128 and spread 74, FER-2013's are 129 and 65: these images have been changed"
    ]


def test_without_source_pixels_the_prepared_images_are_examined(data: Path) -> None:
    (data / "index" / "faces.csv").unlink()
    Image.new("RGB", (224, 224)).save(data / "dataset" / "train_2.jpg")
    traits = check(data).report.traits
    assert {trait: (count.images, count.examples) for trait, count in traits.items()} == {
        "constant": (1, ["train_2.jpg"])
    }


def test_a_table_of_ones_own_is_neither_replaced_nor_deleted(data: Path, tmp_path: Path) -> None:
    mine = tmp_path / "stuff" / "duplicates.csv"
    mine.parent.mkdir()
    mine.write_text("order,article\n7,chair\n")
    with pytest.raises(DataError, match=r"duplicates\.csv was not written by check; choose another --out"):
        run(CheckConfig(data=data, out=mine.parent), quiet=True)
    assert mine.read_text() == "order,article\n7,chair\n"
    for _time in range(2):  # its own list is replaced
        assert run(CheckConfig(data=data, out=tmp_path / "lists"), quiet=True).pairs_file is not None
