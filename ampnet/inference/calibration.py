"""Calibration after training, on held-out faces: temperature and rejection threshold."""

import math

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ampnet.errors import DataError

MIN_TEMPERATURE, MAX_TEMPERATURE = 0.05, 20.0
"""Bounds of a fit: faces that are all right would ask for 0, faces that are all wrong for infinity."""

STEPS = 50
"""Halvings of that range, by ratio; they leave 14 digits."""


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """Fit the temperature that maximises the likelihood of held-out labels (Guo et al. 2017, arXiv:1706.04599).

    The predicted classes do not change.

    Args:
        logits: ``(N, K)`` fused logits, adjusted to the prior, of faces that the network was not trained on.
        labels: ``(N,)`` int64.

    Returns:
        The divisor of the logits before the softmax, within :data:`MIN_TEMPERATURE` and :data:`MAX_TEMPERATURE`; above
        1 for an overconfident network, 1 if no temperature makes a difference.
    """
    scores = logits.double()
    mean_of_label = scores.gather(1, labels[:, None]).mean()

    def slope(temperature: float) -> float:
        """Derivative of the log loss with respect to 1 / temperature; the loss is convex in that."""
        return float((((scores / temperature).softmax(dim=1) * scores).sum(dim=1).mean() - mean_of_label).item())

    if abs(slope(1.0)) < 1e-12:
        return 1.0
    low, high = MIN_TEMPERATURE, MAX_TEMPERATURE
    for _ in range(STEPS):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if slope(middle) > 0 else (low, middle)
    return math.sqrt(low * high)


def threshold_for_coverage(confidence: NDArray[np.floating], coverage: float) -> float:
    """Choose the highest rejection threshold that leaves an answer to enough faces.

    Args:
        confidence: ``(N,)`` probabilities of the predicted classes of held-out faces, N at least 1.
        coverage: share of the faces to answer at least, in (0, 1].

    Returns:
        A probability in [0, 1], halfway between the last face that is answered and the first one that is not; 0, which
        never rejects, if all are answered.
    """
    ranked = np.sort(confidence.astype(np.float64))[::-1]
    return _below(ranked, ranked[math.ceil(coverage * len(ranked) - 1e-9) - 1])


def threshold_for_precision(confidence: NDArray[np.floating], is_right: NDArray[np.bool_], precision: float) -> float:
    """Choose the lowest rejection threshold above which enough of the answers are right.

    Args:
        confidence: ``(N,)`` probabilities of the predicted classes of held-out faces, N at least 1.
        is_right: ``(N,)`` whether the predicted class is the true one.
        precision: share of the answers that is right at least, in (0, 1].

    Returns:
        As :func:`threshold_for_coverage`.

    Raises:
        DataError: no threshold gives this precision.
    """
    order = np.argsort(-confidence, kind="stable")
    ranked = confidence[order].astype(np.float64)
    shares = np.cumsum(is_right[order]) / np.arange(1, len(ranked) + 1)
    is_end = np.append(ranked[1:] < ranked[:-1], True)  # faces of the same probability are answered together
    enough = np.flatnonzero(is_end & (shares >= precision - 1e-12))
    if not len(enough):
        raise DataError(
            f"no rejection threshold makes {precision:.1%} of the answers right: the best one reaches "
            f"{shares[is_end].max():.1%}; ask for a lower --precision"
        )
    return _below(ranked, ranked[enough[-1]])


def _below(ranked: NDArray[np.float64], lowest: float) -> float:
    """Return a threshold that answers down to a probability and no further: rounding elsewhere does not move it."""
    rejected = ranked[ranked < lowest]
    return float((lowest + rejected[0]) / 2) if len(rejected) else 0.0
