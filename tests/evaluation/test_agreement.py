"""Predictions against votes, worked out by hand."""

from math import log
from typing import Any

import numpy as np
import pytest

from ampnet.evaluation.agreement import Agreement, CrowdVotes, measure_agreement
from ampnet.evaluation.intervals import wilson_interval

CLASSES = ("fear", "anger", "neutral")

# Votes on the classes, all votes, called no face, predicted probabilities:
ROWS = [
    ([6, 2, 0], 8, False, [0.50, 0.25, 0.25]),  # 6 of 8: fear, predicted so
    ([0, 4, 1], 10, False, [0.10, 0.20, 0.70]),  # anger has 4 of 10, five say unknown: no majority; neutral predicted
    ([0, 9, 1], 10, False, [0.80, 0.10, 0.10]),  # 9 of 10: anger, predicted fear
    ([2, 0, 0], 2, False, [1.00, 0.00, 0.00]),  # fear with too few votes for a distribution
    ([4, 0, 0], 10, True, [0.90, 0.05, 0.05]),  # six call it no face
    ([0, 0, 0], 0, False, [0.20, 0.30, 0.50]),  # nobody was asked
]


def agreement(rows: list[tuple[Any, ...]]) -> Agreement:
    votes, totals, no_face, probabilities = (np.array([row[part] for row in rows]) for part in range(4))
    crowd = CrowdVotes(votes, totals, no_face)
    return measure_agreement(probabilities.argmax(axis=1), probabilities, crowd, CLASSES)


def test_rows_are_voted_or_unvoted_or_set_apart() -> None:
    found = agreement(ROWS)
    assert (found.voted, found.unvoted, found.no_face) == (4, 1, 1)


def test_accuracy_counts_rows_where_one_class_has_more_than_half_of_all_votes() -> None:
    found = agreement(ROWS)
    assert found.majority_rows == 3
    assert found.scores.accuracy.value == pytest.approx(2 / 3)
    assert found.scores.accuracy.interval == wilson_interval(2, 3)
    assert found.annotator_accuracy.value == pytest.approx((6 / 8 + 9 / 10 + 2 / 2) / 3)


def test_half_of_the_votes_is_no_majority() -> None:
    found = agreement([([5, 0, 0], 10, False, [1, 0, 0])])
    assert (found.majority_rows, found.scores, found.annotator_accuracy) == (0, None, None)
    assert found.voted == 1


def test_recall_by_class_and_its_mean_over_the_classes_with_rows() -> None:
    found = agreement(ROWS)
    fear, anger, neutral = found.scores.classes
    assert (fear.name, fear.images, fear.correct, fear.recall.value) == ("fear", 2, 2, 1.0)
    assert (anger.images, anger.recall.value, anger.recall.interval) == (1, 0.0, wilson_interval(0, 1))
    assert (neutral.images, neutral.recall) == (0, None)
    assert found.scores.mean_class_accuracy.value == pytest.approx(0.5)


def test_distances_are_taken_where_enough_votes_fall_on_the_classes() -> None:
    found = agreement(ROWS)
    assert found.distribution_rows == 3
    first = -(0.75 * log(0.50) + 0.25 * log(0.25))
    second = -(0.8 * log(0.20) + 0.2 * log(0.70))
    third = -(0.9 * log(0.10) + 0.1 * log(0.10))
    assert found.cross_entropy.value == pytest.approx((first + second + third) / 3)
    floors = (
        -(0.75 * log(0.75) + 0.25 * log(0.25)) - (0.8 * log(0.8) + 0.2 * log(0.2)) - (0.9 * log(0.9) + 0.1 * log(0.1))
    )
    assert found.entropy.value == pytest.approx(floors / 3)
    # half of 0.25 + 0 + 0.25, of 0.1 + 0.6 + 0.5, of 0.8 + 0.8 + 0
    assert found.total_variation.value == pytest.approx((0.25 + 0.6 + 0.8) / 3)


def test_a_predictor_that_gives_the_votes_reaches_the_floor() -> None:
    found = agreement([([3, 1, 0], 4, False, [0.75, 0.25, 0.0]), ([0, 0, 5], 5, False, [0.0, 0.0, 1.0])])
    assert found.cross_entropy == found.entropy
    assert found.total_variation.value == 0


def test_a_probability_of_zero_costs_much_but_not_everything() -> None:
    found = agreement([([0, 3, 0], 3, False, [1.0, 0.0, 0.0])])
    assert found.cross_entropy.value == pytest.approx(-log(1e-12))


def test_expected_agreement_with_a_random_annotator_counts_all_voted_rows() -> None:
    found = agreement(ROWS)
    assert found.expected_agreement.value == pytest.approx((6 / 8 + 1 / 10 + 0 / 10 + 2 / 2) / 4)
    assert found.best_expected_agreement.value == pytest.approx((6 / 8 + 4 / 10 + 9 / 10 + 2 / 2) / 4)


def test_without_votes_there_is_nothing_to_measure() -> None:
    found = agreement([([0, 0, 0], 0, False, [1, 0, 0])])
    assert (found.voted, found.majority_rows, found.distribution_rows) == (0, 0, 0)
    assert (found.scores, found.probabilities, found.cross_entropy, found.expected_agreement) == (None,) * 4


def test_arrays_that_do_not_fit_are_refused() -> None:
    votes = CrowdVotes(np.ones((2, 3)), np.ones(2), np.zeros(2, bool))
    with pytest.raises(ValueError, match=r"shape \(2, 3\), got \(2, 2\)"):
        measure_agreement(np.zeros(2, int), np.ones((2, 2)), votes, CLASSES)
