"""Temperatures and rejection thresholds worked out by hand."""

import math

import numpy as np
import pytest
import torch

from ampnet.errors import DataError
from ampnet.inference.calibration import (
    MAX_TEMPERATURE,
    MIN_TEMPERATURE,
    fit_temperature,
    threshold_for_coverage,
    threshold_for_precision,
)


def test_a_network_that_is_right_three_times_in_four_gets_the_temperature_that_says_so():
    # two classes, a logit gap of 2, 75% right: log(0.75 / 0.25) = gap / T, so T = 2 / log 3
    logits = torch.tensor([[2.0, 0.0]]).repeat(8, 1)
    labels = torch.tensor([0, 0, 0, 0, 0, 0, 1, 1])
    assert fit_temperature(logits, labels) == pytest.approx(2 / math.log(3), rel=1e-4)


def test_dividing_the_logits_beforehand_divides_the_temperature():
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(500, 7, generator=generator)
    labels = torch.multinomial((logits / 2).softmax(dim=1), 1, generator=generator).squeeze(1)
    whole = fit_temperature(logits, labels)
    assert whole == pytest.approx(2, rel=0.15)
    assert fit_temperature(logits / 4, labels) == pytest.approx(whole / 4, rel=1e-3)


def test_faces_that_are_all_right_or_all_wrong_give_a_bound_and_not_infinity():
    logits, right = torch.tensor([[3.0, 0.0], [0.0, 5.0]]), torch.tensor([0, 1])
    assert fit_temperature(logits, right) == pytest.approx(MIN_TEMPERATURE)
    assert fit_temperature(logits, 1 - right) == pytest.approx(MAX_TEMPERATURE)


def test_logits_that_no_temperature_changes_keep_1():
    assert fit_temperature(torch.ones(4, 3), torch.tensor([0, 1, 2, 0])) == 1


CONFIDENCE = np.array([0.6, 0.9, 0.8, 0.7])


def test_a_coverage_is_reached_by_a_threshold_between_two_faces():
    assert threshold_for_coverage(CONFIDENCE, 0.5) == pytest.approx(0.75)
    assert threshold_for_coverage(CONFIDENCE, 0.51) == pytest.approx(0.65)  # at least so many
    assert threshold_for_coverage(CONFIDENCE, 1.0) == 0
    assert threshold_for_coverage(np.full(4, 0.7), 0.5) == 0  # equal faces are answered together


def test_a_precision_is_reached_with_as_many_answers_as_can_be():
    # the most probable is wrong, the next three are right: 0, 1/2, 2/3, 3/4
    is_right = np.array([True, False, True, True])
    assert threshold_for_precision(CONFIDENCE, is_right, 0.75) == 0
    # right, right, wrong, wrong: 1, 1, 2/3, 1/2
    is_right = np.array([False, True, True, False])
    assert threshold_for_precision(CONFIDENCE, is_right, 0.6) == pytest.approx(0.65)
    assert threshold_for_precision(CONFIDENCE, is_right, 1.0) == pytest.approx(0.75)


def test_a_precision_out_of_reach_is_refused_with_the_best_there_is():
    is_right = np.array([True, False, True, True])
    with pytest.raises(DataError, match=r"90.0% of the answers right: the best one reaches 75.0%"):
        threshold_for_precision(CONFIDENCE, is_right, 0.9)
