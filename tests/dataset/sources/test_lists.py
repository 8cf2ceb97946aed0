"""Lists as spreadsheets, pandas and other computers write them: each gives the same images."""

import csv
import io
from collections import Counter
from pathlib import Path

import pytest

from ampnet.dataset.sources import list_columns, open_source
from ampnet.errors import DataError
from tests.dataset.sources.small_files import text, touch

ROWS = [
    (f"img/{split} {name}, {i}.jpg", name, split)
    for split in ("train", "test")
    for name in ("happiness", "anger")
    for i in range(2)
]
EXPECTED = Counter((path, name, split) for path, name, split in ROWS)
HEADER = ("path", "label", "split")


def table(delimiter: str = ",", header: tuple[str, ...] = HEADER, rows: object = ROWS, end: str = "\n") -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=delimiter, lineterminator=end)
    writer.writerow(header)
    writer.writerows(rows)  # type: ignore[arg-type]
    return stream.getvalue()


def with_paths(change: object) -> str:
    return table(rows=[(change(path), name, split) for path, name, split in ROWS])


FORMS: dict[str, bytes] = {
    "plain": table().encode(),
    "bom": table(end="\r\n").encode("utf-8-sig"),
    "semicolon": table(";").encode(),
    "tab": table("\t").encode(),
    "bar": table("|").encode(),
    "utf-16": table().encode("utf-16"),
    "utf-16 without a mark": table().encode("utf-16-le"),
    "percent": with_paths(lambda path: path.replace(" ", "%20")).encode(),
    "cr only": table(end="\r").encode(),
    "sep": ("sep=;\r\n" + table(";", end="\r\n")).encode(),
    "comments": ("# by hand\n#\n\n" + table()).encode(),
    "trailing comma": table(header=(*HEADER, ""), rows=[(*row, "") for row in ROWS]).encode(),
    "index": table(header=("", *HEADER), rows=[(i, *row) for i, row in enumerate(ROWS)]).encode(),
    "unnamed": table(header=("Unnamed: 0", *HEADER), rows=[(i, *row) for i, row in enumerate(ROWS)]).encode(),
    "row names of R": table(rows=[(i, *row) for i, row in enumerate(ROWS)]).encode(),
    "other columns": table(header=(*HEADER, "age", "Note"), rows=[(*row, 31, "") for row in ROWS]).encode(),
    "other order": table(header=("Usage", "Emotion", "File Name"), rows=[row[::-1] for row in ROWS]).encode(),
    "codes beside": table(
        header=("image", "label", "set", "emotion"), rows=[(p, 3, s, n) for p, n, s in ROWS]
    ).encode(),
    "backslash": with_paths(lambda path: path.replace("/", "\\")).encode(),
    "windows": with_paths(lambda path: "C:\\data\\" + path.replace("/", "\\")).encode(),
    "elsewhere": with_paths(lambda path: "/home/me/set/" + path).encode(),
    "dots": with_paths(lambda path: "./" + path).encode(),
    "only names": with_paths(lambda path: path.removeprefix("img/")).encode(),
    "no extension": with_paths(lambda path: path.removesuffix(".jpg")).encode(),
    "capitals": with_paths(str.upper).encode(),
    "usage": table(rows=[(p, n, {"train": "Training", "test": "PrivateTest"}[s]) for p, n, s in ROWS]).encode(),
    "cases": table(rows=[(p, n.upper(), s) for p, n, s in ROWS]).encode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_same_list_in_any_form_gives_the_same_images(tmp_path: Path, form: str) -> None:
    touch(tmp_path, *(path for path, _name, _split in ROWS))
    (tmp_path / "list.csv").write_bytes(FORMS[form])
    found = Counter((item.relative, item.class_name, item.split) for item in open_source(tmp_path / "list.csv").items)
    if form == "dots":
        found = Counter({(path.removeprefix("./"), name, split): n for (path, name, split), n in found.items()})
    assert found == EXPECTED


def test_a_list_for_each_split_is_one_data_set(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "b.jpg", "c.jpg")
    text(tmp_path / "train_labels.csv", "image,label\na.jpg,happy\nb.jpg,sad\n")
    text(tmp_path / "test_labels.csv", "image,label\nc.jpg,sad\n")
    found = {item.relative: (item.split, item.class_name) for item in open_source(tmp_path).items}
    assert found == {"a.jpg": ("train", "happiness"), "b.jpg": ("train", "sadness"), "c.jpg": ("test", "sadness")}


def test_a_list_in_each_split_is_one_data_set(tmp_path: Path) -> None:
    touch(tmp_path, "train/a.jpg", "train/b.jpg", "test/a.jpg")
    text(tmp_path / "train" / "metadata.csv", "file_name,label\na.jpg,happy\nb.jpg,sad\n")
    text(tmp_path / "test" / "metadata.csv", "file_name,label\na.jpg,sad\n")
    source = open_source(tmp_path)
    assert [(item.relative, item.split, item.class_name) for item in source.items] == [
        ("test/a.jpg", "test", "sadness"),
        ("train/a.jpg", "train", "happiness"),
        ("train/b.jpg", "train", "sadness"),
    ]
    assert all(item.path.is_file() for item in source.items)


@pytest.mark.parametrize("missing", ["", "NaN", "None", "-", "n/a", "unknown"])
def test_rows_without_a_label_are_left_out(tmp_path: Path, missing: str) -> None:
    touch(tmp_path, "a.jpg", "b.jpg", "c.jpg")
    text(tmp_path / "list.csv", f"path,label\na.jpg,happy\nb.jpg,{missing}\nc.jpg,sad\n")
    source = open_source(tmp_path)
    assert [item.relative for item in source.items] == ["a.jpg", "c.jpg"]
    assert any(f"left out 1 image labelled '{missing}'" in note for note in source.notes)


@pytest.mark.parametrize(
    ("content", "seen"),
    [
        ("path,label\na.jpg,0.059\nb.jpg,0.118\n", "are measurements (0.059, 0.118)"),
        ("path,label\na.jpg,-1\nb.jpg,+1\n", "are numbers"),
        ('path,label\na.jpg,happy\nb.jpg,"happy, sad"\n', "'happy, sad' names several classes"),
        ("path,label,x0,y0,x1,y1\na.jpg,happy,0.1,0.1,0.9,0.8\n", "line 2: the box is smaller than a pixel"),
        ("one/c.jpg,happy\ntwo/c.jpg,sad\n", "is the line with the columns' names missing?"),
        ("path,label\nC:\\set\\c.jpg,happy\nD:\\c.jpg,sad\n", r"there are 2 images C:\set\c.jpg"),
    ],
)
def test_what_a_list_cannot_mean_is_refused(tmp_path: Path, content: str, seen: str) -> None:
    touch(tmp_path, "a.jpg", "b.jpg", "one/c.jpg", "two/c.jpg")
    text(tmp_path / "list.csv", content)
    with pytest.raises(DataError) as refused:
        open_source(tmp_path / "list.csv")
    assert seen in str(refused.value)


def test_a_list_of_images_elsewhere_is_not_read_as_folders_without_a_meaning(tmp_path: Path) -> None:
    touch(tmp_path, "original/1.jpg", "masks/1.jpg")
    text(tmp_path / "list.csv", "path,label\n1.jpg,happy\n1.jpg,sad\n")
    with pytest.raises(DataError, match=r"there are 2 images 1\.jpg; write the paths with their folders"):
        open_source(tmp_path)
    touch(tmp_path / "named", "happy/1.jpg", "sad/1.jpg")
    text(tmp_path / "named" / "list.csv", "path,label\ngone.jpg,happy\nlost.jpg,sad\n")
    source = open_source(tmp_path / "named")
    assert source.class_names == ("happiness", "sadness")
    assert "not read: list.csv, whose images are not here" in source.notes
    text(tmp_path / "named" / "list.csv", "path,label\nhappy/1.jpg,happy\nsad/1.jpg,sad\n")
    assert not any("not here" in note for note in open_source(tmp_path / "named", "folders").notes)


def test_lists_that_are_no_splits_are_not_chosen_from(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "b.jpg")
    for name in ("mine.csv", "theirs.csv"):
        text(tmp_path / name, "path,label\na.jpg,happy\nb.jpg,sad\n")
    with pytest.raises(DataError, match=r"several lists \(mine.csv, theirs.csv\).*give the one to use"):
        open_source(tmp_path)


def test_two_images_of_a_name_are_told_apart_by_their_folders_split_and_label(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{split}/{name}/1.jpg" for split in ("train", "test") for name in ("happy", "sad")))
    text(tmp_path / "list.csv", "file,label,split\n1.jpg,happy,train\n1.jpg,sad,test\nx/happy/1.jpg,happy,test\n")
    assert [item.relative for item in open_source(tmp_path / "list.csv").items] == [
        "train/happy/1.jpg",
        "test/sad/1.jpg",
        "test/happy/1.jpg",
    ]


def test_a_frame_is_not_compared_with_those_of_its_number_in_all_videos(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = [f"v{video:02d}/{frame:05d}.jpg" for video in range(20) for frame in range(3)]
    touch(tmp_path, *(f"cropped/{frame}" for frame in frames))
    book, compared = list_columns.ImageBook(tmp_path), []
    same = list_columns._same_name
    monkeypatch.setattr(list_columns, "_same_name", lambda name, wanted: compared.append(1) or same(name, wanted))
    found = [book.find("C:\\data\\" + frame.replace("/", "\\")) for frame in frames]
    assert found == [f"cropped/{frame}" for frame in frames]
    assert len(compared) == len(frames)


def test_of_two_images_whose_names_differ_in_case_none_is_guessed(tmp_path: Path) -> None:
    touch(tmp_path, "img/A.jpg", "img/a.jpg", "img/b.jpg")
    text(tmp_path / "list.csv", "file,label\nC:\\img\\A.jpg,happy\nC:\\img\\b.jpg,sad\n")
    assert "not found: 1 listed images, such as C:\\\\img\\\\A.jpg" in repr(open_source(tmp_path / "list.csv").notes)


def test_images_that_are_not_there_are_told(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg")
    text(tmp_path / "list.csv", "path,label\na.jpg,happiness\ngone.jpg,sadness\n")
    assert open_source(tmp_path / "list.csv").notes == ["not found: 1 listed images, such as gone.jpg"]


def test_labels_in_western_european_encodings_can_be_read(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "b.jpg")
    (tmp_path / "list.csv").write_bytes("path,label\na.jpg,fr\u00f6hlich\nb.jpg,Wut\n".encode("latin-1"))
    assert set(open_source(tmp_path / "list.csv").class_names) == {"fr\u00f6hlich", "Wut"}


def test_a_box_may_have_a_size(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "b.jpg")
    text(tmp_path / "list.csv", "path,label,x,y,width,height\na.jpg,happy,1,2,30,40\nb.jpg,sad,5,6,7,8\n")
    assert [item.box for item in open_source(tmp_path / "list.csv").items] == [(1, 2, 31, 42), (5, 6, 12, 14)]


def test_votes_beside_a_box_need_no_label(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "b.jpg")
    text(tmp_path / "list.csv", "path,x,y,w,h,anger,happiness\na.jpg,1,2,30,40,0,5\nb.jpg,5,6,7,8,4,0\n")
    items = open_source(tmp_path / "list.csv").items
    assert [(item.class_name, item.box) for item in items] == [("happiness", (1, 2, 31, 42)), ("anger", (5, 6, 12, 14))]


def test_of_two_images_whose_extensions_differ_the_named_one_is_taken(tmp_path: Path) -> None:
    touch(tmp_path, "img/a.jpg", "img/a.png", "other/b.jpg", "img/b.png")
    text(tmp_path / "list.csv", "path,label\nC:\\x\\a.png,happy\nC:\\x\\a.jpg,sad\nC:\\img\\b.jpg,sad\n")
    relatives = [item.relative for item in open_source(tmp_path / "list.csv").items]
    assert relatives == ["img/a.png", "img/a.jpg", "img/b.png"]  # the folder says more than the extension


def test_an_image_that_is_spelled_in_two_ways_is_one_image(tmp_path: Path) -> None:
    touch(tmp_path, "img/a.jpg", "img/b.jpg")
    text(tmp_path / "list.csv", "path,label\n./img/a.jpg,happy\nimg//a.jpg,happy\nimg/a.jpg,sad\nimg/b.jpg,sad\n")
    items = open_source(tmp_path / "list.csv").items
    assert [(item.relative, item.votes) for item in items] == [("img/a.jpg", (2, 1)), ("img/b.jpg", (0, 1))]


def test_that_a_list_with_some_unknown_people_is_not_split_by_people_is_told(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "b.jpg", "c.jpg", "d.jpg")
    people = text(tmp_path / "list.csv", "path,label,subject\na.jpg,joy,1\nb.jpg,fear,1\nc.jpg,joy,\nd.jpg,joy,2\n")
    source = open_source(people)
    assert not source.has_splits
    assert "not split by people, who may be in train and in test: 1 of 4 images do not say whose" in source.notes[-1]
    text(people, "path,label\na.jpg,joy\nb.jpg,fear\n")
    assert not any("people" in note for note in open_source(people).notes)


def test_a_person_whose_name_differs_in_case_or_composition_is_in_one_split(tmp_path: Path) -> None:
    people = ["S01", "s01", "Zo\u00e9", "zoe\u0301", "S02", "S02"]
    rows = [f"{i}.jpg,{('joy', 'fear')[i % 2]},{person}\n" for i, person in enumerate(people)]
    touch(tmp_path, *(f"{i}.jpg" for i in range(6)))
    source = open_source(text(tmp_path / "list.csv", "path,label,subject\n" + "".join(rows)))
    splits = [item.split for item in source.items]
    assert splits[::2] == splits[1::2] == ["test", "train", "val"]  # S01, Zo\u00e9 and S02, sorted S01, S02, Zo\u00e9
    assert "people of two spellings: s01 is S01, " in "\n".join(source.notes)


def test_eval_beside_dev_is_for_testing_as_among_folders(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "b.jpg", "c.jpg")
    file = text(tmp_path / "list.csv", "path,label,split\na.jpg,joy,train\nb.jpg,fear,dev\nc.jpg,joy,eval\n")
    assert [item.split for item in open_source(file).items] == ["train", "val", "test"]
    text(file, "path,label,split\na.jpg,joy,train\nb.jpg,fear,eval\nc.jpg,joy,test\n")
    assert [item.split for item in open_source(file).items] == ["train", "val", "test"]
