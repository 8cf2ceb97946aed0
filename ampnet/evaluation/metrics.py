"""Classification metrics: confusion matrices, per-class scores and confidence intervals.

A confusion matrix has a row for each true class and a column for each predicted class. An additional column may hold
the images without a prediction (no face was found): they count as errors of their true class only.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
Interval = tuple[float, float]

BOOTSTRAP_ROUNDS = 2000

CALIBRATION_BINS = 15


@dataclass(frozen=True)
class ClassScores:
    """Scores of one class; None if undefined (division by zero)."""

    name: str
    images: int
    """Images of the class."""
    recall: float | None
    """Fraction of its images that were predicted correctly."""
    precision: float | None
    """Fraction of the images predicted as this class that belong to it."""
    f1: float | None
    """Harmonic mean of the two; 0 if the class was never predicted."""


@dataclass(frozen=True)
class Scores:
    """Scores over all classes, with 95 % confidence intervals. Means are over the classes that have images."""

    images: int
    accuracy: float
    accuracy_interval: Interval
    """Wilson's interval."""
    macro_f1: float
    macro_f1_interval: Interval
    """Bootstrap percentiles over the images."""
    mean_class_accuracy: float
    mean_class_accuracy_interval: Interval
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


def with_undetected(matrix: Counts, undetected: Sequence[int]) -> Counts:
    """Append the column of images without a prediction, one count for each true class."""
    return np.column_stack([matrix, np.asarray(undetected, dtype=np.int64)])


def accuracy(matrix: Counts) -> float:
    """Return the fraction of correct predictions."""
    return float(np.trace(matrix) / matrix.sum())


def mean_recall(matrix: Counts) -> float:
    """Return the mean of the recalls of the classes that have images."""
    return float(np.nanmean(_class_shares(matrix[None])[0]))


def normalise_rows(matrix: Counts) -> NDArray[np.float64]:
    """Normalise counts by true class; the row of a class without images is zero."""
    return np.asarray(matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1))


def score(matrix: Counts, class_names: Sequence[str], seed: int = 0) -> Scores:
    """Summarise a confusion matrix.

    Args:
        matrix: ``(K, K)``, or ``(K, K + 1)`` with a column of images without a prediction.
        class_names: K names.
        seed: random seed of the bootstrap.

    Raises:
        ValueError: the matrix is all zeros.
    """
    images = int(matrix.sum())
    if images == 0:
        raise ValueError("there are no images to score")
    hits = int(np.trace(matrix))
    recall, precision, f1 = _class_shares(matrix[None])
    resampled = np.random.default_rng(seed).multinomial(images, (matrix / images).ravel(), size=BOOTSTRAP_ROUNDS)
    recalls, _, f1s = _class_shares(resampled.reshape(BOOTSTRAP_ROUNDS, *matrix.shape))
    return Scores(
        images=images,
        accuracy=hits / images,
        accuracy_interval=wilson_interval(hits, images),
        macro_f1=float(np.nanmean(f1)),
        macro_f1_interval=_percentiles(np.nanmean(f1s, axis=1)),
        mean_class_accuracy=float(np.nanmean(recall)),
        mean_class_accuracy_interval=_percentiles(np.nanmean(recalls, axis=1)),
        classes=tuple(
            ClassScores(name, int(row.sum()), _share(recall[0, k]), _share(precision[0, k]), _share(f1[0, k]))
            for k, (name, row) in enumerate(zip(class_names, matrix, strict=True))
        ),
    )


def calibration_error(probabilities: NDArray[np.floating], labels: NDArray[np.integer]) -> float:
    """Return the expected calibration error of the predicted classes (Guo et al. 2017, arXiv:1706.04599).

    Faces are grouped into 15 bins by the probability of their predicted class; the error is the mean absolute
    difference between each bin's mean probability and its accuracy, weighted by the number of faces.

    Args:
        probabilities: ``(N, K)``, N at least 1.
        labels: ``(N,)``.
    """
    confidence, hits = probabilities.max(axis=1).astype(np.float64), probabilities.argmax(axis=1) == labels
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
    gaps = np.bincount(bins, weights=confidence - hits, minlength=CALIBRATION_BINS)
    return float(np.abs(gaps).sum() / len(labels))


def wilson_interval(hits: int, count: int, z: float = 1.959964) -> Interval:
    """Return Wilson's score interval for ``hits`` out of ``count`` (Wilson 1927); z = 1.96 gives 95 %."""
    rate = hits / count
    middle = (rate + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * np.sqrt(rate * (1 - rate) / count + z**2 / (4 * count**2))
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))


def _class_shares(matrices: Counts) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return recall, precision and F1, each ``(R, K)`` for R matrices; NaN if undefined."""
    num_classes = matrices.shape[1]
    hits = np.diagonal(matrices[:, :, :num_classes], axis1=1, axis2=2)
    present, called = matrices.sum(axis=2), matrices[:, :, :num_classes].sum(axis=1)
    with np.errstate(invalid="ignore"):
        f1 = np.where(present > 0, 2 * hits / (present + called), np.nan)
        return hits / present, hits / called, f1


def _percentiles(values: NDArray[np.float64]) -> Interval:
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def _share(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
