"""Rates and corruption errors, by hand and against the confusion matrix's numbers."""

import numpy as np
import pytest

from ampnet.evaluation.intervals import wilson_interval
from ampnet.evaluation.metrics import accuracy, confusion_matrix, mean_recall
from ampnet.robustness.scores import corruption_error, hit_rate, pooled_rate


@pytest.fixture
def answered():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 200)
    answers = np.where(rng.random((5, 200)) < 0.7, labels, rng.integers(0, 4, (5, 200)))
    return labels, answers


def test_one_condition_has_the_numbers_of_its_confusion_matrix_and_wilsons_interval(answered):
    labels, answers = answered
    measured, matrix = hit_rate(answers[0] == labels, labels), confusion_matrix(labels, answers[0], 4)
    assert measured.images == 200
    assert measured.accuracy == pytest.approx(accuracy(matrix))
    assert measured.mean_recall == pytest.approx(mean_recall(matrix))
    assert measured.interval == wilson_interval(int(np.trace(matrix)), 200)


def test_classes_without_faces_are_left_out_of_the_mean_recall():
    measured = hit_rate(np.array([True, False, True]), np.array([5, 5, 2]))
    assert measured.mean_recall == pytest.approx((1 / 2 + 1) / 2)


def test_several_conditions_are_averaged_and_their_interval_knows_that_the_faces_repeat(answered):
    labels, answers = answered
    hits = answers == labels
    measured = pooled_rate(hits, labels)
    assert measured.images == 200
    assert measured.accuracy == pytest.approx(hits.mean())
    copies = pooled_rate(np.repeat(hits[:1], 5, axis=0), labels)  # five times the same answers tell no more than one
    low, high = copies.interval
    once = hit_rate(hits[0], labels).interval
    assert high - low == pytest.approx(once[1] - once[0], rel=0.03)


def test_faces_that_are_all_right_under_several_conditions_leave_as_much_doubt_as_under_one():
    hits = np.ones((5, 10), dtype=bool)
    low = 1 / (1 + 1.959964**2 / 10)  # Wilson 1927, for 10 right of 10: 0.722
    assert pooled_rate(hits, np.zeros(10, dtype=int)).interval == pytest.approx((low, 1))
    assert corruption_error(hits[None], hits[0]).mean_interval == pytest.approx((0, 1 - low))


def test_only_counted_conditions_count():
    hits = np.array([[True, False, True], [False, False, True]])
    counted = np.array([[True, False, False], [True, True, False]])
    measured = pooled_rate(hits, np.array([0, 1, 1]), counted)
    assert measured.accuracy == pytest.approx(1 / 3)
    assert measured.images == 2
    assert measured.mean_recall == pytest.approx((1 / 2 + 0) / 2)


def hits_of(errors, faces=100):
    """Build (C, 5, N) hits with these errors."""
    errors = np.asarray(errors, dtype=float)
    return np.arange(faces) >= (errors * faces)[..., None]


def test_corruption_errors_as_in_the_benchmark_they_are_modelled_on():
    ours = hits_of([[0.2, 0.3, 0.4, 0.5, 0.6], [0.2, 0.2, 0.2, 0.2, 0.2]])
    theirs = hits_of([[0.4, 0.5, 0.5, 0.5, 0.6], [0.4, 0.4, 0.4, 0.4, 0.4]])
    clean, their_clean = hits_of(0.1), hits_of(0.3)
    error = corruption_error(ours, clean, theirs, their_clean)
    assert error.clean == pytest.approx(0.1)
    assert error.mean == pytest.approx((0.4 + 0.2) / 2)
    assert error.increase == pytest.approx(0.2)
    assert error.ratio == pytest.approx(3)
    assert error.mce == pytest.approx((2.0 / 2.5 + 1.0 / 2.0) / 2)
    assert error.relative_mce == pytest.approx(((0.4 - 0.1) / (0.5 - 0.3) + (0.2 - 0.1) / (0.4 - 0.3)) / 2)
    assert error.relative_left_out == 0
    assert error.mean_interval[0] < error.mean < error.mean_interval[1]


def test_the_baseline_itself_has_an_mce_of_one():
    hits, clean = hits_of([[0.2, 0.3, 0.4, 0.5, 0.6]]), hits_of(0.1)
    error = corruption_error(hits, clean, hits, clean)
    assert error.mce == pytest.approx(1)
    assert error.relative_mce == pytest.approx(1)


def test_a_corruption_that_hardly_hurts_the_baseline_is_left_out_of_the_relative_error():
    ours, theirs = hits_of([[0.5] * 5, [0.5] * 5]), hits_of([[0.4] * 5, [0.3] * 5])
    error = corruption_error(ours, hits_of(0.3), theirs, hits_of(0.3))
    assert error.relative_left_out == 1
    assert error.relative_mce == pytest.approx((0.5 - 0.3) / (0.4 - 0.3))


def test_without_a_baseline_or_errors_nothing_is_divided():
    error = corruption_error(hits_of([[0.0] * 5]), hits_of(0.0))
    assert (error.mce, error.relative_mce, error.ratio) == (None, None, None)
    perfect = hits_of([[0.0] * 5])
    assert corruption_error(hits_of([[0.1] * 5]), hits_of(0.1), perfect, hits_of(0.0)).mce is None
