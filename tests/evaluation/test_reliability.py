"""Probabilities scored by hand."""

import math

import numpy as np
import pytest

from ampnet.evaluation.reliability import calibration_error, reliability_bins, score_probabilities, top_hits

PROBABILITIES = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6]])
LABELS = np.array([0, 1, 1])


def test_calibration_error_is_the_mean_gap_between_confidence_and_accuracy():
    # one bin at 0.9 with accuracy 0.5, one at 0.6 with accuracy 1: (2 x 0.4 + 1 x 0.4) / 3
    assert calibration_error(PROBABILITIES, LABELS) == pytest.approx(0.4)
    assert calibration_error(np.array([[1.0, 0.0]]), np.array([0])) == 0


def test_the_reliability_diagram_has_a_bin_for_each_fifteenth():
    bins = reliability_bins(PROBABILITIES, LABELS)
    assert len(bins) == 15
    assert [(b.images, b.confidence, b.accuracy) for b in bins if b.images] == [
        (1, pytest.approx(0.6), 1.0),
        (2, pytest.approx(0.9), 0.5),
    ]
    assert bins[13].low == pytest.approx(13 / 15)
    assert (bins[0].confidence, bins[0].accuracy, bins[0].interval) == (None, None, None)


def test_log_loss_and_brier_score():
    scores = score_probabilities(PROBABILITIES, LABELS)
    assert scores.log_loss.value == pytest.approx(-(math.log(0.9) + math.log(0.1) + math.log(0.6)) / 3)
    assert scores.brier.value == pytest.approx((2 * 0.01 + 2 * 0.81 + 2 * 0.16) / 3)
    assert scores.mean_confidence == pytest.approx(0.8)
    assert scores.images == 3


def test_a_probability_of_zero_costs_much_but_not_everything():
    assert score_probabilities(np.array([[1.0, 0.0]]), np.array([1])).log_loss.value == pytest.approx(-math.log(1e-12))


def test_intervals_enclose_the_numbers_of_many_images():
    rng = np.random.default_rng(0)
    p = rng.dirichlet([1, 1, 1], 500)
    labels = np.array([rng.choice(3, p=row) for row in p])  # calibrated
    scores = score_probabilities(p, labels)
    for found in (scores.log_loss, scores.brier, scores.top2):
        assert found.interval[0] < found.value < found.interval[1]
    assert scores.calibration_error.value < 0.07


def test_the_second_most_probable_class_counts_for_top_2_and_earlier_classes_win_ties():
    p = np.array([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2], [1.0, 0.0, 0.0]])
    assert top_hits(p, np.array([1, 2, 2]), 2).tolist() == [True, False, False]


def test_no_images_are_refused():
    with pytest.raises(ValueError, match="at least one"):
        score_probabilities(np.empty((0, 2)), np.empty(0, int))
