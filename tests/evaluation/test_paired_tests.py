"""McNemar's test against scipy's binomial test, and Holm's adjustment by hand."""

import pytest
from scipy.stats import binomtest

from ampnet.evaluation.paired_tests import holm, mcnemar


@pytest.mark.parametrize(
    ("only_first", "only_second"), [(0, 0), (1, 0), (3, 9), (9, 3), (7, 7), (208, 453), (900, 1000)]
)
def test_mcnemars_p_value_is_the_binomial_tests(only_first, only_second):
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
