"""Prior strengths worked out by hand."""

import numpy as np
import torch

from tools.prior_strength import choose_prior_strength


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
