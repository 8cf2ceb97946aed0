"""What the same logits answer if other class frequencies are expected."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ampnet.evaluation.intervals import Share
from ampnet.evaluation.metrics import accuracy, confusion_of, mean_recall


@dataclass(frozen=True)
class PriorScores:
    """Scores for one strength of the class-prior adjustment."""

    strength: Share
    """0 keeps the training set's class frequencies, 1 expects all classes equally often."""
    accuracy: Share
    mean_recall: Share
    """Both against the labels, over all images."""
    crowd_accuracy: Share | None
    crowd_mean_recall: Share | None
    """Both against the annotators' majority."""


def score_priors(
    fused: NDArray[np.floating],
    offsets: Iterable[tuple[float, NDArray[np.floating]]],
    labels: NDArray[np.int64],
    majority: NDArray[np.int64] | None,
) -> tuple[PriorScores, ...]:
    """Score the same fused logits under several priors.

    Args:
        fused: ``(N, K)`` without any prior; NaN in rows without a prediction.
        offsets: strength, and the ``(K,)`` offsets that it adds.
        labels: ``(N,)``.
        majority: ``(N,)`` the annotators' majority, -1 without one; None without votes.
    """
    answered = ~np.isnan(fused).any(axis=1)
    rows = []
    for strength, added in offsets:
        answers = np.full(len(labels), -1)
        answers[answered] = (fused[answered] + added).argmax(axis=1)
        on_labels = confusion_of(labels, answers, fused.shape[1])
        crowd: tuple[float | None, float | None] = None, None
        if majority is not None and (decided := majority >= 0).any():
            on_votes = confusion_of(majority[decided], answers[decided], fused.shape[1])
            crowd = accuracy(on_votes), mean_recall(on_votes)
        rows.append(PriorScores(strength, accuracy(on_labels), mean_recall(on_labels), *crowd))
    return tuple(rows)
