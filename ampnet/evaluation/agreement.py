"""Agreement of predictions with annotators' votes, compared with the annotators' agreement among themselves.

Rows whose most frequent answer is no face are excluded first. With v_k the votes for class k of an image, V all its
votes (including other answers) and p_k the predicted probabilities:

- A row has a majority if one class has more than half of all votes: 2 max_k v_k > V. Accuracy and recall are measured
  on these rows, as if the majority were the label.
- If the classes have at least :data:`MIN_VOTES` votes, probabilities are compared with q_k = v_k / sum_j v_j.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ampnet.evaluation.intervals import Clusters, Estimate, clusters_at, mean_estimates
from ampnet.evaluation.metrics import Scores, confusion_of, resampled_clusters, score
from ampnet.evaluation.reliability import MIN_PROBABILITY, ProbabilityScores, score_probabilities
from ampnet.settings.labels import MIN_VOTES


@dataclass(frozen=True, eq=False)
class CrowdVotes:
    """Annotators' votes for N images."""

    counts: NDArray[np.floating]
    """``(N, K)`` votes for the classes."""
    totals: NDArray[np.floating]
    """``(N,)`` all votes, including other answers; 0 for an image without votes."""
    no_face: NDArray[np.bool_]
    """``(N,)`` whether no face is the most frequent answer."""
    columns: tuple[str, ...] = ()
    """The V answers that annotators could give."""
    answers: NDArray[np.floating] | None = None
    """``(N, V)`` votes for each of them; None if only those for the classes are known."""

    def subset(self, rows: NDArray[np.int64]) -> "CrowdVotes":
        """Keep the images at ``rows``, in that order."""
        answers = None if self.answers is None else self.answers[rows]
        return CrowdVotes(self.counts[rows], self.totals[rows], self.no_face[rows], self.columns, answers)

    def majority(self) -> NDArray[np.int64]:
        """Return ``(N,)`` the class with more than half of all votes; -1 without one, and where no face has most."""
        decided = (2 * self.counts.max(axis=1) > self.totals) & ~self.no_face
        return np.where(decided, self.counts.argmax(axis=1), -1).astype(np.int64)


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
    scores: Scores | None
    """Over the majority rows, with the majority as the true class; a row without a prediction is an error."""
    probabilities: ProbabilityScores | None
    """Likewise, over the majority rows with probabilities."""
    annotator_accuracy: Estimate | None
    """Ceiling: mean of max_k v_k / V over the majority rows, the expected accuracy of a random annotator of each image.
    Slightly optimistic, since the annotator's own vote is part of the majority."""

    distribution_rows: int
    """Voted rows with probabilities and at least three votes for the classes."""
    cross_entropy: Estimate | None
    """Mean of -sum_k q_k ln p_k over them, in nats."""
    entropy: Estimate | None
    """Mean of -sum_k q_k ln q_k over them, in nats: the minimum possible cross-entropy."""
    total_variation: Estimate | None
    """Mean of sum_k |p_k - q_k| / 2 over them, in [0, 1]; 0 if predictions equal the votes."""

    expected_agreement: Estimate | None
    """Mean of v_k / V over the voted rows, for the predicted class k: how often a random annotator agrees; 0 for a row
    without a prediction."""
    best_expected_agreement: Estimate | None
    """Mean of max_k v_k / V over the voted rows: the same for a predictor of the most frequent answer."""


def measure_agreement(
    answers: NDArray[np.integer],
    probabilities: NDArray[np.floating] | None,
    votes: CrowdVotes,
    class_names: Sequence[str],
    clusters: Clusters = None,
) -> Agreement:
    """Compare predictions with votes. Intervals are Wilson's for rates, else bootstrap percentiles over the rows.

    Args:
        answers: ``(N,)`` predicted classes; -1 in rows without a prediction.
        probabilities: ``(N, K)`` predicted, rows sum to 1, NaN in rows without; None if only the answers are known.
        votes: of the same N images.
        clusters: all intervals draw these, if they are given.

    Raises:
        ValueError: shapes do not match.
    """
    shape = (len(votes.totals), len(class_names))
    _check_shapes(shape, answers, probabilities, votes)
    voted = (votes.totals > 0) & ~votes.no_face
    counts, totals = votes.counts[voted].astype(np.float64), votes.totals[voted].astype(np.float64)
    top_fraction = counts.max(axis=1, initial=0) / totals
    of_answer = np.take_along_axis(counts, np.maximum(answers[voted], 0)[:, None], axis=1)[:, 0]
    predicted_fraction = np.where(answers[voted] >= 0, of_answer, 0) / totals

    majority = votes.majority()
    decided = voted & (majority >= 0)
    given = np.zeros(len(voted), bool) if probabilities is None else ~np.isnan(probabilities).any(axis=1)
    p = np.zeros(shape) if probabilities is None else probabilities
    scored = decided & given
    both = voted & given & (votes.counts.sum(axis=1) >= MIN_VOTES)
    distances = _distances(p[both], votes.counts[both])

    cross_entropy, entropy, total_variation = mean_estimates(distances, clusters_at(clusters, both))
    fractions = np.column_stack([predicted_fraction, top_fraction])
    expected, best = mean_estimates(fractions, clusters_at(clusters, voted))
    (annotator,) = mean_estimates(top_fraction[decided[voted], None], clusters_at(clusters, decided))
    return Agreement(
        no_face=int(votes.no_face.sum()),
        unvoted=int((~voted & ~votes.no_face).sum()),
        voted=int(voted.sum()),
        majority_rows=int(decided.sum()),
        scores=_score_majority(majority[decided], answers[decided], class_names, clusters_at(clusters, decided)),
        probabilities=score_probabilities(p[scored], majority[scored], clusters_at(clusters, scored))
        if scored.any()
        else None,
        annotator_accuracy=annotator,
        distribution_rows=len(distances),
        cross_entropy=cross_entropy,
        entropy=entropy,
        total_variation=total_variation,
        expected_agreement=expected,
        best_expected_agreement=best,
    )


def _score_majority(
    majority: NDArray[np.int64], answers: NDArray[np.integer], class_names: Sequence[str], clusters: Clusters
) -> Scores | None:
    if not len(majority):
        return None
    matrix = confusion_of(majority, answers, len(class_names))
    if not matrix[:, -1].any():
        matrix = matrix[:, :-1]
    resampled = resampled_clusters(majority, answers.astype(np.int64), len(class_names), clusters)
    return score(matrix, class_names, resampled=resampled)


def _check_shapes(
    shape: tuple[int, int], answers: NDArray[np.integer], probabilities: NDArray[np.floating] | None, votes: CrowdVotes
) -> None:
    if answers.shape != shape[:1] or votes.counts.shape != shape or votes.no_face.shape != shape[:1]:
        raise ValueError(
            f"expected votes of shape {shape}, got {votes.counts.shape}, with {len(votes.no_face)} flags and "
            f"{len(answers)} answers"
        )
    if probabilities is not None and probabilities.shape != shape:
        raise ValueError(f"expected probabilities of shape {shape}, got {probabilities.shape}")


def _distances(p: NDArray[np.floating], v: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return cross-entropy, entropy and total variation, ``(n, 3)``, of each row; each has a vote."""
    p, v = p.astype(np.float64), v.astype(np.float64)
    q = v / v.sum(axis=1, keepdims=True)
    cross_entropy = -(q * np.log(np.maximum(p, MIN_PROBABILITY))).sum(axis=1)
    entropy = -(q * np.log(np.where(q > 0, q, 1.0))).sum(axis=1)
    return np.column_stack([cross_entropy, entropy, np.abs(p - q).sum(axis=1) / 2])
