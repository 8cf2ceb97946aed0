"""Intervals against published values and known distributions."""

import pytest

from ampnet.evaluation.intervals import wilson_interval


def test_wilson_interval_of_a_textbook_case():
    """Newcombe 1998, table I: 81 of 263 is 0.2553 to 0.3662; 0 of 20 is 0 to 0.1611."""
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
