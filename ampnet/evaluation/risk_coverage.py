"""Answering only when sure: how often the answers are wrong, by the share of the images that get one.

A predictor that may say "not sure" answers the images whose predicted class has at least a given probability. Coverage
is the share that it answers, risk the share of these answers that is wrong (El-Yaniv and Wiener 2010, JMLR 11:1605).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ampnet.evaluation.intervals import Estimate, Share, bootstrap_weights, defined, estimate, rate

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
    """Share of the answers that is wrong, with Wilson's interval; None without answers."""


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
    seed: int = 0,
    clusters: NDArray[np.int64] | None = None,
) -> RiskCoverage:
    """Compute the risk-coverage curve of N images, at least one.

    Args:
        probabilities: ``(N, K)``, rows sum to 1.
        labels: ``(N,)``.
        threshold: the checkpoint's rejection threshold, in [0, 1]; 0 never rejects.
        clusters: ``(N,)`` see :func:`ampnet.evaluation.intervals.bootstrap_means`.
    """
    count = len(labels)
    order = np.argsort(-probabilities.max(axis=1), kind="stable")
    confidence = probabilities.max(axis=1)[order]
    wrong = (probabilities.argmax(axis=1) != labels)[order]
    wanted = [confidence[int(np.ceil(share * count - 1e-9)) - 1] for share in COVERAGES]
    weights = bootstrap_weights(count, seed, clusters=None if clusters is None else clusters[order])
    areas = [_areas(block.astype(np.float64), wrong, confidence) for block in weights]
    area = defined(estimate(float(_areas(np.ones((1, count)), wrong, confidence)[0]), np.concatenate(areas)))
    return RiskCoverage(
        images=count,
        area=area,
        curve=tuple(_point(confidence, wrong, cut) for cut in sorted(set(map(float, wanted)), reverse=True)),
        rejection=_point(confidence, wrong, threshold) if threshold else None,
    )


def _point(confidence: NDArray[np.floating], wrong: NDArray[np.bool_], threshold: float) -> RiskPoint:
    answered = confidence >= threshold
    images = int(answered.sum())
    return RiskPoint(threshold, images / len(wrong), images, rate(int(wrong[answered].sum()), images))


def _areas(
    weights: NDArray[np.float64], wrong: NDArray[np.bool_], confidence: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Compute the area for each row of ``(R, N)`` weights of the images, the most confident first."""
    ends = np.searchsorted(-confidence, -confidence, side="right") - 1  # last image of the same probability
    answers, errors = np.cumsum(weights, axis=1)[:, ends], np.cumsum(weights * wrong, axis=1)[:, ends]
    risks = np.divide(errors, answers, out=np.zeros_like(answers, dtype=np.float64), where=answers > 0)
    return np.asarray((weights * risks).sum(axis=1) / weights.sum(axis=1), dtype=np.float64)
