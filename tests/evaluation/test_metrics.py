"""Scores worked out by hand."""

import numpy as np
import pytest

from ampnet.evaluation.metrics import (
    accuracy,
    confusion_matrix,
    mean_recall,
    normalise_rows,
    score,
    with_undetected,
)

NAMES = ("anger", "fear", "neutral")
LABELS = np.array([0, 0, 0, 0, 1, 1, 2, 2, 2, 2])
PREDICTIONS = np.array([0, 0, 0, 1, 1, 2, 2, 2, 2, 0])
MATRIX = [[3, 1, 0], [0, 1, 1], [1, 0, 3]]


def test_rows_are_true_classes_and_columns_predicted_ones():
    assert confusion_matrix(LABELS, PREDICTIONS, 3).tolist() == MATRIX


def test_rows_of_the_normalised_matrix_are_shares_and_an_empty_class_has_zeros():
    assert normalise_rows(np.array([[3, 1], [0, 0]])).tolist() == [[0.75, 0.25], [0, 0]]


def test_scores_of_ten_images():
    scores = score(np.array(MATRIX), NAMES)
    assert scores.images == 10
    assert (scores.correct, scores.accuracy.value) == (7, pytest.approx(7 / 10))
    assert [c.recall.value for c in scores.classes] == pytest.approx([3 / 4, 1 / 2, 3 / 4])
    assert [c.precision.value for c in scores.classes] == pytest.approx([3 / 4, 1 / 2, 3 / 4])
    assert scores.mean_class_accuracy.value == pytest.approx(2 / 3)
    assert scores.macro_f1.value == pytest.approx(2 / 3)


def test_images_without_a_prediction_are_errors_of_their_class_only():
    scores = score(with_undetected(np.array(MATRIX), [0, 2, 0]), NAMES)
    assert scores.images == 12
    assert scores.accuracy.value == pytest.approx(7 / 12)
    anger, fear, neutral = scores.classes
    assert (anger.recall.value, neutral.recall.value, fear.images, fear.undetected) == (3 / 4, 3 / 4, 4, 2)
    assert (fear.recall.value, fear.precision.value) == (1 / 4, 1 / 2)
    assert fear.f1.value == pytest.approx(1 / 3)  # 2 * (1/4 * 1/2) / (3/4)


def test_a_class_without_images_is_no_part_of_the_means():
    scores = score(np.array([[2, 0, 0], [1, 1, 0], [0, 0, 0]]), NAMES)
    assert scores.mean_class_accuracy.value == pytest.approx(3 / 4)
    assert scores.classes[2].recall is None
    assert scores.classes[2].f1 is None
    alone = score(np.array([[2, 0], [0, 0]]), NAMES[:2])
    assert (alone.kappa, alone.matthews.value) == (None, 0)


def test_a_class_never_predicted_has_f1_zero():
    scores = score(np.array([[2, 0], [2, 0]]), NAMES[:2])
    assert scores.classes[1].precision is None
    assert scores.classes[1].f1.value == 0
    assert scores.macro_f1.value == pytest.approx((2 / 3) / 2)  # anger: recall 1, precision 1/2


def test_the_bootstrap_agrees_with_the_normal_interval_on_many_images():
    """Equal classes: mean class accuracy is a mean of shares with known spread."""
    scores = score(np.array([[800, 200], [200, 800]]), NAMES[:2])
    half = 1.96 * np.sqrt(0.8 * 0.2 / 2000)
    assert scores.mean_class_accuracy.interval == pytest.approx((0.8 - half, 0.8 + half), abs=0.003)
    low, high = scores.macro_f1.interval
    assert low < scores.macro_f1.value < high


def test_codes_outside_the_classes_are_refused():
    with pytest.raises(ValueError, match=r"within \[0, 3\)"):
        confusion_matrix(np.array([0, 3]), np.array([0, 0]), 3)
    with pytest.raises(ValueError, match="as many"):
        confusion_matrix(np.array([0, 1]), np.array([0]), 3)
    with pytest.raises(ValueError, match="no images"):
        score(np.zeros((2, 2), np.int64), NAMES[:2])


def test_mean_recall_counts_each_class_with_images_once_and_accuracy_each_image():
    matrix = np.array([[3, 1, 0], [0, 1, 0], [0, 0, 0]])
    assert mean_recall(matrix) == pytest.approx((3 / 4 + 1) / 2)
    assert accuracy(matrix) == 4 / 5
