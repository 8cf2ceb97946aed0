"""Reading an index, made by prepare or by hand."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ampnet.dataset.index.faces_table import FaceRow, write_faces
from ampnet.dataset.index.landmarks_file import write_landmarks
from ampnet.dataset.open_index import read_index
from ampnet.errors import DataError
from ampnet.settings.labels import EXPRESSIONS


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


def test_a_subset_keeps_names_labels_and_landmarks_together(tmp_path: Path) -> None:
    names = ["a.jpg", "b.jpg", "c.jpg"]
    index = read_index(make_index(tmp_path, "a.jpg 0\nb.jpg 1\nc.jpg 2\n", names, names)).subset([2, 0])
    assert (index.names, index.labels.tolist(), index.landmarks[:, 0, 0].tolist()) == (
        ["c.jpg", "a.jpg"],
        [2, 0],
        [2, 0],
    )


def test_an_image_that_is_a_link_to_a_file_elsewhere_is_refused(tmp_path: Path) -> None:
    root = make_index(tmp_path, "a.jpg 0\nb.jpg 1\n", ["a.jpg", "b.jpg"], ["a.jpg", "unlisted.jpg"])
    Image.new("RGB", (224, 224)).save(tmp_path / "private.jpg")
    (root / "dataset" / "stray.jpg").symlink_to(tmp_path / "private.jpg")  # not in the index, so not read
    (root / "dataset" / "b.jpg").symlink_to("a.jpg")
    assert read_index(root).files == ["a.jpg", "b.jpg"]
    (root / "dataset" / "b.jpg").unlink()
    (root / "dataset" / "b.jpg").symlink_to(tmp_path / "private.jpg")
    with pytest.raises(DataError, match=r"b\.jpg is a link to a file outside dataset/"):
        read_index(root)


@pytest.mark.parametrize("name", ["data_label.txt", "meta.json", "classes.json", "label_votes.csv", "faces.csv"])
def test_a_pipe_in_the_place_of_a_file_is_named(tmp_path: Path, name: str) -> None:
    root = make_index(tmp_path, "a.jpg 0\nb.jpg 1\n", ["a.jpg", "b.jpg"], ["a.jpg", "b.jpg"])
    (root / "index" / name).unlink(missing_ok=True)
    os.mkfifo(root / "index" / name)
    with pytest.raises(DataError, match=f"{name}: it is a pipe, not a regular file"):
        read_index(root)


@pytest.mark.parametrize("name", ["../private.jpg", "/etc/passwd", "index/../../private.jpg"])
def test_names_that_are_paths_name_no_image(tmp_path: Path, name: str) -> None:
    (tmp_path / "set").mkdir()
    Image.new("RGB", (224, 224)).save(tmp_path / "private.jpg")
    root = make_index(tmp_path / "set", f"a.jpg 0\n{name} 1\n", ["a.jpg", name], ["a.jpg"])
    with pytest.raises(DataError, match="lacks 1 of the 2 images"):
        read_index(root)


@pytest.mark.parametrize("label", ["101", "1000000000000", "9" * 20, "9" * 5_000])
def test_a_large_label_makes_no_list_of_classes(tmp_path: Path, label: str) -> None:
    root = make_index(tmp_path, f"a.jpg 0\nb.jpg {label}\n", ["a.jpg", "b.jpg"], ["a.jpg", "b.jpg"])
    with pytest.raises(DataError, match="is above the maximum of 100"):
        read_index(root)


def test_a_hundred_classes_are_read_and_no_more(tmp_path: Path) -> None:
    root = make_index(tmp_path, "a.jpg 0\nb.jpg 99\n", ["a.jpg", "b.jpg"], ["a.jpg", "b.jpg"])
    assert len(read_index(root).class_names) == 100
    (root / "index" / "data_label.txt").write_text("a.jpg 0\nb.jpg 100\n")
    with pytest.raises(DataError, match="has 101 classes, more than the maximum of 100"):
        read_index(root)
