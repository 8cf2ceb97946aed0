"""Risk and coverage worked out by hand."""

import numpy as np
import pytest

from ampnet.evaluation.risk_coverage import score_risk_coverage


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
