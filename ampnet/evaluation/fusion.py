"""What the same logits answer with other weights of the two heads (beta), and with other class frequencies expected."""

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from ampnet.evaluation.intervals import Clusters, Estimate, Share, defined, share_of
from ampnet.evaluation.metrics import accuracy, confusion_of, mean_recall
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
    clusters: Clusters = None,
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
        return FusionPoint(weight, defined(share_of(answers == labels, clusters)), mean_recall(matrix))

    curve = tuple(point(weight) for weight in BETAS)
    return HeadScores(beta, curve[-1].accuracy, curve[0].accuracy, point(beta).accuracy, curve)


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
