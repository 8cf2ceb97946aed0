"""After training, on held-out faces: how much of the class prior to take out, and how sure to be."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from ampnet.inference.prior import strength_offsets

STEPS = 100

STRENGTHS_TRIED = np.linspace(0, 1, 21)

MAX_ACCURACY_LOSS = 0.01
"""Fraction of held-out faces that may be given up for rare classes; other places show other shares of them."""


def choose_prior_strength(
    logits: Tensor,
    labels: NDArray[np.int64],
    class_shares: NDArray[np.floating],
    max_accuracy_loss: float = MAX_ACCURACY_LOSS,
) -> float:
    """Choose how much of the training set's class shares to take out of the logits.

    Of the strengths that cost at most ``max_accuracy_loss`` of the best accuracy, the one with the best mean recall
    wins, the smallest of equals: accuracy alone forgets rare classes, and mean recall alone lets a dozen faces of
    disgust outweigh a thousand neutral ones.

    Args:
        logits: ``(N, K)`` fused logits of faces that the network was not trained on.
        labels: ``(N,)``.
        class_shares: ``(K,)`` of the training targets.
        max_accuracy_loss: fraction of the faces that may be given up; 0 asks for the best accuracy alone.

    Returns:
        A strength in [0, 1], in steps of 0.05.
    """
    results = [_accuracy_and_recall(logits, labels, class_shares, strength) for strength in STRENGTHS_TRIED]
    enough = max(accuracy for accuracy, _ in results) - max_accuracy_loss
    recalls = [recall if accuracy >= enough else -1.0 for accuracy, recall in results]
    return float(STRENGTHS_TRIED[int(np.argmax(recalls))].round(2))


def _accuracy_and_recall(
    logits: Tensor, labels: NDArray[np.int64], class_shares: NDArray[np.floating], strength: float
) -> tuple[float, float]:
    hits = (logits + strength_offsets(class_shares, strength)).argmax(dim=1).numpy() == labels
    counts = np.bincount(labels)
    recalls = np.bincount(labels, weights=hits)[counts > 0] / counts[counts > 0]
    return float(hits.mean()), float(recalls.mean())


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """Find the temperature that makes the labels of held-out faces most probable (Guo et al. 2017, arXiv:1706.04599).

    Predictions do not change.

    Args:
        logits: ``(N, K)`` fused logits, adjusted to the prior, of faces that the network was not trained on.
        labels: ``(N,)`` int64.

    Returns:
        What the logits are to be divided by before the softmax: above 1 for an overconfident network.
    """
    log_temperature = torch.zeros((), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([log_temperature], max_iter=STEPS, line_search_fn="strong_wolfe")
    doubled = logits.double()

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(doubled / log_temperature.exp(), labels)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    return log_temperature.detach().exp().item()
