"""Training targets: labels, annotators' votes, or a mix of both."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ampnet.dataset.index.face_index import FaceIndex
from ampnet.dataset.index.index_files import VOTES_FILE
from ampnet.errors import DataError
from ampnet.settings.recipes import Recipe


def training_targets(index: FaceIndex, training: NDArray[np.int64], recipe: Recipe) -> NDArray[np.float32] | None:
    """Return the targets of the training faces.

    Args:
        training: positions of its training faces.
        recipe: selects labels, votes or a mix.

    Returns:
        ``(N, K)`` float32, rows of probabilities; None if the targets are the labels.

    Raises:
        DataError: the recipe needs votes, and the data set has none.
    """
    if recipe.targets == "label":
        return None
    if index.votes is None:
        raise DataError(
            f"{index.root} holds no index/{VOTES_FILE}, so there are no votes to train on; "
            "use --targets label, or prepare the data set with its votes"
        )
    labels = index.labels[training]
    votes = index.votes.subset(training).distribution(index.class_names, labels)
    return votes if recipe.targets == "votes" else blend_targets(None, labels, votes, recipe.vote_weight)


def blend_targets(
    targets: NDArray[np.float32] | None, labels: NDArray[np.int64], other: NDArray[np.float32], weight: float
) -> NDArray[np.float32]:
    """Mix other probabilities into targets.

    Args:
        targets: ``(N, K)``; None for the labels.
        labels: ``(N,)``.
        other: ``(N, K)`` probabilities.
        weight: weight of ``other``, in [0, 1].
    """
    own = np.eye(other.shape[1], dtype=np.float32)[labels] if targets is None else targets
    return own + np.float32(weight) * (other - own)


def selection_faces(
    index: FaceIndex, selection: NDArray[np.int64], recipe: Recipe
) -> tuple[FaceIndex, NDArray[np.int64]]:
    """Return the faces that choose the best epoch, with the labels to score them by.

    A run that trains on votes is scored by the annotators' majority; faces without one are left out.

    Returns:
        The data set with those labels, and positions in it.
    """
    if recipe.targets == "label" or index.votes is None:
        return index, selection
    majority = index.votes.majority(index.class_names)
    decided = selection[majority[selection] >= 0]
    if not len(decided):
        return index, selection
    return replace(index, labels=np.where(majority >= 0, majority, index.labels)), decided
