"""Which classes are taken for which: the most confused pairs, and an evaluation in one sentence."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ampnet.evaluation.intervals import Counts, Estimate, estimate, rate, widened
from ampnet.evaluation.metrics import Resampled, Scores
from ampnet.files.printable import counted

PAIRS = 10
"""Pairs in a report."""


@dataclass(frozen=True)
class ConfusedPair:
    """Images of one class that were predicted as another."""

    true: str
    predicted: str
    images: int
    share: Estimate
    """Fraction of the true class's images."""


def confused_pairs(
    matrix: Counts, class_names: Sequence[str], most: int | None = PAIRS, resampled: Resampled | None = None
) -> tuple[ConfusedPair, ...]:
    """List the most frequent confusions, most images first; equally frequent ones by the share of their class.

    Args:
        matrix: ``(K, K)`` or ``(K, K + 1)``; a column of images without a prediction is not a confusion.
        most: maximum number of pairs; None lists all.
        resampled: the same of resampled people, if their images are not independent.
    """
    pairs = []
    for row, true in enumerate(class_names):
        of_class = int(matrix[row].sum())
        for column, predicted in enumerate(class_names):
            images = int(matrix[row, column])
            if row != column and images and (share := _share(images, of_class, row, column, resampled)):
                pairs.append(ConfusedPair(true, predicted, images, share))
    return tuple(sorted(pairs, key=lambda pair: (-pair.images, -pair.share.value))[:most])


def _share(images: int, of_class: int, row: int, column: int, resampled: Resampled | None) -> Estimate | None:
    if resampled is None:
        return rate(images, of_class)
    with np.errstate(invalid="ignore"):  # a resample may lack the class
        again = resampled.matrices[:, row, column] / resampled.matrices[:, row].sum(axis=1)
    return widened(estimate(images / of_class, again), int(resampled.present[row]))


def in_words(scores: Scores, pairs: Sequence[ConfusedPair], undetected: int) -> str:
    """Summarise in plain English how often predictions are right, where they are best and worst, and what they confuse.

    Args:
        pairs: from :func:`confused_pairs`.
    """
    parts = [_how_often(scores)]
    measured = [(known.f1.value, known.name) for known in scores.classes if known.f1]  # recall praises what is overused
    best, worst = max(measured), min(measured)
    if best[0] > worst[0]:
        parts.append(f"best at {best[1]} (F1 {best[0]:.0%}), worst at {worst[1]} ({worst[0]:.0%})")
    if pairs:
        first = pairs[0]
        parts.append(f"most often takes {first.true} for {first.predicted} ({counted(first.images, 'image')})")
    if undetected:
        parts.append(f"of {scores.images:,} images, {undetected:,} without a prediction count as errors")
    return f"{'; '.join(parts)}."


def _how_often(scores: Scores) -> str:
    if scores.correct in (0, scores.images):
        return "Always right" if scores.correct else "Never right"
    share = scores.accuracy.value
    if 0.05 < share < 0.95:
        return f"Right about {_times(round(10 * share))} out of 10"
    return f"Right about {_times(min(max(round(100 * share), 1), 99))} out of 100"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
