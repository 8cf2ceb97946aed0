"""Whether predictions are equally good for all groups of images, such as women and men, or young and old.

For each group: accuracy, mean recall, the share of images without a prediction (misses of the detector, mostly), and
calibration. For each of these, the gap between the best and the worst group with its interval, and a permutation test:
how often would the images' groups, dealt out again at random, give a gap as large? They are dealt out among the images
of each true class, so a gap that only follows from the classes of a group (one with more happy faces, which are easy)
counts as chance. Holm's adjustment covers all gaps of an evaluation.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ampnet.evaluation.intervals import ROUNDS, Estimate, Share, bootstrap_weights, defined, estimate, share_of
from ampnet.evaluation.paired_tests import holm
from ampnet.evaluation.predictions import PredictionTable
from ampnet.evaluation.reliability import confidence_gaps

SMALL = 30
"""Groups of fewer images are shown and marked, and left out of the gaps while two others remain."""

MAX_GROUPS = 50

MOST_NUMBERS = 8
"""Most different numbers of a column that are groups of their own."""

MEASURES = ("accuracy", "mean_recall", "missed", "calibration_error")

Measured = dict[str, NDArray[np.float64]]
"""Each measure once, or of R resamples: ``(R,)``."""


@dataclass(frozen=True)
class GroupScores:
    """One group's scores; those without a prediction are errors."""

    name: str
    images: int
    is_small: bool
    """Whether it has fewer than 30 images: its numbers say little."""
    accuracy: Estimate
    """Share of right answers, with Wilson's interval."""
    mean_recall: Estimate | None
    """Mean recall of the classes that the group has."""
    missed: Estimate
    """Share of the images without a prediction: no face was found, or the image cannot be read."""
    calibration_error: Estimate | None
    """Expected calibration error over the images with a prediction; None without probabilities."""


@dataclass(frozen=True)
class Gap:
    """The gap between the group with the highest and the one with the lowest value of a measure."""

    measure: str
    """accuracy, mean_recall, missed or calibration_error."""
    highest: str
    lowest: str
    """Names of the two groups."""
    difference: Estimate
    """Highest minus lowest, with bootstrap percentiles; being the largest of several, it is above 0 by chance, too."""
    p_value: Share
    """How often groups dealt out at random have a gap as large."""
    adjusted_p: Share
    """Holm's, for all gaps of the evaluation."""

    @property
    def p_values(self) -> tuple[float, float]:
        """The p value and Holm's."""
        return self.p_value, self.adjusted_p


@dataclass(frozen=True)
class Grouping:
    """The scores of the groups of one column."""

    column: str
    unknown: int
    """Images without a value; they are in no group."""
    groups: tuple[GroupScores, ...]
    """By name."""
    gaps: tuple[Gap, ...]
    """One for each measure that two groups have; empty with fewer groups."""


def score_groups(
    table: PredictionTable, columns: Mapping[str, NDArray[np.str_]], seed: int = 0
) -> tuple[Grouping, ...]:
    """Score the groups of several columns.

    Args:
        columns: ``(N,)`` the group of each image by the column's name; empty where it is unknown.
        seed: random seed of bootstrap and permutations.
    """
    found = [_score_column(table, column, values, seed) for column, values in columns.items()]
    adjusted = iter(holm([gap.p_value for one in found for gap in one.gaps]))
    return tuple(replace(one, gaps=tuple(replace(gap, adjusted_p=next(adjusted)) for gap in one.gaps)) for one in found)


def _score_column(table: PredictionTable, column: str, values: NDArray[np.str_], seed: int) -> Grouping:
    known = np.flatnonzero(values != "")
    names, groups = np.unique(values[known], return_inverse=True)
    members = [known[groups == number] for number in range(len(names))]
    scores: list[GroupScores] = []
    drawn: list[Measured] = []
    for name, rows in zip(names.tolist(), members, strict=True):
        own_seed = 1000 * seed + len(scores)  # so that groups of one size are not resampled alike
        once, again = _measure(table, rows, None, own_seed), _measure(table, rows, ROUNDS, own_seed)
        scores.append(_group(name, table, rows, once, again))
        drawn.append(again)
    large = [number for number, one in enumerate(scores) if not one.is_small]
    compared = large if len(large) > 1 else list(range(len(scores)))
    gaps = []
    for measure in MEASURES if len(compared) > 1 else ():
        values_of = {number: getattr(scores[number], measure) for number in compared}
        measured = {number: found.value for number, found in values_of.items() if found}
        if len(measured) > 1:
            high, low = max(measured, key=measured.__getitem__), min(measured, key=measured.__getitem__)
            difference = defined(estimate(measured[high] - measured[low], drawn[high][measure] - drawn[low][measure]))
            p_value = _p_value(table, [members[number] for number in measured], measure, difference.value, seed)
            gaps.append(Gap(measure, scores[high].name, scores[low].name, difference, p_value, p_value))
    return Grouping(column, len(values) - len(known), tuple(scores), tuple(gaps))


def _group(name: str, table: PredictionTable, rows: NDArray[np.int64], once: Measured, again: Measured) -> GroupScores:
    calibration = None
    if "calibration_error" in once:
        calibration = estimate(float(once["calibration_error"][0]), again["calibration_error"])
    return GroupScores(
        name=name,
        images=len(rows),
        is_small=len(rows) < SMALL,
        accuracy=defined(share_of(table.answers[rows] == table.labels[rows], 0)),
        mean_recall=estimate(float(once["mean_recall"][0]), again["mean_recall"]),
        missed=defined(share_of(table.answers[rows] < 0, 0)),
        calibration_error=calibration,
    )


def _measure(table: PredictionTable, rows: NDArray[np.int64], rounds: int | None, seed: int) -> Measured:
    """Measure some images as they are (``rounds`` None), or resampled with replacement."""
    labels, answers = table.labels[rows], table.answers[rows]
    parts = [np.ones((1, len(rows)))] if rounds is None else bootstrap_weights(len(rows), seed, rounds)
    of_class = (labels[:, None] == np.arange(len(table.class_names))).astype(np.float64)
    right = (labels == answers).astype(np.float64)
    columns = np.column_stack([right, answers < 0, of_class, of_class * right[:, None]])
    scored = answers >= 0
    has_calibration = table.probabilities is not None and scored.any()
    if has_calibration:
        assert table.probabilities is not None
        of_scored = confidence_gaps(table.probabilities[rows[scored]], labels[scored])
        gaps = np.zeros((len(rows), of_scored.shape[1]))
        gaps[scored] = of_scored
        columns = np.column_stack([columns, gaps])
    sums = np.concatenate([weights @ columns for weights in parts])
    count, classes = len(rows), of_class.shape[1]
    present, hits = sums[:, 2 : 2 + classes], sums[:, 2 + classes : 2 + 2 * classes]
    with np.errstate(invalid="ignore"):
        recalls = np.nanmean(np.where(present > 0, hits / present, np.nan), axis=1)
    found = {"accuracy": sums[:, 0] / count, "missed": sums[:, 1] / count, "mean_recall": recalls}
    if has_calibration:
        with np.errstate(invalid="ignore", divide="ignore"):
            errors = np.abs(sums[:, 2 + 2 * classes :]).sum(axis=1) / (count - sums[:, 1])
        found["calibration_error"] = errors
    return found


def _p_value(
    table: PredictionTable, members: list[NDArray[np.int64]], measure: str, observed: float, seed: int
) -> float:
    """Return the share of permutations of the groups within each true class whose gap is as large."""
    if measure == "calibration_error":
        gaps = _permuted_calibration(table, members, seed)
    else:
        marked = table.answers < 0 if measure == "missed" else table.answers == table.labels
        gaps = _permuted_shares(table, members, marked, measure == "mean_recall", seed)
    return float((1 + (gaps >= observed - 1e-9).sum()) / (1 + len(gaps)))


def _permuted_shares(
    table: PredictionTable, members: list[NDArray[np.int64]], marked: NDArray[np.bool_], by_class: bool, seed: int
) -> NDArray[np.float64]:
    """Deal out the marked images of each class to the groups: a multivariate hypergeometric draw for each class."""
    generator = np.random.default_rng(seed)
    sizes = np.array([len(rows) for rows in members], dtype=np.float64)
    totals = np.zeros((ROUNDS, len(members)))
    classes_of_group = np.zeros(len(members))
    for label in np.unique(table.labels[np.concatenate(members)]):
        counts = np.array([(table.labels[rows] == label).sum() for rows in members])
        hits = sum(int(marked[rows[table.labels[rows] == label]].sum()) for rows in members)
        drawn = generator.multivariate_hypergeometric(counts, hits, size=ROUNDS)
        totals += drawn / np.maximum(counts, 1) if by_class else drawn
        classes_of_group += counts > 0
    shares = totals / (classes_of_group if by_class else sizes)
    return np.asarray(shares.max(axis=1) - shares.min(axis=1))


def _permuted_calibration(table: PredictionTable, members: list[NDArray[np.int64]], seed: int) -> NDArray[np.float64]:
    """Deal out the images with a prediction, each with its confidence and its hit, within their classes."""
    assert table.probabilities is not None
    rows = np.concatenate(members)
    groups = np.repeat(np.arange(len(members)), [len(one) for one in members])
    scored = table.answers[rows] >= 0
    rows, groups = rows[scored], groups[scored]
    gaps = confidence_gaps(table.probabilities[rows], table.labels[rows])
    bins, sizes = gaps.shape[1], np.bincount(groups, minlength=len(members))
    places, amounts = np.abs(gaps).argmax(axis=1), gaps.sum(axis=1)
    by_label = [np.flatnonzero(table.labels[rows] == label) for label in np.unique(table.labels[rows])]
    generator, found = np.random.default_rng(seed), np.empty(ROUNDS // 4)
    for number in range(len(found)):
        dealt = np.empty_like(groups)
        for one in by_label:
            dealt[one] = generator.permutation(groups[one])
        cells = np.bincount(dealt * bins + places, weights=amounts, minlength=len(members) * bins)
        errors = np.abs(cells.reshape(len(members), bins)).sum(axis=1) / np.maximum(sizes, 1)
        found[number] = errors.max() - errors.min()
    return found


def bin_numbers(values: NDArray[np.str_]) -> NDArray[np.str_]:
    """Turn a column of many different numbers into quarters of its values; any other column is returned as it is.

    Args:
        values: ``(N,)`` texts; empty where unknown.
    """
    known = values != ""
    try:
        numbers = values[known].astype(np.float64)
    except ValueError:
        return values
    if len(np.unique(numbers)) <= MOST_NUMBERS or not np.isfinite(numbers).all():
        return values
    edges = np.unique(np.quantile(numbers, [0, 0.25, 0.5, 0.75, 1]))
    places = np.clip(np.searchsorted(edges, numbers, side="right") - 1, 0, len(edges) - 2)
    spans = enumerate(pairwise(edges.tolist()), start=1)
    names = [f"{number}: {low:g} to {high:g}" for number, (low, high) in spans]
    binned = np.full(len(values), "", dtype=object)
    binned[known] = np.array(names, dtype=object)[places]
    return binned.astype(np.str_)
