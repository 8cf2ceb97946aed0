"""What is measured of groups of images, and how large a gap between them chance gives, for `groups.py`."""

import warnings

import numpy as np
from numpy.typing import NDArray

from ampnet.evaluation.intervals import MAX_CELLS, ROUNDS, SEED, sums_by
from ampnet.evaluation.predictions import PredictionTable
from ampnet.evaluation.reliability import confidence_gaps

MEASURES = ("accuracy", "mean_recall", "missed", "calibration_error")

Measured = dict[str, NDArray[np.float64]]
"""Each measure once, or of R resamples: ``(R,)``."""


def marks_of(table: PredictionTable) -> NDArray[np.float64]:
    """Mark each image for :func:`measure`: 1, right, missed, its class, its class if right, its confidence gaps."""
    labels, answers = table.labels, table.answers
    of_class = (labels[:, None] == np.arange(len(table.class_names))).astype(np.float64)
    right, scored = (labels == answers).astype(np.float64), answers >= 0
    columns = [np.ones(len(labels)), right, answers < 0, of_class, of_class * right[:, None]]
    if table.probabilities is not None and scored.any():
        of_scored = confidence_gaps(table.probabilities[scored], labels[scored])
        gaps = np.zeros((len(labels), of_scored.shape[1]))
        gaps[scored] = of_scored
        columns.append(gaps)
    return np.column_stack(columns).astype(np.float64)


def measure(sums: NDArray[np.float64], table: PredictionTable) -> Measured:
    """Return each measure of R sums of :func:`marks_of`: NaN where it is undefined."""
    classes = len(table.class_names)
    count, right, missed = sums[:, 0], sums[:, 1], sums[:, 2]
    present, hits, gaps = np.split(sums[:, 3:], [classes, 2 * classes], axis=1)
    with np.errstate(invalid="ignore", divide="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the mean of no class at all
        recalls = np.nanmean(np.where(present > 0, hits / present, np.nan), axis=1)
        errors = np.abs(gaps).sum(axis=1) / (count - missed) if gaps.size else np.full(len(sums), np.nan)
        return {
            "accuracy": right / count,
            "missed": missed / count,
            "mean_recall": recalls,
            "calibration_error": errors,
        }


def p_value_of(
    table: PredictionTable,
    members: list[NDArray[np.int64]],
    name: str,
    observed: float,
    people: NDArray[np.int64] | None,
) -> float:
    """Return the share of permutations of the groups within each true class whose gap is as large.

    People who are in one group each are permuted with all of their images.
    """
    of_group = [] if people is None else [np.unique(people[rows]) for rows in members]
    if people is not None and len(np.unique(np.concatenate(of_group))) == sum(map(len, of_group)):
        gaps = _permuted_people(table, members, people, name)
    elif name == "calibration_error":
        gaps = _permuted_calibration(table, members)
    else:
        marked = table.answers < 0 if name == "missed" else table.answers == table.labels
        gaps = _permuted_shares(table, members, marked, name == "mean_recall")
    return float((1 + (gaps >= observed - 1e-9).sum()) / (1 + len(gaps)))


def _permuted_people(
    table: PredictionTable, members: list[NDArray[np.int64]], people: NDArray[np.int64], name: str
) -> NDArray[np.float64]:
    """Permute people among the groups, each of which keeps its number of people."""
    columns, generator = marks_of(table), np.random.default_rng(SEED)
    of_people = [sums_by(people[rows], columns[rows], people.max() + 1) for rows in members]
    there = np.concatenate([one[one[:, 0] > 0] for one in of_people])
    groups = np.repeat(np.arange(len(members)), [int((one[:, 0] > 0).sum()) for one in of_people])
    block, gaps = max(1, MAX_CELLS // len(groups)), []
    for start in range(0, ROUNDS, block):
        dealt = np.array([generator.permutation(groups) for _round in range(start, min(start + block, ROUNDS))])
        values = [measure((dealt == number) @ there, table)[name] for number in range(len(members))]
        gaps.append(np.fmax.reduce(values) - np.fmin.reduce(values))
    return np.concatenate(gaps)


def _permuted_shares(
    table: PredictionTable, members: list[NDArray[np.int64]], marked: NDArray[np.bool_], by_class: bool
) -> NDArray[np.float64]:
    """Permute the marked images of each class among the groups: a multivariate hypergeometric draw for each class."""
    generator = np.random.default_rng(SEED)
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


def _permuted_calibration(table: PredictionTable, members: list[NDArray[np.int64]]) -> NDArray[np.float64]:
    """Permute the images with a prediction, each with its confidence and its hit, within their classes."""
    assert table.probabilities is not None
    rows = np.concatenate(members)
    groups = np.repeat(np.arange(len(members)), [len(one) for one in members])
    scored = table.answers[rows] >= 0
    rows, groups = rows[scored], groups[scored]
    gaps = confidence_gaps(table.probabilities[rows], table.labels[rows])
    bins, sizes = gaps.shape[1], np.bincount(groups, minlength=len(members))
    places, amounts = np.abs(gaps).argmax(axis=1), gaps.sum(axis=1)
    by_label = [np.flatnonzero(table.labels[rows] == label) for label in np.unique(table.labels[rows])]
    generator, found = np.random.default_rng(SEED), np.empty(ROUNDS // 4)
    for number in range(len(found)):
        dealt = np.empty_like(groups)
        for one in by_label:
            dealt[one] = generator.permutation(groups[one])
        cells = np.bincount(dealt * bins + places, weights=amounts, minlength=len(members) * bins)
        errors = np.abs(cells.reshape(len(members), bins)).sum(axis=1) / np.maximum(sizes, 1)
        found[number] = errors.max() - errors.min()
    return found
