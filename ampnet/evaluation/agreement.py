"""How well predictions agree with what several people said, beside how far those people agree among themselves.

All rows that people call no face are set apart first. With v_k the votes for class k of an image, V all its votes
(those for answers that are no class counted in) and p_k the predicted probabilities:

- A row has a majority where one class has more than half of all votes: 2 max_k v_k > V. On these rows accuracy and
  recall are measured.
- Where at least ``min_votes`` votes fall on the classes, q_k = v_k / sum_j v_j is what probabilities are compared with.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ampnet.evaluation.metrics import Interval, wilson_interval

SMALLEST_PROBABILITY = 1e-12
"""Stands for a predicted 0 in the cross-entropy, which would be infinite."""


@dataclass(frozen=True)
class MajorityRecall:
    """One class of the crowd's majorities."""

    name: str
    images: int
    """Rows whose majority is this class."""
    hits: int
    """Those that were predicted as this class."""
    recall: float | None
    """``hits / images``; None without rows, as its interval."""
    interval: Interval | None
    """Wilson's 95 % interval."""


@dataclass(frozen=True)
class Agreement:
    """Predictions against votes; a measure is None where there is no row to take it on."""

    no_face: int
    """Rows set apart: more people call them no face than anything else. None of the measures sees them."""
    unvoted: int
    """Rows without any vote; none of the measures sees them."""
    voted: int
    """The other rows."""

    majority_rows: int
    """Voted rows with a majority: one class has more than half of all votes."""
    accuracy: float | None
    """Share of the majority rows whose most probable class is the majority."""
    accuracy_interval: Interval | None
    """Wilson's 95 % interval."""
    mean_recall: float | None
    """Mean of the recalls of the classes that are a majority somewhere."""
    classes: tuple[MajorityRecall, ...]
    """In label order."""
    annotator_accuracy: float | None
    """Ceiling: mean of max_k v_k / V over the majority rows, which one annotator, drawn from those who voted, reaches
    on average. It flatters the annotator a little, whose own vote is part of the majority."""

    distribution_rows: int
    """Voted rows with ``min_votes`` votes or more on the classes."""
    cross_entropy: float | None
    """Mean of -sum_k q_k ln p_k over them, in nats."""
    entropy: float | None
    """Mean of -sum_k q_k ln q_k over them, in nats: the least that a cross-entropy can be."""
    total_variation: float | None
    """Mean of sum_k |p_k - q_k| / 2 over them, in [0, 1]; 0 is the votes themselves."""

    expected_agreement: float | None
    """Mean of v_k / V over the voted rows, k the predicted class: how often a random annotator says the same."""
    best_expected_agreement: float | None
    """Mean of max_k v_k / V over the voted rows: the same for a predictor that always says what most people say."""


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
        probabilities: ``(N, K)`` predicted, rows adding up to 1.
        votes: ``(N, K)`` for the classes.
        total_votes: ``(N,)`` all votes, those for other answers counted in.
        calls_no_face: ``(N,)`` rows that more people call no face than anything else.
        class_names: K names.
        min_votes: fewer votes than this on the classes make no distribution.

    Raises:
        ValueError: shapes differ.
    """
    shape = (len(total_votes), len(class_names))
    if probabilities.shape != shape or votes.shape != shape or calls_no_face.shape != shape[:1]:
        raise ValueError(
            f"need probabilities and votes of shape {shape}, got {probabilities.shape} and {votes.shape}, "
            f"with {len(calls_no_face)} flags"
        )
    voted = (total_votes > 0) & ~calls_no_face
    p, v = probabilities[voted].astype(np.float64), votes[voted].astype(np.float64)
    total = total_votes[voted].astype(np.float64)
    predicted, top = p.argmax(axis=1), v.argmax(axis=1)
    best_share, own_share = v.max(axis=1) / total, np.take_along_axis(v, predicted[:, None], axis=1)[:, 0] / total

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
        annotator_accuracy=_mean(best_share[decided]),
        distribution_rows=len(cross_entropy),
        cross_entropy=_mean(cross_entropy),
        entropy=_mean(entropy),
        total_variation=_mean(total_variation),
        expected_agreement=_mean(own_share),
        best_expected_agreement=_mean(best_share),
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
    """Give cross-entropy, entropy and total variation of each row with enough votes on the classes."""
    enough = v.sum(axis=1) >= max(min_votes, 1)
    p, v = p[enough], v[enough]
    q = v / v.sum(axis=1, keepdims=True)
    cross_entropy = -(q * np.log(np.maximum(p, SMALLEST_PROBABILITY))).sum(axis=1)
    entropy = -(q * np.log(np.where(q > 0, q, 1.0))).sum(axis=1)
    return cross_entropy, entropy, np.abs(p - q).sum(axis=1) / 2


def _mean(values: NDArray[np.float64]) -> float | None:
    return float(values.mean()) if values.size else None
