"""Two or more predictors on the same images: paired differences, tests, and what one gets right and another wrong.

Each contender has one run, or several that differ in their training seed. A difference is the second contender's score
minus the first's, so it is positive where the second is better.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from ampnet.evaluation.intervals import (
    Clusters,
    Estimate,
    McNemar,
    bootstrap_sums,
    defined,
    difference_of,
    holm,
    mcnemar,
)
from ampnet.evaluation.metrics import confusion_of, resampled_clusters, score
from ampnet.evaluation.predictions import SplitImages

Answers = NDArray[np.int64]
"""``(S, N)`` predicted classes of S runs for N images; -1 without a prediction."""

NO_ANSWER = "no prediction"

ALL, WITHOUT_COPIES, CROWD = "all images", "without copies", "crowd's majority"
"""Names of the sets of images: as labelled; those without a copy in the training split; as most annotators say."""


@dataclass(frozen=True)
class RunScores:
    """One run's scores, with their own intervals; those of two runs are not paired."""

    accuracy: Estimate
    macro_f1: Estimate


@dataclass(frozen=True)
class Spread:
    """A score over the runs of one contender."""

    mean: float
    deviation: float | None
    """Sample standard deviation over the runs; None for a single one."""


@dataclass(frozen=True)
class ContenderScores:
    """One contender's scores on a set of images."""

    runs: tuple[RunScores, ...]
    accuracy: Spread
    macro_f1: Spread


@dataclass(frozen=True)
class Difference:
    """The second contender minus the first, on the same images."""

    accuracy: Estimate
    macro_f1: Estimate
    mcnemar: McNemar | None
    """None if a contender has several runs, or people are known: the test is about answers that do not depend on each
    other."""


@dataclass(frozen=True)
class ClassOutcomes:
    """Who is right about the images of one class; of several runs, the mean over all pairs of runs."""

    name: str
    images: int
    both: float
    only_first: float
    only_second: float
    neither: float


@dataclass(frozen=True)
class Change:
    """Images of one class with different answers, of which one is right; of several runs, the mean over all pairs."""

    true: str
    first: str
    second: str
    images: float


@dataclass(frozen=True)
class Pair:
    """Two contenders, by their position."""

    first: int
    second: int
    difference: Difference


@dataclass(frozen=True)
class ImageSet:
    """All contenders on one set of images, with one truth."""

    name: str
    images: int
    contenders: tuple[ContenderScores, ...]
    pairs: tuple[Pair, ...]


def image_sets(images: SplitImages, contenders: Sequence[Answers], seed: int = 0) -> tuple[ImageSet, ...]:
    """Compare on all images; without copies of training images and against the crowd's majority, where these are known.

    Args:
        images: N images, at least one.
    """
    every = np.arange(len(images))
    chosen = [(ALL, every, images.labels)]
    if images.copies is not None and (images.copies != "").any():
        chosen.append((WITHOUT_COPIES, np.flatnonzero(images.copies == ""), images.labels))
    if images.votes is not None:
        majority = images.votes.majority()
        decided = (images.votes.totals > 0) & (majority >= 0)
        chosen.append((CROWD, np.flatnonzero(decided), majority))
    clusters = images.clusters
    return tuple(
        compare(
            name,
            truth[rows],
            [answers[:, rows] for answers in contenders],
            images.class_names,
            seed,
            None if clusters is None or len(set(clusters[rows].tolist())) < 2 else clusters[rows],
        )
        for name, rows, truth in chosen
        if len(rows)
    )


def compare(
    name: str,
    labels: NDArray[np.int64],
    contenders: Sequence[Answers],
    class_names: Sequence[str],
    seed: int = 0,
    clusters: Clusters = None,
) -> ImageSet:
    """Score contenders on one set of images, and each pair of them against each other.

    Args:
        labels: ``(N,)`` true classes, N at least 1.
        clusters: ``(N,)`` number of the person in each image: intervals draw people; None draws images.
    """
    numbers = list(combinations(range(len(contenders)), 2))
    found = [difference(labels, contenders[a], contenders[b], len(class_names), seed, clusters) for a, b in numbers]
    tested = [one.mcnemar.p_value for one in found if one.mcnemar]
    adjusted = iter(holm(tested))
    pairs = []
    for (a, b), one in zip(numbers, found, strict=True):
        test = one.mcnemar and replace(one.mcnemar, adjusted_p=next(adjusted))
        pairs.append(Pair(a, b, replace(one, mcnemar=test)))
    scores = tuple(contender_scores(labels, answers, class_names, seed, clusters) for answers in contenders)
    return ImageSet(name, len(labels), scores, tuple(pairs))


def contender_scores(
    labels: NDArray[np.int64],
    answers: Answers,
    class_names: Sequence[str],
    seed: int = 0,
    clusters: Clusters = None,
) -> ContenderScores:
    """Score each run of a contender; images without a prediction are errors."""
    runs = []
    for run in answers:
        resampled = resampled_clusters(labels, run, len(class_names), clusters, seed)
        scores = score(confusion_of(labels, run, len(class_names)), class_names, seed, resampled)
        runs.append(RunScores(scores.accuracy, scores.macro_f1))
    return ContenderScores(
        runs=tuple(runs),
        accuracy=spread_of([run.accuracy.value for run in runs]),
        macro_f1=spread_of([run.macro_f1.value for run in runs]),
    )


def spread_of(values: Sequence[float]) -> Spread:
    """Return mean and sample standard deviation of the values of one or more runs."""
    return Spread(float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else None)


def difference(
    labels: NDArray[np.int64],
    first: Answers,
    second: Answers,
    num_classes: int,
    seed: int = 0,
    clusters: Clusters = None,
) -> Difference:
    """Measure how much better the second contender is, with paired bootstrap intervals.

    Every resample of the images is the same for all runs of both contenders. Of a contender with several runs, the runs
    are drawn with replacement, too (a hierarchical bootstrap; Davison and Hinkley 1997, section 3.8), so the interval
    covers the choice of the seed; with few runs it is slightly too narrow.

    Args:
        labels: ``(N,)`` true classes, N at least 1.
        clusters: as for :func:`compare`.
    """
    runs = np.concatenate([first, second])
    columns = _columns(labels, runs, num_classes)
    accuracy, f1 = _scores(columns.sum(axis=0)[None], len(runs), num_classes)
    accuracies, f1s = _scores(bootstrap_sums(columns, seed, clusters=clusters), len(runs), num_classes)
    generator = np.random.default_rng([seed, 1])
    rounds = len(accuracies)
    drawn = [generator.integers(0, len(side), (rounds, len(side))) for side in (first, second)]
    drawn[1] += len(first)

    units = len(labels) if clusters is None else len(np.unique(clusters))

    def paired(once: NDArray[np.float64], resampled: NDArray[np.float64]) -> Estimate:
        value = once[0, len(first) :].mean() - once[0, : len(first)].mean()
        one, other = (np.take_along_axis(resampled, runs, axis=1).mean(axis=1) for runs in drawn)
        return defined(difference_of(float(value), other, one, units))

    test = None
    if len(runs) == 2 and clusters is None:
        right = runs == labels
        test = mcnemar(int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum()))
    return Difference(paired(accuracy, accuracies), paired(f1, f1s), test)


def _columns(labels: NDArray[np.int64], runs: Answers, num_classes: int) -> NDArray[np.float32]:
    """Mark each image's class, then for each run its right answer and its answer: ``(N, K + 2 S K)`` of 0 and 1."""
    classes = np.arange(num_classes)
    is_class = labels[:, None] == classes
    parts = [is_class]
    for run in runs:
        called = run[:, None] == classes
        parts += [is_class & called, called]
    return np.concatenate(parts, axis=1).astype(np.float32)


def _scores(sums: NDArray[np.floating], runs: int, num_classes: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return accuracy and macro F1 of each run in each resample, ``(R, S)`` both, from sums of :func:`_columns`."""
    present = sums[:, None, :num_classes].astype(np.float64)  # (R, 1, K)
    counts = sums[:, num_classes:].reshape(len(sums), runs, 2, num_classes).astype(np.float64)
    hits, called = counts[:, :, 0], counts[:, :, 1]  # (R, S, K)
    f1 = np.where(present > 0, 2 * hits / np.maximum(present + called, 1), 0)
    return hits.sum(axis=2) / present.sum(axis=2), f1.sum(axis=2) / (present > 0).sum(axis=2)


def class_outcomes(
    labels: NDArray[np.int64], first: Answers, second: Answers, class_names: Sequence[str]
) -> tuple[ClassOutcomes, ...]:
    """Count for each class with images how many both, only one, or neither gets right."""
    a, b = (np.mean(side == labels, axis=0) for side in (first, second))  # share of the runs that are right
    found = []
    for code, name in enumerate(class_names):
        rows = labels == code
        p, q = a[rows], b[rows]
        if rows.any():
            counts = (p * q, p * (1 - q), (1 - p) * q, (1 - p) * (1 - q))
            found.append(ClassOutcomes(name, int(rows.sum()), *(round(float(part.sum()), 6) for part in counts)))
    return tuple(found)


def changes(
    labels: NDArray[np.int64], first: Answers, second: Answers, class_names: Sequence[str], most: int = 10
) -> tuple[Change, ...]:
    """List the most frequent changes from a right answer to a wrong one or back, most images first.

    Args:
        labels: ``(N,)`` true classes.
    """
    counts: Counter[tuple[int, int, int]] = Counter()
    for a in first:
        for b in second:
            rows = (a == labels) != (b == labels)
            counts.update(zip(labels[rows].tolist(), a[rows].tolist(), b[rows].tolist(), strict=True))
    names = [*class_names, NO_ANSWER]  # -1 is the last
    pairs = len(first) * len(second)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:most]
    return tuple(Change(names[true], names[a], names[b], count / pairs) for (true, a, b), count in ordered)
