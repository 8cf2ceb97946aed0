"""Doubted labels: thresholds and ranks worked out by hand, and as cleanlab's where that is installed."""

import numpy as np
import pytest

from ampnet.evaluation.label_errors import Found, check_doubts, doubt_labels

LABELS = np.array([0, 0, 0, 1, 1])
P = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.3, 0.7], [0.5, 0.5]])
"""Mean of the first class where it is the label: 0.6; of the second: 0.6."""


def test_a_label_is_suspected_where_another_class_is_as_probable_as_where_it_is_the_label():
    found = doubt_labels(P, LABELS)
    assert found.is_suspect.tolist() == [False, False, True, False, False]  # 0.9 reaches 0.6, 0.5 does not
    assert found.suggested.tolist()[2] == 1
    assert found.margins == pytest.approx([0.8, 0.6, -0.8, 0.4, 0.0])
    assert found.order.tolist() == [2, 4, 3, 1, 0]


def test_each_class_has_its_own_threshold():
    """Anger is never more probable than 0.4, even where it is the label (mean 0.35), so 0.36 is much."""
    labels = np.array([0, 0, 1, 1, 0])
    p = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4], [0.64, 0.36]])
    found = doubt_labels(p, labels)
    assert found.is_suspect.tolist() == [False, False, False, False, True]  # 0.64 is below the first class's 0.78


def test_a_class_without_labels_suspects_nobody():
    assert not doubt_labels(np.array([[0.2, 0.8], [0.4, 0.6]]), np.array([0, 0])).is_suspect.any()


def test_the_first_names_are_compared_with_the_crowd_where_it_has_decided():
    order, labels, majority = np.array([3, 1, 0, 2]), np.array([0, 0, 1, 1]), np.array([0, -1, 0, 0])
    (found,) = check_doubts(order, labels, majority, (2, 100))
    assert found == Found(names=2, wrong=1, all_wrong=2)  # 3 is wrong, 1 undecided, 0 right
    assert (found.precision, found.recall) == (0.5, 0.5)


def test_suspects_and_margins_are_cleanlabs():
    """A tool for tests only, under the AGPL: it asks for NumPy 1, so it is rarely installed beside ours."""
    cleanlab_filter, cleanlab_rank = (pytest.importorskip(f"cleanlab.{part}") for part in ("filter", "rank"))
    generator = np.random.default_rng(3)
    true = generator.integers(0, 7, 3000)
    labels = np.where(generator.random(3000) < 0.15, generator.integers(0, 7, 3000), true)
    p = np.exp(2 * np.eye(7)[true] + generator.standard_normal((3000, 7)))
    p /= p.sum(axis=1, keepdims=True)
    found = doubt_labels(p, labels)
    theirs = cleanlab_filter.find_label_issues(labels, p, filter_by="confident_learning", n_jobs=1)
    assert np.array_equal(theirs, found.is_suspect)
    assert found.is_suspect.sum() > 300
    assert np.allclose(cleanlab_rank.get_normalized_margin_for_each_label(labels, p), (found.margins + 1) / 2)
