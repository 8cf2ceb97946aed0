"""Agreement of predictions with annotators' votes, compared with the annotators' agreement among themselves.

Rows whose most frequent answer is no face are excluded first. With v_k the votes for class k of an image, V all its
votes (including other answers) and p_k the predicted probabilities:

- A row has a majority if one class has more than half of all votes: 2 max_k v_k > V. Accuracy and recall are measured
  on these rows.
- If the classes have at least ``min_votes`` votes, probabilities are compared with q_k = v_k / sum_j v_j.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ampnet.evaluation.metrics import Interval, wilson_interval

MIN_PROBABILITY = 1e-12
"""Replaces a predicted 0 in the cross-entropy, which would be infinite."""


@dataclass(frozen=True)
class MajorityRecall:
    """Recall of one class against the annotators' majority."""

    name: str
    images: int
    """Rows whose majority is this class."""
    hits: int
    """Rows among them that were predicted as this class."""
    recall: float | None
    """``hits / images``; None without rows, like its interval."""
    interval: Interval | None
    """Wilson's 95 % interval."""


@dataclass(frozen=True)
class Agreement:
    """Predictions against votes; a measure is None if no row qualifies for it."""

    no_face: int
    """Rows whose most frequent answer is no face; excluded from all measures."""
    unvoted: int
    """Rows without votes; excluded from all measures."""
    voted: int
    """All other rows."""

    majority_rows: int
    """Voted rows with a majority: one class has more than half of all votes."""
    accuracy: float | None
    """Fraction of the majority rows whose most probable class is the majority."""
    accuracy_interval: Interval | None
    """Wilson's 95 % interval."""
    mean_recall: float | None
    """Mean recall over the classes with majority rows."""
    classes: tuple[MajorityRecall, ...]
    """In label order."""
    annotator_accuracy: float | None
    """Ceiling: mean of max_k v_k / V over the majority rows, the expected accuracy of a random annotator of each image.
    Slightly optimistic, since the annotator's own vote is part of the majority."""

    distribution_rows: int
    """Voted rows with at least ``min_votes`` votes for the classes."""
    cross_entropy: float | None
    """Mean of -sum_k q_k ln p_k over them, in nats."""
    entropy: float | None
    """Mean of -sum_k q_k ln q_k over them, in nats: the minimum possible cross-entropy."""
    total_variation: float | None
    """Mean of sum_k |p_k - q_k| / 2 over them, in [0, 1]; 0 if predictions equal the votes."""

    expected_agreement: float | None
    """Mean of v_k / V over the voted rows, for the predicted class k: how often a random annotator agrees."""
    best_expected_agreement: float | None
    """Mean of max_k v_k / V over the voted rows: the same for a predictor of the most frequent answer."""


def measure_agreement(
    probabilities: NDArray[np.floating],
    votes: NDArray[np.floating],
    total_votes: NDArray[np.floating],
    calls_no_face: NDArray[np.bool_],
    class_names: Sequence[str],
    min_votes: int,
) -> Agreement:
    """Compare predictions with votes.

    Args:
        probabilities: ``(N, K)`` predicted; rows sum to 1.
        votes: ``(N, K)`` votes for the classes.
        total_votes: ``(N,)`` all votes, including other answers.
        calls_no_face: ``(N,)`` whether no face is the most frequent answer.
        class_names: K names.
        min_votes: minimum votes for the classes to compare distributions.

    Raises:
        ValueError: shapes do not match.
    """
    shape = (len(total_votes), len(class_names))
    if probabilities.shape != shape or votes.shape != shape or calls_no_face.shape != shape[:1]:
        raise ValueError(
            f"expected probabilities and votes of shape {shape}, got {probabilities.shape} and {votes.shape}, "
            f"with {len(calls_no_face)} flags"
        )
    voted = (total_votes > 0) & ~calls_no_face
    p, v = probabilities[voted].astype(np.float64), votes[voted].astype(np.float64)
    total = total_votes[voted].astype(np.float64)
    predicted, top = p.argmax(axis=1), v.argmax(axis=1)
    top_fraction = v.max(axis=1) / total
    predicted_fraction = np.take_along_axis(v, predicted[:, None], axis=1)[:, 0] / total

    decided = 2 * v.max(axis=1) > total
    hits = int((predicted == top)[decided].sum())
    rows = int(decided.sum())
    classes = _recalls(top[decided], predicted[decided], class_names)
    cross_entropy, entropy, total_variation = _distances(p, v, min_votes)
    return Agreement(
        no_face=int(calls_no_face.sum()),
        unvoted=int((~voted & ~calls_no_face).sum()),
        voted=len(v),
        majority_rows=rows,
        accuracy=hits / rows if rows else None,
        accuracy_interval=wilson_interval(hits, rows) if rows else None,
        mean_recall=_mean(np.array([known.recall for known in classes if known.recall is not None])),
        classes=classes,
        annotator_accuracy=_mean(top_fraction[decided]),
        distribution_rows=len(cross_entropy),
        cross_entropy=_mean(cross_entropy),
        entropy=_mean(entropy),
        total_variation=_mean(total_variation),
        expected_agreement=_mean(predicted_fraction),
        best_expected_agreement=_mean(top_fraction),
    )


def _recalls(
    majority: NDArray[np.int64], predicted: NDArray[np.int64], class_names: Sequence[str]
) -> tuple[MajorityRecall, ...]:
    images = np.bincount(majority, minlength=len(class_names)).tolist()
    hits = np.bincount(majority[majority == predicted], minlength=len(class_names)).tolist()
    return tuple(
        MajorityRecall(name, n, h, h / n if n else None, wilson_interval(h, n) if n else None)
        for name, n, h in zip(class_names, images, hits, strict=True)
    )


def _distances(
    p: NDArray[np.float64], v: NDArray[np.float64], min_votes: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return cross-entropy, entropy and total variation of each row with enough votes for the classes."""
    enough = v.sum(axis=1) >= max(min_votes, 1)
    p, v = p[enough], v[enough]
    q = v / v.sum(axis=1, keepdims=True)
    cross_entropy = -(q * np.log(np.maximum(p, MIN_PROBABILITY))).sum(axis=1)
    entropy = -(q * np.log(np.where(q > 0, q, 1.0))).sum(axis=1)
    return cross_entropy, entropy, np.abs(p - q).sum(axis=1) / 2


def _mean(values: NDArray[np.float64]) -> float | None:
    return float(values.mean()) if values.size else None
