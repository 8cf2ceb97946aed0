"""Whether predictions are equally good for all groups of images, such as women and men, or young and old.

For each group: accuracy, mean recall, the share of images without a prediction (misses of the detector, mostly), and
calibration. For each of these, the gap between the best and the worst group with its interval, and a permutation test:
how often would the images' groups, dealt out again at random, give a gap as large? They are dealt out among the images
of each true class, so a gap that only follows from the classes of a group (one with more happy faces, which are easy)
counts as chance. Holm's adjustment covers all gaps of an evaluation.

Where people are known, intervals draw people, and the test deals out people, as the images of one are alike. Only of a
group that has a single person (as of the column subject itself) single images are drawn; they are dealt out where such
a group is compared, or people are in several groups.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ampnet.evaluation.group_measures import MEASURES, Measured, marks_of, measure, p_value_of
from ampnet.evaluation.intervals import (
    Estimate,
    Share,
    bootstrap_sums,
    defined,
    difference_of,
    estimate,
    holm,
    share_of,
    sums_by,
    widened,
    widened_mean,
)
from ampnet.evaluation.predictions import PredictionTable

SMALL = 30
"""Groups of fewer images are shown and marked, and left out of the gaps while two others remain."""

MAX_GROUPS = 50

MOST_NUMBERS = 8
"""Maximum number of different numbers in a column that are groups as they are; more are divided into quarters."""


@dataclass(frozen=True)
class GroupScores:
    """One group's scores; those without a prediction are errors."""

    name: str
    images: int
    is_small: bool
    """Whether it has fewer than 30 images: its numbers say little."""
    accuracy: Estimate
    """Share of right answers; with Wilson's interval, or that of a bootstrap over people."""
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
    """How often groups assigned at random have a gap as large."""
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


def score_groups(table: PredictionTable, columns: Mapping[str, NDArray[np.str_]]) -> tuple[Grouping, ...]:
    """Score the groups of several columns.

    Args:
        columns: ``(N,)`` the group of each image by the column's name; empty where it is unknown.
    """
    found = [_score_column(table, column, values) for column, values in columns.items()]
    adjusted = iter(holm([gap.p_value for one in found for gap in one.gaps]))
    return tuple(replace(one, gaps=tuple(replace(gap, adjusted_p=next(adjusted)) for gap in one.gaps)) for one in found)


def _score_column(table: PredictionTable, column: str, values: NDArray[np.str_]) -> Grouping:
    known = np.flatnonzero(values != "")
    names, groups = np.unique(values[known], return_inverse=True)
    members = [known[groups == number] for number in range(len(names))]
    people = _people(table, known, members)
    columns = marks_of(table)
    scores: list[GroupScores] = []
    drawn: list[Measured] = []
    for name, rows, own in zip(names.tolist(), members, people, strict=True):
        once = measure(columns[rows].sum(axis=0)[None], table)
        if own is None:  # its own seed, so that groups of one size are not resampled alike
            sums = bootstrap_sums(columns[rows], seed=len(scores))
        else:  # the same people in all groups, so that someone in two of them is drawn for both
            sums = bootstrap_sums(sums_by(own[rows], columns[rows], own.max() + 1))
        again = measure(sums, table)
        scores.append(_group(name, table, rows, once, again, own))
        drawn.append(again)
    large = [number for number, one in enumerate(scores) if not one.is_small]
    compared = large if len(large) > 1 else list(range(len(scores)))
    gaps = []
    for kind in MEASURES if len(compared) > 1 else ():
        values_of = {number: getattr(scores[number], kind) for number in compared}
        measured = {number: found.value for number, found in values_of.items() if found}
        if len(measured) > 1:
            high, low = max(measured, key=measured.__getitem__), min(measured, key=measured.__getitem__)
            units = min(_units(members[one], people[one]) for one in (high, low))
            above = measured[high] - measured[low]
            difference = defined(difference_of(above, drawn[high][kind], drawn[low][kind], units))
            chosen = [members[number] for number in measured]
            of_all = [people[number] for number in measured]
            dealt = None if any(one is None for one in of_all) else of_all[0]
            p_value = p_value_of(table, chosen, kind, difference.value, dealt)
            gaps.append(Gap(kind, scores[high].name, scores[low].name, difference, p_value, p_value))
    return Grouping(column, len(values) - len(known), tuple(scores), tuple(gaps))


def _people(
    table: PredictionTable, known: NDArray[np.int64], members: list[NDArray[np.int64]]
) -> list[NDArray[np.int64] | None]:
    """Return for each group ``(N,)`` the number of each image's person; None if its single images are to be drawn.

    That is where people are not known, or it has a single one, which says nothing about others.
    """
    clusters = table.images.clusters
    if clusters is None:
        return [None] * len(members)
    people = np.zeros(len(clusters), dtype=np.int64)
    people[known] = np.unique(clusters[known], return_inverse=True)[1]
    return [people if _units(rows, people) > 1 else None for rows in members]


def _units(rows: NDArray[np.int64], people: NDArray[np.int64] | None) -> int:
    """Return how many people, or images, are drawn of a group."""
    return len(rows) if people is None else len(np.unique(people[rows]))


def _group(
    name: str,
    table: PredictionTable,
    rows: NDArray[np.int64],
    once: Measured,
    again: Measured,
    people: NDArray[np.int64] | None,
) -> GroupScores:
    units = _units(rows, people)

    def share(kind: str, hits: NDArray[np.bool_]) -> Estimate:
        if people is None:
            return defined(share_of(hits))
        return defined(widened(estimate(float(once[kind][0]), again[kind]), units))

    return GroupScores(
        name=name,
        images=len(rows),
        is_small=len(rows) < SMALL,
        accuracy=share("accuracy", table.answers[rows] == table.labels[rows]),
        mean_recall=widened_mean(estimate(float(once["mean_recall"][0]), again["mean_recall"]), units),
        missed=share("missed", table.answers[rows] < 0),
        calibration_error=estimate(float(once["calibration_error"][0]), again["calibration_error"]),
    )


def bin_numbers(values: NDArray[np.str_]) -> NDArray[np.str_]:
    """Turn a column of many different numbers into quarters of its values; fewer are spelled alike (20.0 as 20).

    A column of other texts is returned as it is.

    Args:
        values: ``(N,)`` texts; empty where unknown.
    """
    known = values != ""
    try:
        numbers = values[known].astype(np.float64)
    except ValueError:
        return values
    if not np.isfinite(numbers).all():
        return values
    if len(np.unique(numbers)) <= MOST_NUMBERS:
        return np.array([repr(float(value) + 0.0).removesuffix(".0") if value else "" for value in values.tolist()])
    edges = np.unique(np.quantile(numbers, [0, 0.25, 0.5, 0.75, 1]))
    places = np.clip(np.searchsorted(edges, numbers, side="right") - 1, 0, len(edges) - 2)
    spans = {place: numbers[places == place] for place in np.unique(places).tolist()}
    names = {place: f"{place + 1}: {own.min():.8g} to {own.max():.8g}" for place, own in spans.items()}
    binned = np.full(len(values), "", dtype=object)
    binned[known] = [names[place] for place in places.tolist()]
    return binned.astype(np.str_)
