"""Tables of pixels in the form of FER-2013's csv, as copies of it and other sets come."""

import gzip
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from ampnet.dataset.sources import open_source
from ampnet.errors import DataError
from tests.dataset.sources.small_files import text

SIDE = 8
PIXELS = [" ".join(str((7 * row + i) % 256) for i in range(SIDE * SIDE)) for row in range(4)]
ROWS = [
    ("3", PIXELS[0], "Training"),
    ("0", PIXELS[1], "Training"),
    ("3", PIXELS[2], "PublicTest"),
    ("6", PIXELS[3], "PrivateTest"),
]
EXPECTED = Counter([("train", "happiness"), ("train", "anger"), ("val", "happiness"), ("test", "neutral")])


def table(separator: str = ",", end: str = "\n", head: str = "emotion,pixels,Usage", tail: str = "") -> str:
    lines = [head.replace(",", separator), *(separator.join(row) for row in ROWS)]
    return end.join(lines) + end + tail


FORMS: dict[str, tuple[str, bytes]] = {
    "plain": ("fer2013.csv", table().encode()),
    "any name": ("data.csv", table().encode()),
    "downloaded twice": ("fer2013 (1).csv", table().encode()),
    "packed": ("fer2013.csv.gz", gzip.compress(table().encode())),
    "bom": ("fer2013.csv", table(end="\r\n").encode("utf-8-sig")),
    "semicolons": ("fer2013.csv", table(";").encode()),
    "utf-16": ("faces.csv", table().encode("utf-16")),
    "blanks in the header": ("icml_face_data.csv", table(head="emotion, pixels, Usage").encode()),
    "cr only": ("faces.csv", table(end="\r").encode()),
    "quoted": ("faces.csv", table().replace(PIXELS[0], f'"{PIXELS[0]}"').encode()),
    "floats": ("faces.csv", table().replace("3,", "3.0,").encode()),
    "commas": ("faces.csv", table().replace(" ", ",").encode()),
    "junk at the end": ("fer2013.csv", table(tail="0,1,2,3,4,5\n\n,,,\n").encode()),
    "folders around": ("archive/data/fer2013.csv", table().encode()),
}


def write(root: Path, form: str) -> None:
    name, content = FORMS[form]
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_bytes(content)


@pytest.mark.parametrize("form", FORMS)
def test_the_same_table_in_any_form_gives_the_same_faces(tmp_path: Path, form: str) -> None:
    write(tmp_path, form)
    source = open_source(tmp_path)
    assert Counter((item.split, item.class_name) for item in source.items) == EXPECTED
    for item, pixels in zip(source.items, PIXELS, strict=True):
        image = item.picture().photo.whole
        assert image.shape[:2] == (SIDE, SIDE)
        assert image[..., 0].ravel().tolist() == [int(value) for value in pixels.split()]


@pytest.mark.parametrize("value", ["256", "-1", "0.5"])
@pytest.mark.parametrize("form", ["plain", "packed"])
def test_a_value_that_is_no_pixel_is_the_reason_in_any_form(tmp_path: Path, form: str, value: str) -> None:
    content = table().replace("3,0 1 ", f"3,{value} 1 ").encode()
    (tmp_path / FORMS[form][0]).write_bytes(gzip.compress(content) if form == "packed" else content)
    first, *others = (item.picture().photo.problem for item in open_source(tmp_path).items)
    assert first is not None
    assert first.endswith("image 0 is not a square of pixels from 0 to 255")
    assert others == [None] * 3


def test_rows_that_are_no_faces_are_counted(tmp_path: Path) -> None:
    write(tmp_path, "junk at the end")
    assert any(note.startswith("left out 1 row of fer2013.csv") for note in open_source(tmp_path).notes)


def test_a_code_of_seven_is_contempt_and_is_told(tmp_path: Path) -> None:
    text(tmp_path / "ckextended.csv", table().replace("6," + PIXELS[3], "7," + PIXELS[3]))
    source = open_source(tmp_path)
    assert source.class_names[-1] == "contempt"
    assert any("7 contempt" in note for note in source.notes)


def test_a_table_without_labels_beside_one_with_labels_is_left_out(tmp_path: Path) -> None:
    text(tmp_path / "train.csv", "emotion,pixels\n" + "".join(f"{code},{pixels}\n" for code, pixels, _usage in ROWS))
    text(tmp_path / "test.csv", "pixels\n" + PIXELS[0] + "\n")
    source = open_source(tmp_path)
    assert len(source.items) == 4
    assert {item.split for item in source.items} == {""}
    assert "left out test.csv: it has no labels" in source.notes


def test_a_table_for_each_split_is_one_data_set(tmp_path: Path) -> None:
    for name, rows in (("train", ROWS[:2]), ("test", ROWS[2:])):
        text(
            tmp_path / f"{name}.csv", "label,pixels\n" + "".join(f"{code},{pixels}\n" for code, pixels, _usage in rows)
        )
    assert Counter(item.split for item in open_source(tmp_path).items) == {"train": 2, "test": 2}


def test_pixels_without_any_labels_are_refused(tmp_path: Path) -> None:
    text(tmp_path / "test.csv", "pixels\n" + "\n".join(PIXELS) + "\n")
    with pytest.raises(DataError, match="pixels without labels; add a column emotion"):
        open_source(tmp_path)


def test_a_column_for_each_pixel_is_read(tmp_path: Path) -> None:
    head = ",".join(["label", *(f"pixel{i}" for i in range(SIDE * SIDE))])
    text(tmp_path / "faces.csv", head + "\n" + "".join(f"{c},{p.replace(' ', ',')}\n" for c, p, _usage in ROWS))
    source = open_source(tmp_path)
    assert [item.class_name for item in source.items] == ["happiness", "anger", "happiness", "neutral"]
    assert np.array_equal(
        source.items[0].picture().photo.whole[..., 0].ravel(), [int(value) for value in PIXELS[0].split()]
    )


def test_labels_that_are_names_are_classes(tmp_path: Path) -> None:
    rows = "".join(
        f"{name},{pixels}\n" for name, pixels in zip(("calm", "tense", "happy", "calm"), PIXELS, strict=True)
    )
    text(tmp_path / "faces.csv", "emotion,pixels\n" + rows)
    assert open_source(tmp_path).class_names == ("happiness", "calm", "tense")


def test_labels_from_1_to_7_are_not_fer_2013s_codes(tmp_path: Path) -> None:
    rows = [f"{code},{PIXELS[0]}" for code in range(1, 8)]
    text(tmp_path / "data.csv", "\n".join(["emotion,pixels", *rows]))
    with pytest.raises(DataError, match=r"are numbers \(1, 2, 3, 4, 5, 6, 7\)"):
        open_source(tmp_path)
    text(tmp_path / "classes.json", '{"1": "a", "2": "b", "3": "c", "4": "d", "5": "e", "6": "f", "7": "g"}')
    assert open_source(tmp_path).class_names == tuple("abcdefg")


def test_a_usage_that_is_unknown_is_the_reason(tmp_path: Path) -> None:
    text(tmp_path / "data.csv", f"emotion,pixels,split\n3,{PIXELS[0]},0\n4,{PIXELS[1]},1\n")
    with pytest.raises(DataError, match=r"a known usage \(2 rows, line 2: usage '0'\)"):
        open_source(tmp_path)
