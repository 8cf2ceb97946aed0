"""What a training face is to be recognised as, and which faces choose the best epoch."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ampnet.dataset.index.face_index import FaceIndex
from ampnet.dataset.index.label_votes import LabelVotes
from ampnet.errors import ConfigError, DataError
from ampnet.settings.recipes import make_recipe
from ampnet.training.targets import blend_targets, selection_faces, training_targets

VOTES = LabelVotes(
    ("fear", "anger", "unknown"),
    np.array([[8, 2, 0], [1, 3, 6], [0, 9, 1], [1, 1, 0], [0, 0, 0]], dtype=np.float32),
)
TRAINING = np.array([2, 0, 3])


@pytest.fixture
def index() -> FaceIndex:
    names = [f"{i}.jpg" for i in range(5)]
    labels = np.array([0, 0, 0, 1, 1])
    landmarks = np.zeros((5, 5, 2), dtype=np.float32)
    return FaceIndex(Path("faces"), ("fear", "anger"), names, labels, [""] * 5, landmarks, names, votes=VOTES)


def test_labels_are_learned_unless_votes_are_asked_for(index: FaceIndex) -> None:
    assert training_targets(index, TRAINING, make_recipe("reference")) is None


def test_votes_are_learned_as_shares_and_few_votes_as_the_label(index: FaceIndex) -> None:
    targets = training_targets(index, TRAINING, make_recipe("reference", {"targets": "votes"}))
    assert targets is not None
    assert np.allclose(targets, np.array([[0, 1], [0.8, 0.2], [0, 1]]))


def test_a_mix_has_so_much_of_the_votes(index: FaceIndex) -> None:
    targets = training_targets(index, TRAINING, make_recipe("reference", {"targets": "mix", "vote_weight": "0.25"}))
    assert targets is not None
    assert np.allclose(targets, np.array([[0.75, 0.25], [0.95, 0.05], [0, 1]]))


def test_other_probabilities_are_mixed_into_targets_or_labels() -> None:
    labels, other = np.array([1]), np.array([[0.5, 0.5]], dtype=np.float32)
    assert np.allclose(blend_targets(None, labels, other, 0.5), [[0.25, 0.75]])
    own = np.array([[0.9, 0.1]], dtype=np.float32)
    assert np.allclose(blend_targets(own, labels, other, 0.5), [[0.7, 0.3]])
    assert np.allclose(blend_targets(own, labels, other, 0.0), own)
    assert np.allclose(blend_targets(own, labels, other, 1.0), other)


def test_votes_of_a_set_without_any_are_refused_with_the_cure(index: FaceIndex) -> None:
    with pytest.raises(DataError, match=r"no index/label_votes\.csv.*--targets label"):
        training_targets(replace(index, votes=None), TRAINING, make_recipe("reference", {"targets": "mix"}))


def test_a_run_that_learns_votes_is_judged_by_the_majority_where_there_is_one(index: FaceIndex) -> None:
    selection = np.arange(5)
    judged, chosen = selection_faces(index, selection, make_recipe("reference", {"targets": "votes"}))
    assert chosen.tolist() == [0, 2]
    assert judged.labels[chosen].tolist() == [0, 1]  # face 2 is labelled fear, nine of ten say anger
    same, all_of_them = selection_faces(index, selection, make_recipe("reference"))
    assert same is index
    assert all_of_them is selection


def test_labels_judge_where_no_face_has_a_majority(index: FaceIndex) -> None:
    selection = np.array([1, 3, 4])
    judged, chosen = selection_faces(index, selection, make_recipe("reference", {"targets": "votes"}))
    assert judged is index
    assert chosen is selection


def test_wrong_values_are_refused() -> None:
    with pytest.raises(ConfigError, match="targets must be one of label, votes, mix"):
        make_recipe("reference", {"targets": "crowd"})
    with pytest.raises(ConfigError, match=r"vote_weight must be within \[0, 1\]"):
        make_recipe("reference", {"vote_weight": 1.5})
