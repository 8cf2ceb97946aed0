"""Reading an index, made by prepare or by hand."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ampnet.data.index.face_index import read_index
from ampnet.data.index.landmarks_file import write_landmarks
from ampnet.data.preparation.faces_table import FaceRow, read_faces, write_faces, write_failures
from ampnet.errors import DataError
from ampnet.labels import EXPRESSIONS


def make_index(root: Path, lines: str, landmark_names: list[str], image_names: list[str]) -> Path:
    """Write only what the paper's README asks for: labels, landmarks, images."""
    (root / "index").mkdir()
    (root / "dataset").mkdir()
    (root / "index" / "data_label.txt").write_bytes(lines.encode())
    points = np.arange(len(landmark_names))[:, None, None] + np.zeros((len(landmark_names), 5, 2))
    write_landmarks(root / "index" / "land_marks.npy", landmark_names, points)
    for name in image_names:
        Image.new("RGB", (224, 224)).save(root / "dataset" / name)
    return root


def test_a_hand_made_rafdb_index_is_read_with_its_class_names(tmp_path: Path) -> None:
    names = [f"train_{i:05d}.jpg" for i in range(1, 8)]
    root = make_index(tmp_path, "".join(f"{name} {i}\n" for i, name in enumerate(names, 1)), names, names)
    index = read_index(root)
    assert (
        index.class_names == EXPRESSIONS == ("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral")
    )
    assert index.labels.tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert index.splits == ["train"] * 7
    assert index.framing is None
    assert index.undetected == {}


def test_names_are_found_with_and_without_aligned(tmp_path: Path) -> None:
    root = make_index(
        tmp_path,
        "train_1.jpg 1\ntest_2_aligned.jpg 2\n",
        ["train_1_aligned.jpg", "test_2.jpg"],
        ["train_1_aligned.jpg", "test_2.jpg"],
    )
    index = read_index(root)
    assert [index.image_path(i).name for i in range(2)] == ["train_1_aligned.jpg", "test_2.jpg"]
    assert index.landmarks[:, 0, 0].tolist() == [0, 1]


def test_odd_line_ends_blanks_and_large_labels_are_read(tmp_path: Path) -> None:
    names = ["a.jpg", "b c.jpg", "d.jpg"]
    index = read_index(make_index(tmp_path, "\ufeffa.jpg 12 \r\n\r\nb c.jpg\t0\r\nd.jpg 1", names, names))
    assert index.names == names
    assert index.labels.tolist() == [12, 0, 1]
    assert len(index.class_names) == 13


def test_labels_without_official_splits_count_from_zero(tmp_path: Path) -> None:
    index = read_index(make_index(tmp_path, "a.jpg 0\nb.jpg 1\n", ["a.jpg", "b.jpg"], ["a.jpg", "b.jpg"]))
    assert index.labels.tolist() == [0, 1]
    assert index.splits == ["", ""]
    assert index.class_names == ("class_0", "class_1")


def test_a_hand_made_index_can_name_its_classes(tmp_path: Path) -> None:
    root = make_index(tmp_path, "a.jpg 0\nb.jpg 1\n", ["a.jpg", "b.jpg"], ["a.jpg", "b.jpg"])
    (root / "index" / "classes.json").write_text('["calm", "tense"]')
    assert read_index(root).class_names == ("calm", "tense")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("", "data_label.txt is empty"),
        ("train_1.jpg\n", "line 1: expected `name label`, got 'train_1.jpg'"),
        ("train_1.jpg 1\ntest_2.jpg seven\n", "line 2: expected `name label`"),
        ("train_1.jpg 0\n", "train_1.jpg has label 0, but the 2 classes are numbered 1 to 2"),
        ("train_1.jpg 1\ntrain_1.jpg 2\n", "train_1.jpg is listed twice"),
        ("train_1.jpg 1\nother.jpg 2\n", "other.jpg does not"),
        (
            "train_1.jpg 1\ntrain_9.jpg 2\n",
            "land_marks.npy lacks 1 of the 2 names in data_label.txt, first train_9",
        ),
        ("train_1.jpg 1\ntest_3.jpg 2\n", "dataset lacks 1 of the 2 images in data_label.txt, first test_3.jpg"),
    ],
)
def test_what_does_not_fit_together_is_named(tmp_path: Path, lines: str, message: str) -> None:
    root = make_index(tmp_path, lines, ["train_1.jpg", "test_2.jpg", "test_3.jpg"], ["train_1.jpg", "test_2.jpg"])
    with pytest.raises(DataError, match=message):
        read_index(root)


def test_a_label_beyond_the_named_classes_is_refused(tmp_path: Path) -> None:
    root = make_index(tmp_path, "a.jpg 0\nb.jpg 7\n", ["a.jpg", "b.jpg"], ["a.jpg", "b.jpg"])
    (root / "index" / "meta.json").write_text(json.dumps({"class_names": ["x", "y"], "splits": []}))
    with pytest.raises(DataError, match=r"b\.jpg has label 7, but the 2 classes are numbered 0 to 1"):
        read_index(root)


def test_a_missing_index_names_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r'holds no index/data_label\.txt; make it with "ampnet prepare'):
        read_index(tmp_path)


@pytest.mark.parametrize("content", ["{", "[]", '{"class_names": []}', '{"class_names": ["a", "b"], "framing": {}}'])
def test_a_broken_meta_file_is_named(tmp_path: Path, content: str) -> None:
    root = make_index(tmp_path, "a.jpg 0\nb.jpg 1\n", ["a.jpg", "b.jpg"], ["a.jpg", "b.jpg"])
    (root / "index" / "meta.json").write_text(content)
    with pytest.raises(DataError, match=r"meta\.json|framing"):
        read_index(root)


def test_rejected_images_are_counted_by_split_and_class(tmp_path: Path) -> None:
    root = make_index(
        tmp_path, "train_a.jpg 1\ntest_b.jpg 2\n", ["train_a.jpg", "test_b.jpg"], ["train_a.jpg", "test_b.jpg"]
    )
    rows = [
        FaceRow("train_a.jpg", "a.jpg", "train", "fear", "detected", score=0.9, box=(1, 2, 3, 4), faces=1),
        FaceRow("", "x.jpg", "test", "fear", "rejected", "no face found"),
        FaceRow("", "y.jpg", "test", "fear", "rejected", "the file is empty"),
        FaceRow("test_b.jpg", "b.jpg", "test", "anger", "template"),
    ]
    write_faces(root / "index" / "faces.csv", rows)
    assert read_index(root).undetected == {"test": {"fear": 2}}


def test_face_rows_come_back_as_written_whatever_the_file_is_called(tmp_path: Path) -> None:
    rows = [
        FaceRow(
            "a.jpg",
            'it\'s "odd", really\n\udcff ü 表.jpg',
            "train",
            "joy, or so",
            "detected",
            "",
            0.5,
            (1.5, 2, 3, 4),
            2,
            9,
            8,
            "id1",
            ("equalised", "few-tones"),
            127.25,
            74.5,
        ),
        FaceRow("", "b.jpg", "", "x", "rejected", "not an image"),
    ]
    write_faces(tmp_path / "faces.csv", rows)
    assert list(read_faces(tmp_path / "faces.csv")) == rows
    write_failures(tmp_path / "err.csv", rows)
    assert (tmp_path / "err.csv").read_text() == "source,reason\nb.jpg,not an image\n"


def test_faces_csv_of_an_earlier_version_has_no_traits(tmp_path: Path) -> None:
    columns = "name,source,split,class,status,reason,score,box,faces,width,height,subject\n"
    (tmp_path / "faces.csv").write_text(columns + "a.jpg,a.png,train,fear,detected,,0.9,1 2 3 4,1,48,48,\n")
    (row,) = read_faces(tmp_path / "faces.csv")
    assert (row.width, row.traits, row.grey_mean, row.grey_spread) == (48, (), None, None)


def test_a_subset_keeps_names_labels_and_landmarks_together(tmp_path: Path) -> None:
    names = ["a.jpg", "b.jpg", "c.jpg"]
    index = read_index(make_index(tmp_path, "a.jpg 0\nb.jpg 1\nc.jpg 2\n", names, names)).subset([2, 0])
    assert (index.names, index.labels.tolist(), index.landmarks[:, 0, 0].tolist()) == (
        ["c.jpg", "a.jpg"],
        [2, 0],
        [2, 0],
    )
