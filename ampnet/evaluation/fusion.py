"""The two heads and their fusion: accuracy as a function of beta, the weight of the local head."""

from dataclasses import dataclass

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from ampnet.evaluation.intervals import Estimate, Share, defined, rate
from ampnet.evaluation.metrics import confusion_of, mean_recall
from ampnet.models.ampnet import fuse_logits

BETAS = tuple(step / 20 for step in range(21))
"""Weights of the local head that are tried."""


@dataclass(frozen=True)
class FusionPoint:
    """Scores over all images for one weight of the local head."""

    beta: Share
    """1 is the local head alone, 0 the global head alone."""
    accuracy: Estimate
    mean_class_accuracy: Share


class HeadScores(msgspec.Struct, frozen=True, rename={"global_": "global"}):
    """Accuracy over all images of each head alone and of their fusion, with Wilson's intervals."""

    beta: Share
    """Weight of the local head in the fusion, stored in the checkpoint."""
    local: Estimate
    """The local head (LP and AP) alone."""
    global_: Estimate
    """The global head (GP) alone."""
    fused: Estimate
    curve: tuple[FusionPoint, ...]
    """For weights from 0 to 1, ascending. Choosing beta by a test split would inflate its scores."""


def fuse(
    local: NDArray[np.float32], global_: NDArray[np.float32], beta: float, offsets: NDArray[np.floating] | None = None
) -> NDArray[np.float32]:
    """Fuse both heads' logits as the network does, and add the prior's offsets.

    Args:
        local: ``(N, K)``.
        global_: ``(N, K)``.
        beta: weight of the local head, in [0, 1].
        offsets: ``(K,)`` added to the fused logits; -inf rules a class out.
    """
    fused = fuse_logits(torch.from_numpy(local), torch.from_numpy(global_), beta).numpy()
    return np.asarray(fused if offsets is None else fused + offsets.astype(np.float32), dtype=np.float32)


def score_heads(
    local: NDArray[np.float32],
    global_: NDArray[np.float32],
    labels: NDArray[np.int64],
    beta: float,
    offsets: NDArray[np.floating] | None = None,
) -> HeadScores:
    """Score each head alone, their fusion, and other weights; all with the same prior.

    Args:
        local: ``(N, K)`` logits; NaN in rows without a prediction, which count as errors.
        global_: ``(N, K)``, likewise.
        labels: ``(N,)``, N at least 1.
        beta: the checkpoint's own weight.
        offsets: ``(K,)`` added to the fused logits.
    """
    answered = ~np.isnan(local).any(axis=1)

    def point(weight: float) -> FusionPoint:
        answers = np.full(len(labels), -1)
        answers[answered] = fuse(local[answered], global_[answered], weight, offsets).argmax(axis=1)
        matrix = confusion_of(labels, answers, local.shape[1])
        return FusionPoint(weight, defined(rate(int(np.trace(matrix)), int(matrix.sum()))), mean_recall(matrix))

    curve = tuple(point(weight) for weight in BETAS)
    return HeadScores(beta, curve[-1].accuracy, curve[0].accuracy, point(beta).accuracy, curve)
