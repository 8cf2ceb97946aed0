"""Which faces train, validate and test."""

import json
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ampnet.dataset.index.face_index import FaceIndex
from ampnet.dataset.index.splits import reference_split_8_2, split_indices

REFERENCE = Path(__file__).parents[2] / "reference" / "split_8_2.json"


def an_index(labels: list[int], splits: list[str]) -> FaceIndex:
    count = len(labels)
    return FaceIndex(
        root=Path(),
        class_names=tuple(f"class_{i}" for i in range(max(labels) + 1)),
        names=[f"{i}.jpg" for i in range(count)],
        labels=np.array(labels, dtype=np.int64),
        splits=splits,
        landmarks=np.zeros((count, 5, 2), dtype=np.float32),
        files=[f"{i}.jpg" for i in range(count)],
    )


def test_the_8_2_split_is_the_reference_programs() -> None:
    reference = json.loads(REFERENCE.read_text())
    train, test = reference_split_8_2([str(line) for line in range(reference["n"])])
    assert train[:20] == reference["train_first"]
    assert test[:20] == reference["test_first"]
    assert (len(train), len(test)) == (800, 200)


def test_the_8_2_split_leaves_the_global_random_state_alone() -> None:
    random.seed(7)
    before = random.getstate()
    reference_split_8_2(range(10))
    assert random.getstate() == before


def test_official_splits_are_kept() -> None:
    parts = split_indices(an_index([0, 1, 0, 1], ["test", "train", "val", "train"]))
    assert {name: part.tolist() for name, part in parts.items()} == {"train": [1, 3], "val": [2], "test": [0]}


def test_validation_is_a_tenth_of_each_class_of_train_and_never_of_test() -> None:
    labels = [0] * 100 + [1] * 30 + [2] * 4 + [3] * 2 + [0] * 50
    splits = ["train"] * 136 + ["test"] * 50
    parts = split_indices(an_index(labels, splits), seed=3)
    assert np.bincount(np.array(labels)[parts["val"]]).tolist() == [10, 3, 1, 1]  # at least one
    assert parts["test"].tolist() == list(range(136, 186))
    assert sorted([*parts["train"], *parts["val"]]) == list(range(136))


def test_the_validation_split_follows_the_seed_alone() -> None:
    index = an_index([0] * 50 + [1] * 50, ["train"] * 100)
    first, again, other = (split_indices(index, seed=seed)["val"].tolist() for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_a_class_with_a_single_face_keeps_it_for_training() -> None:
    parts = split_indices(an_index([0] * 20 + [1], ["train"] * 21))
    assert 20 in parts["train"]


def test_without_official_splits_test_is_the_reference_programs_fifth() -> None:
    index = an_index([i % 2 for i in range(100)], [""] * 100)
    _, test = reference_split_8_2(range(100))
    parts = split_indices(index)
    assert parts["test"].tolist() == sorted(test)
    assert len(parts["train"]) == 72
    assert len(parts["val"]) == 8


def test_a_set_that_only_tests_has_no_training_faces() -> None:
    parts = split_indices(an_index([0, 1], ["test", "test"]))
    assert {name: len(part) for name, part in parts.items()} == {"train": 0, "val": 0, "test": 2}


def test_a_drawn_validation_split_takes_whole_people_and_no_class_away() -> None:
    people = [f"p{i // 10}" for i in range(200)]
    index = replace(an_index([i % 2 for i in range(199)] + [2], ["train"] * 200), subjects=people)
    for seed in range(20):  # in some of which the person of that class is drawn
        parts = split_indices(index, seed=seed)
        of = {split: {people[i] for i in parts[split]} for split in ("train", "val")}
        assert not of["train"] & of["val"]
        assert len(parts["val"]) == 20
        assert 199 in parts["train"]  # the only face of its class
        assert sorted([*parts["train"], *parts["val"]]) == list(range(200))


def test_of_a_few_people_the_one_held_out_is_not_the_last_of_a_class() -> None:
    labels = [0, 0, 0, 1, 1, 1] * 4 + [0, 0, 0, 0, 0, 2]  # the person with the fewest faces alone shows class 2
    people = ["a"] * 12 + ["b"] * 12 + ["c"] * 6
    index = replace(an_index(labels, ["train"] * 30), subjects=people)
    parts = split_indices(index)
    assert {people[i] for i in parts["val"]} in ({"a"}, {"b"})
    assert {labels[i] for i in parts["train"]} == {0, 1, 2}


def test_two_people_are_one_on_each_side() -> None:
    index = replace(an_index([0, 1] * 6, ["train"] * 12), subjects=["a"] * 8 + ["b"] * 4)
    parts = split_indices(index)
    assert parts["val"].tolist() == [8, 9, 10, 11]


def test_faces_of_one_person_alone_are_divided_by_class() -> None:
    index = replace(an_index([0] * 20 + [1] * 20, ["train"] * 40), subjects=["a"] * 40)
    assert len(split_indices(index)["val"]) == 4


def test_faces_of_unknown_people_are_drawn_one_by_one() -> None:
    index = replace(an_index([i % 2 for i in range(1000)], ["train"] * 1000), subjects=["a"] + [""] * 999)
    assert len(split_indices(index)["val"]) == 100


def test_people_are_no_longer_tried_once_the_validation_split_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []
    count = np.bincount
    monkeypatch.setattr(np, "bincount", lambda *given, **more: tried.append(1) or count(*given, **more))
    index = replace(an_index([i % 2 for i in range(1000)], ["train"] * 1000), subjects=["a"] + [""] * 999)
    assert len(split_indices(index)["val"]) == 100
    assert len(tried) < 200  # a tenth of the people, and a few times for all
