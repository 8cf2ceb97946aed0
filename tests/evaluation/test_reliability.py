"""Probabilities scored by hand."""

import math

import numpy as np
import pytest

from ampnet.evaluation.reliability import (
    calibration_error,
    reliability_bins,
    score_probabilities,
    score_risk_coverage,
    top_hits,
)

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


def two_classes(*confidences):
    """Give the first of two classes these probabilities."""
    first = np.array(confidences)
    return np.column_stack([first, 1 - first])


def test_the_area_is_the_mean_risk_of_answering_the_most_probable_one_two_three_and_all():
    # right, right, wrong, right from the most probable down: risks 0, 0, 1/3, 1/4
    scores = score_risk_coverage(two_classes(0.9, 0.8, 0.7, 0.6), np.array([0, 0, 1, 0]))
    assert scores.area.value == pytest.approx((1 / 3 + 1 / 4) / 4)
    assert [(point.coverage, point.risk.value) for point in scores.curve] == [
        (0.25, 0),
        (0.5, 0),
        (0.75, pytest.approx(1 / 3)),
        (1.0, 0.25),
    ]
    assert (scores.images, scores.rejection) == (4, None)


def test_images_of_equal_probability_are_answered_together_whatever_their_order():
    p, labels = two_classes(0.7, 0.7, 0.7, 0.9), np.array([0, 1, 0, 0])
    one, other = (score_risk_coverage(p, labels[order]) for order in ([0, 1, 2, 3], [1, 0, 2, 3]))
    assert one.area == other.area
    assert one.area.value == pytest.approx((0 + 3 / 4) / 4)  # once risk 0, three times risk 1/4
    assert [point.coverage for point in one.curve] == [0.25, 1.0]


def test_the_rejection_threshold_has_its_own_point_even_where_it_rejects_everything():
    p, labels = two_classes(0.9, 0.8, 0.7, 0.6), np.array([0, 0, 1, 0])
    point = score_risk_coverage(p, labels, threshold=0.7).rejection
    assert (point.threshold, point.coverage, point.images) == (0.7, 0.75, 3)
    assert point.risk.value == pytest.approx(1 / 3)
    nothing = score_risk_coverage(p, labels, threshold=0.95).rejection
    assert (nothing.coverage, nothing.risk) == (0, None)


def test_a_ranking_that_knows_nothing_has_the_error_rate_as_its_area_within_the_interval():
    rng = np.random.default_rng(0)
    scores = score_risk_coverage(two_classes(*rng.uniform(0.5, 1, 400)), (rng.random(400) < 0.3).astype(int))
    low, high = scores.area.interval
    assert low < 0.3 < high
    assert low < scores.area.value < high
