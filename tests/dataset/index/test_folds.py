"""Folds: every face once, people whole, classes even."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ampnet.dataset.index.face_index import FaceIndex
from ampnet.dataset.index.folds import in_fold, make_folds, read_folds, write_folds
from ampnet.dataset.index.splits import split_indices
from ampnet.errors import DataError


def an_index(labels: list[int], subjects: list[str] | None = None) -> FaceIndex:
    count = len(labels)
    return FaceIndex(
        root=Path("data"),
        class_names=("a", "b"),
        names=[f"{i}.jpg" for i in range(count)],
        labels=np.array(labels, dtype=np.int64),
        splits=["train"] * count,
        landmarks=np.zeros((count, 5, 2), dtype=np.float32),
        files=[f"{i}.jpg" for i in range(count)],
        subjects=subjects,
    )


def test_without_people_each_fold_has_its_share_of_each_class():
    folds = make_folds(an_index([0] * 20 + [1] * 10), "5", seed=1)
    assert [np.bincount(folds.numbers[:20])[1:].tolist(), np.bincount(folds.numbers[20:])[1:].tolist()] == [
        [4] * 5,
        [2] * 5,
    ]


def test_nobody_is_in_two_folds_and_unknown_people_stand_alone():
    subjects = ["p", "q", "p", "q", "", "", "r", "p"]
    folds = make_folds(an_index([0, 1, 1, 0, 0, 1, 0, 0], subjects), "3", seed=1)
    assert folds.count == 3
    for person in "pqr":
        assert len({fold for fold, one in zip(folds.numbers.tolist(), subjects, strict=True) if one == person}) == 1


def test_a_fold_for_each_person():
    folds = make_folds(an_index([0, 1, 0, 1], ["b", "a", "b", "c"]), "subjects", seed=1)
    assert folds.numbers.tolist() == [2, 1, 2, 3]


@pytest.mark.parametrize(
    ("subjects", "asked", "says"),
    [
        (None, "subjects", "who is shown in 4 of its 4 images"),
        (["a", "", "b", "c"], "subjects", "who is shown in 1 of its 4 images"),
        (["a", "a", "b", "b"], "3", "has 2 people or faces, too few for 3 folds"),
    ],
)
def test_folds_that_cannot_be_are_refused_in_one_line(subjects, asked, says):
    with pytest.raises(DataError, match=says):
        make_folds(an_index([0, 1, 0, 1], subjects), asked, seed=1)


def test_in_a_fold_it_is_the_test_split_and_validation_takes_whole_people():
    subjects = [person for person in "abcdefgh" for _ in range(4)]
    index = an_index([0, 1] * 16, subjects)
    folds = make_folds(index, "4", seed=1)
    parts = split_indices(in_fold(index, folds, 2))
    assert parts["test"].tolist() == np.flatnonzero(folds.numbers == 2).tolist()
    people = {name: {subjects[face] for face in part} for name, part in parts.items()}
    assert people["val"]
    assert not people["val"] & people["train"]
    assert not people["test"] & (people["train"] | people["val"])


def test_the_file_comes_back_and_is_refused_for_other_faces(tmp_path):
    index = an_index([0, 1, 0, 1], ["b", "a", "b", "c"])
    folds = make_folds(index, "subjects", seed=1)
    write_folds(tmp_path / "folds.csv", index.names, folds)
    again = read_folds(tmp_path / "folds.csv", index)
    assert (again.numbers.tolist(), again.subjects) == (folds.numbers.tolist(), folds.subjects)
    with pytest.raises(DataError, match="lists other faces than data"):
        read_folds(tmp_path / "folds.csv", replace(index, names=["x", *index.names[1:]]))
    (tmp_path / "folds.csv").write_text("name,fold,subject\n0.jpg,nan,a\n")
    with pytest.raises(DataError, match="line 2"):
        read_folds(tmp_path / "folds.csv", index)
