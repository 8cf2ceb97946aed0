"""Intervals against published values and known distributions."""

import numpy as np
import pytest

from ampnet.evaluation import intervals
from ampnet.evaluation.intervals import (
    bootstrap_sums,
    bootstrap_weights,
    difference_of,
    estimate,
    holm,
    mcnemar,
    mean_estimates,
    percentiles,
    rate,
    resample_matrix,
    share_of,
    wilson_interval,
)


def test_wilson_interval_of_a_textbook_case():
    """Newcombe 1998, table I: 81 of 263 is 0.2553 to 0.3662; 0 of 20 is 0 to 0.1611."""
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)


def test_a_rate_of_nothing_is_undefined():
    assert rate(0, 0) is None
    assert share_of(np.zeros(0, bool), np.zeros(0, int)) is None
    assert rate(3, 4).value == 0.75
    assert share_of(np.array([True, False, True, True])) == rate(3, 4)


def test_percentiles_leave_out_undefined_resamples():
    values = np.append(np.arange(1001.0), np.nan)
    assert percentiles(values) == (25, 975)
    assert percentiles(np.array([np.nan])) is None
    assert estimate(np.nan, values) is None


def test_resampled_matrices_keep_the_number_of_images_and_the_seed_decides_them():
    matrix = np.array([[30, 10], [0, 60]])
    drawn = resample_matrix(matrix, seed=3)
    assert drawn.shape == (2000, 2, 2)
    assert (drawn.sum(axis=(1, 2)) == 100).all()
    assert (drawn[:, 1, 0] == 0).all()  # nobody makes that error
    assert drawn.mean(axis=0) == pytest.approx(matrix, abs=0.5)
    assert np.array_equal(drawn, resample_matrix(matrix, seed=3))
    assert not np.array_equal(drawn, resample_matrix(matrix, seed=4))


def test_the_bootstrap_of_a_mean_has_the_standard_error_of_the_mean():
    values = np.random.default_rng(0).standard_normal((400, 2)) * (1, 3)
    means = bootstrap_sums(values, seed=0) / 400
    assert means.std(axis=0) == pytest.approx(values.std(axis=0) / 20, rel=0.06)
    first, second = mean_estimates(values)
    assert first.value == pytest.approx(values[:, 0].mean())
    assert first.interval[0] < first.value < first.interval[1]
    assert second.interval[1] - second.interval[0] == pytest.approx(2 * 1.96 * 3 / 20, rel=0.1)


def test_means_of_nothing_are_undefined():
    assert mean_estimates(np.empty((0, 2))) == (None, None)


def test_blocks_and_the_limit_for_large_tables_change_only_the_number_of_rounds(monkeypatch):
    values = np.random.default_rng(0).random((50, 1))
    monkeypatch.setattr(intervals, "MAX_CELLS", 500)  # ten rounds a block
    monkeypatch.setattr(intervals, "ROUNDS", 1995)
    assert bootstrap_sums(values).shape == (1995, 1)
    people = [len(block) for block in bootstrap_weights(50, clusters=np.arange(50) // 10)]
    assert (sum(people), max(people)) == (1995, 10)
    monkeypatch.setattr(intervals, "MAX_DRAWS", 50 * 150)
    assert len(bootstrap_sums(values, seed=0)) == 150


def test_a_share_that_is_the_same_in_every_resample_has_the_interval_of_as_many_people():
    """Wilson's of 12 of 12 begins at 12 / (12 + 1.96^2)."""
    people = np.repeat(np.arange(12), 5)
    found = share_of(np.ones(60, bool), people)
    assert (found.value, *found.interval) == pytest.approx((1, 12 / (12 + 1.959964**2), 1))
    none = share_of(np.zeros(60, bool), people)
    assert (none.value, *none.interval) == pytest.approx((0, 0, 1 - 12 / (12 + 1.959964**2)))
    half = share_of(np.tile([True, False], 30), np.repeat(np.arange(30), 2))  # each person one of two
    assert half.interval == pytest.approx(wilson_interval(15, 30))


def test_of_a_large_group_there_are_fewer_resamples_and_its_difference_has_an_interval():
    high, low = np.array([0.5, 0.6]), np.array([0.4, 0.4, 0.4])  # differences 0.1 and 0.2
    assert difference_of(0.15, high, low, 12).interval == pytest.approx((0.1025, 0.1975))
    assert difference_of(-0.15, low, high, 12).interval == pytest.approx((-0.1975, -0.1025))


def test_two_shares_without_spread_differ_by_nothing_but_not_surely():
    half = 1 - 12 / (12 + 1.959964**2)
    same = difference_of(0.0, np.ones(100), np.ones(100), 12)
    assert same.interval == pytest.approx((-half, half))
    assert difference_of(1.0, np.ones(100), np.zeros(100), 12).interval == pytest.approx((1 - half, 1))
    assert difference_of(-1.0, np.zeros(100), np.ones(100), 12).interval == pytest.approx((-1, half - 1))
    spread = np.linspace(0, 1, 100)
    assert difference_of(0.0, spread, spread, 12).interval == (0, 0)  # equal in every draw


@pytest.mark.parametrize(
    ("only_first", "only_second"), [(0, 0), (1, 0), (3, 9), (9, 3), (7, 7), (208, 453), (900, 1000)]
)
def test_mcnemars_p_value_is_the_binomial_tests(only_first, only_second):
    from scipy.stats import binomtest  # takes seconds in each process of a test run

    count = only_first + only_second
    expected = binomtest(only_first, count, 0.5).pvalue if count else 1.0
    assert mcnemar(only_first, only_second).p_value == pytest.approx(expected, rel=1e-9)


def test_mcnemars_p_value_of_thousands_of_images_is_finite():
    assert mcnemar(0, 40_000).p_value == 0.0
    assert 0 < mcnemar(9_800, 10_200).p_value < 0.01


def test_holm_multiplies_the_smallest_by_all_and_never_falls_again():
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])  # 0.01 * 3, 0.03 * 2, then not below that
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []
