"""How good the probabilities are: log loss, Brier score, calibration, the reliability diagram, risk and coverage.

A predictor that may say "not sure" answers the images whose predicted class has at least a given probability. Coverage
is the share that it answers, risk the share of these answers that is wrong (El-Yaniv and Wiener 2010, JMLR 11:1605).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ampnet.evaluation.intervals import (
    Clusters,
    Estimate,
    Interval,
    Share,
    bootstrap_means,
    bootstrap_weights,
    clusters_at,
    defined,
    estimate,
    share_of,
)

BINS = 15
"""Bins of the reliability diagram, as in Guo et al. 2017."""

MIN_PROBABILITY = 1e-12
"""Replaces a predicted 0 in logarithms, which would be infinite."""


@dataclass(frozen=True)
class ReliabilityBin:
    """The faces whose predicted class has a probability within one range."""

    low: Share
    high: Share
    """The range: ``low <= probability < high``; the last one includes 1."""
    images: int
    confidence: Share | None
    """Mean probability of the predicted class; None in an empty bin, like the accuracy."""
    accuracy: Share | None
    interval: Interval | None
    """95% interval of the accuracy."""


@dataclass(frozen=True)
class ProbabilityScores:
    """Quality of the probabilities, over the images with a prediction."""

    images: int
    top2: Estimate
    """Fraction of the images whose true class is one of the two most probable ones, with Wilson's interval."""
    log_loss: Estimate
    """Mean of -ln p of the true class, in nats; 0 is perfect."""
    brier: Estimate
    """Mean over the images of the squared differences to the truth, summed over the classes (Brier 1950), in [0, 2]."""
    calibration_error: Estimate
    """Expected calibration error of the predicted classes over 15 bins (Guo et al. 2017), in [0, 1]."""
    mean_confidence: Share
    """Mean probability of the predicted class; above the accuracy, the model is overconfident."""
    bins: tuple[ReliabilityBin, ...]
    """The reliability diagram, from low to high probability."""


def score_probabilities(
    probabilities: NDArray[np.floating],
    labels: NDArray[np.integer],
    clusters: Clusters = None,
) -> ProbabilityScores:
    """Score the probabilities of N images, at least one.

    Args:
        probabilities: ``(N, K)``, rows sum to 1.
        labels: ``(N,)``.

    Raises:
        ValueError: there are no images, or the shapes do not match.
    """
    count = len(labels)
    if not count or probabilities.ndim != 2 or len(probabilities) != count:
        raise ValueError(f"expected probabilities (N, K) of {count} images, at least one, got {probabilities.shape}")
    p = probabilities.astype(np.float64)
    of_label = p[np.arange(count), labels]
    losses = -np.log(np.maximum(of_label, MIN_PROBABILITY))
    squares = (p**2).sum(axis=1) - 2 * of_label + 1
    means = bootstrap_means(np.column_stack([losses, squares, confidence_gaps(p, labels)]), clusters)
    return ProbabilityScores(
        images=count,
        top2=defined(share_of(top_hits(p, labels, 2), clusters)),
        log_loss=defined(estimate(float(losses.mean()), means[:, 0])),
        brier=defined(estimate(float(squares.mean()), means[:, 1])),
        calibration_error=defined(estimate(calibration_error(p, labels), np.abs(means[:, 2:]).sum(axis=1))),
        mean_confidence=float(p.max(axis=1).mean()),
        bins=reliability_bins(p, labels, clusters),
    )


def calibration_error(probabilities: NDArray[np.floating], labels: NDArray[np.integer]) -> float:
    """Return the expected calibration error of the predicted classes (Guo et al. 2017, arXiv:1706.04599).

    Faces are grouped into 15 bins by the probability of their predicted class; the error is the mean absolute
    difference between each bin's mean probability and its accuracy, weighted by the number of faces.

    Args:
        probabilities: ``(N, K)``, N at least 1.
        labels: ``(N,)``.
    """
    return float(np.abs(confidence_gaps(probabilities, labels).sum(axis=0)).sum() / len(labels))


def reliability_bins(
    probabilities: NDArray[np.floating],
    labels: NDArray[np.integer],
    clusters: Clusters = None,
) -> tuple[ReliabilityBin, ...]:
    """Compare probability and accuracy within bins of equal width.

    Args:
        probabilities: ``(N, K)``.
        labels: ``(N,)``.
    """
    confidence, hits, bins = _confidences(probabilities, labels)
    edges = np.linspace(0, 1, BINS + 1).tolist()

    def one(number: int) -> ReliabilityBin:
        inside = bins == number
        found = share_of(hits[inside], clusters_at(clusters, inside))
        mean = float(confidence[inside].mean()) if found else None
        accuracy, interval = (found.value, found.interval) if found else (None, None)
        return ReliabilityBin(edges[number], edges[number + 1], int(inside.sum()), mean, accuracy, interval)

    return tuple(map(one, range(BINS)))


def top_hits(probabilities: NDArray[np.floating], labels: NDArray[np.integer], k: int) -> NDArray[np.bool_]:
    """Return for each image whether its true class is one of the k most probable ones; earlier classes win ties."""
    ranked = np.argsort(-probabilities, axis=1, kind="stable")[:, :k]
    return np.asarray((ranked == labels[:, None]).any(axis=1))


def _confidences(
    probabilities: NDArray[np.floating], labels: NDArray[np.integer]
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.int64]]:
    """Return each image's highest probability, whether that class is right, and its bin."""
    confidence = probabilities.max(axis=1).astype(np.float64)
    bins = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    return confidence, np.asarray(probabilities.argmax(axis=1) == labels), bins


def confidence_gaps(probabilities: NDArray[np.floating], labels: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return ``(N, BINS)``: each image's confidence minus its correctness in its own bin, 0 elsewhere."""
    confidence, hits, bins = _confidences(probabilities, labels)
    return np.asarray((bins[:, None] == np.arange(BINS)) * (confidence - hits)[:, None], dtype=np.float64)


COVERAGES = tuple(step / 20 for step in range(1, 21))
"""Shares of the images at which the curve is reported."""


@dataclass(frozen=True)
class RiskPoint:
    """What follows from one rejection threshold."""

    threshold: Share
    """Images whose predicted class has a lower probability get no answer."""
    coverage: Share
    """Share of the images that get an answer, in [0, 1]."""
    images: int
    """Number of these."""
    risk: Estimate | None
    """Share of the answers that is wrong; None without answers."""


@dataclass(frozen=True)
class RiskCoverage:
    """The risk-coverage curve, over the images with a prediction."""

    images: int
    area: Estimate
    """Area under the curve: the mean over the images of the risk at their own probability (Geifman et al. 2019,
    arXiv:1805.08206), in [0, 1]; 0 is perfect, and the overall error rate is a ranking that knows nothing."""
    curve: tuple[RiskPoint, ...]
    """Ascending coverages, about multiples of 0.05: images of equal probability are answered together."""
    rejection: RiskPoint | None
    """At the checkpoint's own rejection threshold; None if it never rejects."""


def score_risk_coverage(
    probabilities: NDArray[np.floating],
    labels: NDArray[np.integer],
    threshold: float = 0.0,
    clusters: Clusters = None,
) -> RiskCoverage:
    """Compute the risk-coverage curve of N images, at least one.

    Args:
        probabilities: ``(N, K)``, rows sum to 1.
        labels: ``(N,)``.
        threshold: the checkpoint's rejection threshold, in [0, 1]; 0 never rejects.
    """
    count = len(labels)
    order = np.argsort(-probabilities.max(axis=1), kind="stable")
    confidence = probabilities.max(axis=1)[order]
    wrong = (probabilities.argmax(axis=1) != labels)[order]
    people = clusters_at(clusters, order)

    def point(cut: float) -> RiskPoint:
        answered = confidence >= cut
        images = int(answered.sum())
        return RiskPoint(cut, images / count, images, share_of(wrong[answered], clusters_at(people, answered)))

    wanted = [confidence[int(np.ceil(share * count - 1e-9)) - 1] for share in COVERAGES]
    weights = bootstrap_weights(count, clusters=people)
    areas = [_areas(block.astype(np.float64), wrong, confidence) for block in weights]
    area = defined(estimate(float(_areas(np.ones((1, count)), wrong, confidence)[0]), np.concatenate(areas)))
    return RiskCoverage(
        images=count,
        area=area,
        curve=tuple(point(cut) for cut in sorted(set(map(float, wanted)), reverse=True)),
        rejection=point(threshold) if threshold else None,
    )


def _areas(
    weights: NDArray[np.float64], wrong: NDArray[np.bool_], confidence: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Compute the area for each row of ``(R, N)`` weights of the images, the most confident first."""
    ends = np.searchsorted(-confidence, -confidence, side="right") - 1  # last image of the same probability
    answers, errors = np.cumsum(weights, axis=1)[:, ends], np.cumsum(weights * wrong, axis=1)[:, ends]
    risks = np.divide(errors, answers, out=np.zeros_like(answers, dtype=np.float64), where=answers > 0)
    return np.asarray((weights * risks).sum(axis=1) / weights.sum(axis=1), dtype=np.float64)
