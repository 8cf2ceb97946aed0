"""Accuracy without the images of which the training split holds a copy: those may be memory."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ampnet.evaluation.intervals import Clusters, Estimate, clusters_at, share_of

Copy = Literal["", "near", "exact"]
"""Whether the training split holds a copy of an image: none, another version of the photo, or the same file."""


@dataclass(frozen=True)
class SubsetScore:
    """Accuracy over a part of the images."""

    images: int
    accuracy: Estimate | None
    """Images without a prediction are errors. None without images."""


@dataclass(frozen=True)
class CopyScores:
    """Accuracy over all images, beside accuracy without copies of training images."""

    exact: int
    """Images whose file the training split holds, too, byte for byte."""
    near: int
    """Images of which the training split holds another version (recompressed, cropped, of other contrast)."""
    all: SubsetScore
    without_exact: SubsetScore
    without_copies: SubsetScore
    copies: SubsetScore
    """Over the exact and near copies alone."""


def score_without_copies(
    labels: NDArray[np.integer],
    answers: NDArray[np.integer],
    copies: NDArray[np.str_],
    clusters: Clusters = None,
) -> CopyScores:
    """Compare accuracy over all images, without copies, and over the copies.

    Args:
        labels: ``(N,)``, N at least 1.
        answers: ``(N,)`` predicted classes; -1 without a prediction.
        copies: ``(N,)`` of :data:`Copy`.
    """
    correct = labels == answers

    def subset(chosen: NDArray[np.bool_]) -> SubsetScore:
        return SubsetScore(int(chosen.sum()), share_of(correct[chosen], clusters_at(clusters, chosen)))

    exact, near = copies == "exact", copies == "near"
    return CopyScores(
        exact=int(exact.sum()),
        near=int(near.sum()),
        all=subset(np.ones(len(labels), bool)),
        without_exact=subset(~exact),
        without_copies=subset(~exact & ~near),
        copies=subset(exact | near),
    )
