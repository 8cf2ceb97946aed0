"""Accuracy with and without copies of training images."""

import numpy as np

from ampnet.evaluation.copies import score_without_copies


def test_copies_are_set_apart_by_kind():
    labels = np.array([0, 0, 1, 1, 1])
    answers = np.array([0, 1, 1, 1, -1])
    found = score_without_copies(labels, answers, np.array(["exact", "", "near", "exact", ""]))
    assert (found.exact, found.near) == (2, 1)
    assert found.all.accuracy.value == 3 / 5
    assert (found.without_exact.images, found.without_exact.accuracy.value) == (3, 1 / 3)
    assert (found.without_copies.images, found.without_copies.accuracy.value) == (2, 0)
    assert (found.copies.images, found.copies.accuracy.value) == (3, 1)


def test_where_all_images_are_copies_nothing_is_left_to_measure():
    found = score_without_copies(np.array([0]), np.array([0]), np.array(["exact"]))
    assert found.without_copies.accuracy is None
    assert score_without_copies(np.array([0]), np.array([0]), np.array([""])).copies.accuracy is None
