"""What each training face is to be recognised as: its label, the votes of a crowd, or some of both."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ampnet.data.index.face_index import FaceIndex
from ampnet.data.index.label_votes import VOTES_FILE
from ampnet.errors import DataError
from ampnet.recipes import Recipe


def training_targets(index: FaceIndex, training: NDArray[np.int64], recipe: Recipe) -> NDArray[np.float32] | None:
    """Give the targets of the training faces.

    Args:
        index: the data set.
        training: positions of its training faces.
        recipe: says whether labels, votes or a mix of them are learned.

    Returns:
        ``(N, K)`` float32, rows of probabilities; None where the labels are all there is to learn.

    Raises:
        DataError: votes are asked for, and the set has none.
    """
    if recipe.targets == "label":
        return None
    if index.votes is None:
        raise DataError(
            f"{index.root} holds no index/{VOTES_FILE}, so there are no votes to learn; "
            "train with --targets label, or prepare the set with its votes"
        )
    labels = index.labels[training]
    shares = index.votes.subset(training).distribution(index.class_names, labels)
    return shares if recipe.targets == "votes" else blend_targets(None, labels, shares, recipe.vote_weight)


def blend_targets(
    targets: NDArray[np.float32] | None, labels: NDArray[np.int64], other: NDArray[np.float32], weight: float
) -> NDArray[np.float32]:
    """Mix other probabilities into targets.

    Args:
        targets: ``(N, K)``; None stands for the labels alone.
        labels: ``(N,)``.
        other: ``(N, K)`` probabilities.
        weight: share of ``other``, in [0, 1].
    """
    own = np.eye(other.shape[1], dtype=np.float32)[labels] if targets is None else targets
    return own + np.float32(weight) * (other - own)


def selection_faces(
    index: FaceIndex, selection: NDArray[np.int64], recipe: Recipe
) -> tuple[FaceIndex, NDArray[np.int64]]:
    """Give the faces that choose the best epoch, labelled as the run is to be judged.

    A run that learns votes is judged by the crowd's majority; faces without one are left out.

    Returns:
        The data set, and positions in it.
    """
    if recipe.targets == "label" or index.votes is None:
        return index, selection
    majority = index.votes.majority(index.class_names)
    decided = selection[majority[selection] >= 0]
    if not len(decided):
        return index, selection
    return replace(index, labels=np.where(majority >= 0, majority, index.labels)), decided
