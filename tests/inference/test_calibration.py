"""Temperatures and prior strengths worked out by hand."""

import math

import numpy as np
import pytest
import torch

from ampnet.inference.calibration import choose_prior_strength, fit_temperature


def test_a_network_that_is_right_three_times_in_four_gets_the_temperature_that_says_so():
    # two classes, a logit gap of 2, 75 % right: log(0.75 / 0.25) = gap / T, so T = 2 / log 3
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


def test_the_strength_goes_as_far_as_accuracy_allows():
    # shares 0.9 and 0.1: the whole adjustment lifts the rare class by log 9 = 2.2 in the logits
    shares = np.array([0.9, 0.1])
    common, rare = [[3.0, 0.0]] * 900, [[0.5, 0.0]] * 100  # a strength above 0.5 / 2.2 = 0.23 wins all rare faces
    labels = np.array([0] * 900 + [1] * 100)
    assert choose_prior_strength(torch.tensor(common + rare), labels, shares) == 0.25
    costly = [[3.0, 0.0]] * 700 + [[0.4, 0.0]] * 200  # the same strength would lose 200 common ones
    assert choose_prior_strength(torch.tensor(costly + rare), labels, shares) == 0.0


def test_where_no_accuracy_may_be_lost_the_most_accurate_strength_wins():
    shares, labels = np.array([0.9, 0.1]), np.array([0] * 900 + [1] * 100)
    even_trade = [[3.0, 0.0]] * 895 + [[0.4, 0.0]] * 5 + [[3.0, 0.0]] * 96 + [[0.4, 0.0]] * 4  # wins 4, loses 5
    assert choose_prior_strength(torch.tensor(even_trade), labels, shares) > 0
    assert choose_prior_strength(torch.tensor(even_trade), labels, shares, max_accuracy_loss=0.0) == 0
