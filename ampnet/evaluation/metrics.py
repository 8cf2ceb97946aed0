"""Classification metrics: confusion matrices, scores of the classes and over all of them.

A confusion matrix has a row for each true class and a column for each predicted class. An additional column may hold
the images without a prediction (no face was found): they count as errors of their true class only, as if "no face"
were an answer that is never right.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ampnet.evaluation.intervals import (
    SEED,
    Clusters,
    Counts,
    Estimate,
    bootstrap_sums,
    defined,
    estimate,
    rate,
    resample_matrix,
    widened,
    widened_mean,
)


@dataclass(frozen=True)
class ClassScores:
    """Scores of one class; None if undefined (division by zero)."""

    name: str
    images: int
    """Images of the class."""
    undetected: int
    """Images among them without a prediction."""
    predicted: int
    """Images predicted as this class, right or wrong."""
    correct: int
    """Images of the class that were predicted as such."""
    recall: Estimate | None
    """``correct / images``, with Wilson's interval."""
    precision: Estimate | None
    """``correct / predicted``, with Wilson's interval."""
    f1: Estimate | None
    """Harmonic mean of the two, with bootstrap percentiles; 0 if the class was never predicted."""


@dataclass(frozen=True)
class Scores:
    """Scores over all classes. Means are over the classes that have images; None if undefined."""

    images: int
    correct: int
    accuracy: Estimate
    """``correct / images``, with Wilson's interval; the others have bootstrap percentiles over the images. Where people
    are known, all intervals are percentiles over resampled people."""
    mean_class_accuracy: Estimate
    """Mean recall of the classes, also called balanced accuracy."""
    macro_f1: Estimate
    """Mean F1 of the classes."""
    weighted_f1: Estimate
    """Mean F1 of the classes, weighted by their images."""
    kappa: Estimate | None
    """Cohen's kappa (1960): agreement beyond chance; 1 is perfect, 0 is chance."""
    matthews: Estimate | None
    """Matthews' correlation coefficient for several classes (Gorodkin 2004), in [-1, 1]; 0 if it has no variance."""
    classes: tuple[ClassScores, ...]


def confusion_matrix(labels: NDArray[np.integer], predictions: NDArray[np.integer], num_classes: int) -> Counts:
    """Count the images by true class (rows) and predicted class (columns).

    Raises:
        ValueError: the lengths differ, or a label or prediction is outside ``[0, num_classes)``.
    """
    if labels.shape != predictions.shape or labels.ndim != 1:
        raise ValueError(f"expected as many predictions as labels, got {labels.shape} and {predictions.shape}")
    for codes in (labels, predictions):
        if codes.size and not 0 <= codes.min() <= codes.max() < num_classes:
            raise ValueError(f"class codes must be within [0, {num_classes}), got {codes.min()} to {codes.max()}")
    cells = np.bincount(labels * num_classes + predictions, minlength=num_classes**2)
    return cells.reshape(num_classes, num_classes).astype(np.int64)


def confusion_of(labels: NDArray[np.integer], answers: NDArray[np.integer], num_classes: int) -> Counts:
    """Count all images of a split, answered or not.

    Args:
        labels: ``(N,)``.
        answers: ``(N,)`` predicted classes; -1 for an image without a prediction.

    Returns:
        ``(K, K + 1)``; the last column counts the images without a prediction.
    """
    answered = answers >= 0
    matrix = confusion_matrix(labels[answered], answers[answered], num_classes)
    return with_undetected(matrix, np.bincount(labels[~answered], minlength=num_classes).tolist())


def with_undetected(matrix: Counts, undetected: Sequence[int]) -> Counts:
    """Append the column of images without a prediction, one count for each true class."""
    return np.column_stack([matrix, np.asarray(undetected, dtype=np.int64)])


def accuracy(matrix: Counts) -> float:
    """Return the fraction of correct predictions."""
    return float(np.trace(matrix) / matrix.sum())


def mean_recall(matrix: Counts) -> float:
    """Return the mean of the recalls of the classes that have images."""
    return float(np.nanmean(_Shares(matrix[None]).recall[0]))


def normalise_rows(matrix: Counts) -> NDArray[np.float64]:
    """Normalise counts by true class; the row of a class without images is zero."""
    return np.asarray(matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1))


@dataclass(frozen=True, eq=False)
class Resampled:
    """Confusion matrices of resampled people, and how many of these there are."""

    matrices: NDArray[np.float64]
    """``(R, K, K + 1)``."""
    people: int
    present: NDArray[np.int64]
    """``(K,)`` people with an image of each class."""
    called: NDArray[np.int64]
    """``(K,)`` people with an image that was called so."""


def resampled_clusters(
    labels: NDArray[np.int64],
    answers: NDArray[np.int64],
    num_classes: int,
    clusters: Clusters,
    seed: int = SEED,
) -> Resampled | None:
    """Draw confusion matrices as if whole clusters of images, such as the people in them, were drawn again.

    Args:
        labels: ``(N,)``.
        answers: ``(N,)``; -1 without a prediction.
        clusters: without them, there is nothing to draw.
    """
    if clusters is None:
        return None
    columns = num_classes + 1
    cells = labels * columns + np.where(answers < 0, num_classes, answers)
    _numbers, places = np.unique(clusters, return_inverse=True)
    counts = np.zeros((places.max() + 1, num_classes * columns))
    np.add.at(counts, (places, cells), 1)
    of_people = counts.reshape(-1, num_classes, columns)
    return Resampled(
        matrices=bootstrap_sums(counts, seed).reshape(-1, num_classes, columns),
        people=len(of_people),
        present=(of_people.sum(axis=2) > 0).sum(axis=0),
        called=(of_people[:, :, :num_classes].sum(axis=1) > 0).sum(axis=0),
    )


def score(matrix: Counts, class_names: Sequence[str], seed: int = SEED, resampled: Resampled | None = None) -> Scores:
    """Summarise a confusion matrix.

    Args:
        matrix: ``(K, K)``, or ``(K, K + 1)`` with a column of images without a prediction.
        resampled: the same of resampled clusters of images, from which all intervals follow; None draws single images.

    Raises:
        ValueError: the matrix is all zeros.
    """
    images, correct = int(matrix.sum()), int(np.trace(matrix))
    if not images:
        raise ValueError("there are no images to score")
    drawn = _Intervals(matrix, seed, resampled)
    num_classes = len(class_names)
    columns = [matrix.sum(axis=1), matrix[:, num_classes:].sum(axis=1), matrix[:, :num_classes].sum(axis=0)]
    rows = zip(class_names, *(column.tolist() for column in columns), np.diagonal(matrix).tolist(), strict=True)
    return Scores(
        images=images,
        correct=correct,
        accuracy=defined(drawn.share(correct, images, "accuracy")),
        mean_class_accuracy=defined(drawn.mean("mean_recall")),
        macro_f1=defined(drawn.mean("macro_f1")),
        weighted_f1=defined(drawn.mean("weighted_f1")),
        kappa=drawn.beyond_chance("kappa"),
        matthews=drawn.beyond_chance("matthews"),
        classes=tuple(
            ClassScores(
                *(name, of_class, undetected, called, right),
                recall=drawn.share(right, of_class, "recall", k),
                precision=drawn.share(right, called, "precision", k),
                f1=drawn.f1(k),
            )
            for k, (name, of_class, undetected, called, right) in enumerate(rows)
        ),
    )


class _Intervals:
    """The intervals of the scores of one matrix: of its resamples, or of Wilson where these are all alike."""

    def __init__(self, matrix: Counts, seed: int, resampled: Resampled | None) -> None:
        self._once = _Shares(matrix[None])
        self._again = _Shares(resample_matrix(matrix, seed) if resampled is None else resampled.matrices)
        self._people = resampled
        self._units = int(matrix.sum()) if resampled is None else resampled.people
        self._present = matrix.sum(axis=1) if resampled is None else resampled.present

    def share(self, hits: int, count: int, name: str, of_class: int | None = None) -> Estimate | None:
        if self._people is None or not count:
            return rate(hits, count)
        again = getattr(self._again, name)
        if of_class is None:
            return widened(estimate(hits / count, again), self._units)
        people = self._people.present if name == "recall" else self._people.called
        return widened(estimate(hits / count, again[:, of_class]), int(people[of_class]))

    def mean(self, name: str) -> Estimate | None:
        return widened_mean(estimate(getattr(self._once, name)()[0], getattr(self._again, name)()), self._units)

    def f1(self, k: int) -> Estimate | None:
        return widened_mean(estimate(self._once.f1[0, k], self._again.f1[:, k]), int(self._present[k]))

    def beyond_chance(self, name: str) -> Estimate | None:
        found = estimate(getattr(self._once, name)()[0], getattr(self._again, name)())
        if found is None or found.value != 1.0:
            return found
        lowest, highest = defined(widened(found, self._units)).interval
        errors = (1 - lowest) / (1 - float(self._once.by_chance()[0]))  # accuracy to kappa
        return Estimate(1.0, (max(1 - errors, -1.0), highest))


class _Shares:
    """Scores of R confusion matrices at once, ``(R,)`` or ``(R, K)``; NaN if undefined."""

    def __init__(self, matrices: NDArray[np.integer] | NDArray[np.floating]) -> None:
        num_classes = matrices.shape[1]
        self.hits = np.diagonal(matrices[:, :, :num_classes], axis1=1, axis2=2).astype(np.float64)  # (R, K)
        self.present = matrices.sum(axis=2).astype(np.float64)  # (R, K)
        self.called = matrices[:, :, :num_classes].sum(axis=1).astype(np.float64)  # (R, K)
        self.unanswered = matrices[:, :, num_classes:].sum(axis=(1, 2)).astype(np.float64)  # (R,)
        self.total = self.present.sum(axis=1)  # (R,)
        with np.errstate(invalid="ignore"):
            self.accuracy = self.hits.sum(axis=1) / self.total
            self.recall, self.precision = self.hits / self.present, self.hits / self.called
            self.f1 = np.where(self.present > 0, 2 * self.hits / (self.present + self.called), np.nan)

    def mean_recall(self) -> NDArray[np.float64]:
        return np.asarray(np.nanmean(self.recall, axis=1))

    def macro_f1(self) -> NDArray[np.float64]:
        return np.asarray(np.nanmean(self.f1, axis=1))

    def weighted_f1(self) -> NDArray[np.float64]:
        return np.asarray(np.nansum(self.f1 * self.present, axis=1) / self.total)

    def by_chance(self) -> NDArray[np.float64]:
        return np.asarray((self.present * self.called).sum(axis=1) / self.total**2)

    def kappa(self) -> NDArray[np.float64]:
        observed, by_chance = self.hits.sum(axis=1) / self.total, self.by_chance()
        with np.errstate(invalid="ignore"):  # 0 / 0 where labels and answers are all of one class
            return np.asarray((observed - by_chance) / (1 - by_chance))

    def matthews(self) -> NDArray[np.float64]:
        covariance = self.hits.sum(axis=1) * self.total - (self.present * self.called).sum(axis=1)
        of_answers = self.total**2 - (self.called**2).sum(axis=1) - self.unanswered**2
        of_labels = self.total**2 - (self.present**2).sum(axis=1)
        spread = np.sqrt(of_answers * of_labels)
        return np.asarray(covariance / np.maximum(spread, 1))  # without variance, the covariance is 0, too
