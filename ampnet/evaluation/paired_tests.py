"""Tests of two predictors on the same images: McNemar's, and Holm's adjustment for several pairs."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class McNemar:
    """McNemar's test: whether each of two predictors is right equally often where only one of them is."""

    only_first: int
    """Images that only the first gets right."""
    only_second: int
    p_value: float
    """Two-sided, exact."""
    adjusted_p: float
    """Holm's, for the number of pairs that were compared on the same images; equal to ``p_value`` for one pair."""


def mcnemar(only_first: int, only_second: int) -> McNemar:
    """Test whether two predictors are equally often right where only one of them is (McNemar 1947).

    The p value is the exact one: twice the binomial tail of the smaller count at probability 1/2, at most 1.

    Args:
        only_first: images that only the first gets right.
        only_second: images that only the second gets right.
    """
    count, smaller = only_first + only_second, min(only_first, only_second)
    ways, tail = 1, 1  # whole numbers: no rounding, however many images
    for taken in range(smaller):
        ways = ways * (count - taken) // (taken + 1)
        tail += ways
    p_value = min(1.0, 2 * tail / 2**count)
    return McNemar(only_first, only_second, p_value, p_value)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p values for the number of tests (Holm 1979, Scand. J. Stat. 6:65), in the order given."""
    adjusted, least = [0.0] * len(p_values), 0.0
    for rank, number in enumerate(sorted(range(len(p_values)), key=lambda number: p_values[number])):
        least = max(least, min(1.0, (len(p_values) - rank) * p_values[number]))
        adjusted[number] = least
    return adjusted
