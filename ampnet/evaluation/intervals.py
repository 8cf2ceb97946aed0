"""95% confidence intervals: Wilson's for rates, percentiles of a seeded bootstrap for all else; and paired tests."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

Counts = NDArray[np.int64]
Interval = tuple[float, float]
Share = Annotated[float, Meta(ge=0, le=1)]
"""Of the images, or of another total."""
Clusters = NDArray[np.int64] | None
"""``(N,)`` number of each row's cluster, such as the person in an image: whole clusters are drawn (Davison and Hinkley
1997, section 3.8), as rows of one cluster are alike. None draws single rows."""

ROUNDS = 2000
"""Bootstrap resamples."""

SEED = 0
"""Of the bootstraps: a report of the same predictions has the same intervals."""

Z_95 = 1.959964
"""97.5th percentile of the standard normal distribution."""

MAX_DRAWS = 1 << 26
"""Maximum draws of rows in one bootstrap: beyond 33,554 rows, fewer rounds are made, but at least 100."""

MAX_CELLS = 1 << 22
"""Maximum size of a block of resampling weights: 32 MiB."""


@dataclass(frozen=True)
class Estimate:
    """A number and its 95% confidence interval."""

    value: float
    interval: Interval


def wilson_interval(hits: float, count: int) -> Interval:
    """Return Wilson's 95% score interval for ``hits`` out of ``count`` (Wilson 1927)."""
    rate, z = hits / count, Z_95
    middle = (rate + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * np.sqrt(rate * (1 - rate) / count + z**2 / (4 * count**2))
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))


def rate(hits: int, count: int) -> Estimate | None:
    """Return ``hits / count`` with Wilson's interval; None if ``count`` is 0."""
    return Estimate(hits / count, wilson_interval(hits, count)) if count else None


def share_of(hits: NDArray[np.bool_], clusters: Clusters = None) -> Estimate | None:
    """Return the share of ``(N,)`` hits: with Wilson's interval, or of clusters with the percentiles of a bootstrap."""
    if clusters is None or not len(hits):
        return rate(int(hits.sum()), len(hits))
    resampled = bootstrap_means(hits[:, None].astype(np.float64), clusters)[:, 0]
    return widened(estimate(float(hits.mean()), resampled), len(np.unique(clusters)))


def defined(found: Estimate | None) -> Estimate:
    """Return an estimate that is defined, as at least one image has what it needs."""
    assert found is not None
    return found


def percentiles(values: NDArray[np.floating]) -> Interval | None:
    """Return the 2.5th and 97.5th percentile of a bootstrap's values, leaving out the undefined ones (NaN)."""
    defined = values[~np.isnan(values)]
    if not defined.size:
        return None
    low, high = np.percentile(defined, [2.5, 97.5])
    return float(low), float(high)


def estimate(value: float, resampled: NDArray[np.floating]) -> Estimate | None:
    """Combine a number with the percentiles of its bootstrap; None if it is undefined (NaN)."""
    interval = percentiles(resampled)
    return None if np.isnan(value) or interval is None else Estimate(float(value), interval)


def widened(found: Estimate | None, units: int) -> Estimate | None:
    """Give a share an interval where all its resamples are alike, as those of 12 right of 12 are.

    It is Wilson's for a share of as many units: then [0, 1] is not left, and more of them narrow it.

    Args:
        found: a share, within [0, 1].
        units: number of people, or images, that were drawn.
    """
    if found is None or not _has_no_width(found.interval):
        return found
    return Estimate(found.value, wilson_interval(found.value * units, units))


def widened_mean(found: Estimate | None, units: int) -> Estimate | None:
    """Do the same for a mean over classes where none, or all are right.

    Other constant means are those of a network that always answers the same.
    """
    return widened(found, units) if found is not None and found.value in (0.0, 1.0) else found


def difference_of(value: float, high: NDArray[np.floating], low: NDArray[np.floating], units: int) -> Estimate | None:
    """Combine a difference of two shares with the percentiles of its bootstrap; None if it is undefined (NaN).

    Where all resamples of both are alike, Wilson's upper limit for none of so many is added on both sides.

    Args:
        high: ``(R,)`` resamples of the first share.
        low: those of the other; of a large group fewer are drawn, and as many of the longer count.
        units: number of people, or images, that were drawn.
    """
    rounds = min(len(high), len(low))
    found = estimate(value, high[:rounds] - low[:rounds])
    if found is None or not all(_has_no_width(percentiles(one) or (0, 1)) for one in (high, low)):
        return found
    half = wilson_interval(0, units)[1]
    return Estimate(found.value, (max(found.value - half, -1.0), min(found.value + half, 1.0)))


def _has_no_width(interval: Interval) -> bool:
    return interval[1] - interval[0] < 1e-9


def resample_matrix(matrix: Counts, seed: int) -> Counts:
    """Draw confusion matrices as if the images were drawn again with replacement (Efron 1979).

    Args:
        matrix: counts of any shape, at least one image.

    Returns:
        ``(R, *matrix.shape)``, R being :data:`ROUNDS`; drawing images and counting them again is the same as
        drawing counts from a multinomial.
    """
    images = int(matrix.sum())
    drawn = np.random.default_rng(seed).multinomial(images, (matrix / images).ravel(), size=ROUNDS)
    return drawn.reshape(ROUNDS, *matrix.shape)


def bootstrap_means(columns: NDArray[np.floating], clusters: Clusters = None) -> NDArray[np.float64]:
    """Return ``(R, M)`` means of the columns of a ``(N, M)`` table, N at least 1, over resampled rows."""
    if clusters is None:
        return bootstrap_sums(columns) / len(columns)
    sums = bootstrap_sums(np.column_stack([np.ones(len(columns)), columns]), clusters=clusters)
    return np.asarray(sums[:, 1:] / sums[:, :1])


def clusters_at(clusters: Clusters, rows: NDArray[np.generic]) -> Clusters:
    """Return the clusters of some rows, chosen as NumPy's arrays are; None stands for single rows."""
    return None if clusters is None else clusters[rows]


def sums_by(places: NDArray[np.int64], columns: NDArray[np.floating], count: int) -> NDArray[np.float64]:
    """Sum the rows of ``(N, M)`` columns by their place, from 0: ``(count, M)``."""
    sums = np.zeros((count, columns.shape[1]))
    np.add.at(sums, places, columns)
    return sums


def bootstrap_sums(columns: NDArray[np.floating], seed: int = SEED, clusters: Clusters = None) -> NDArray[np.float64]:
    """Sum the columns of a ``(N, M)`` table, N at least 1, over resampled rows.

    Returns:
        ``(R, M)``, R being :data:`ROUNDS`; divided by N, the bootstrap distribution of the columns' means. Of large
        tables, whose intervals are narrow, R is smaller (:data:`MAX_DRAWS`).
    """
    if clusters is not None:
        numbers, places = np.unique(clusters, return_inverse=True)
        columns = sums_by(places, columns, len(numbers))
    sums = [weights @ columns for weights in bootstrap_weights(len(columns), seed)]
    return np.concatenate(sums).astype(np.float64)


def bootstrap_weights(count: int, seed: int = SEED, clusters: Clusters = None) -> Iterator[Counts]:
    """Draw how often each of ``count`` rows is in each resample; see :func:`bootstrap_sums`.

    Yields:
        Blocks ``(B, count)`` of resamples; each row sums to ``count``, or draws as many clusters as there are.
    """
    if clusters is not None:
        numbers, places = np.unique(clusters, return_inverse=True)
        for drawn in bootstrap_weights(len(numbers), seed):
            step = max(1, MAX_CELLS // count)
            yield from (drawn[start : start + step, places] for start in range(0, len(drawn), step))
        return
    rounds = min(ROUNDS, max(100, MAX_DRAWS // count))
    generator = np.random.default_rng(seed)
    block = max(1, MAX_CELLS // count)
    for start in range(0, rounds, block):
        size = min(block, rounds - start)
        drawn = generator.integers(0, count, (size, count)) + np.arange(size)[:, None] * count
        yield np.bincount(drawn.ravel(), minlength=size * count).reshape(size, count)


def mean_estimates(columns: NDArray[np.floating], clusters: Clusters = None) -> tuple[Estimate | None, ...]:
    """Return the mean of each column of a ``(N, M)`` table with its bootstrap interval; None without rows."""
    if not len(columns):
        return tuple(None for _ in range(columns.shape[1]))
    values = columns.mean(axis=0).tolist()
    means = bootstrap_means(columns, clusters)
    return tuple(estimate(value, means[:, number]) for number, value in enumerate(values))


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
