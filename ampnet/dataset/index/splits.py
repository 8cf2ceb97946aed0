"""Splitting the faces of an index into train, val and test."""

import random
from collections.abc import Sequence
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ampnet.dataset.index.face_index import CountedPositions, FaceIndex
from ampnet.settings import Split

T = TypeVar("T")

REFERENCE_SEED = 1
REFERENCE_TRAIN_FRACTION = 0.8

VAL_FRACTION = 0.1
"""Of each training class, held out where there is no official validation split; a class of one face stays in train."""

_NONE = np.array([], dtype=np.int64)


def reference_split_8_2(lines: Sequence[T]) -> tuple[list[T], list[T]]:
    """Split a list as the reference program does: Python's sample with seed 1, the first 80% train.

    Args:
        lines: the lines of data_label.txt in the file's order.

    Returns:
        The training and the test lines, in shuffled order; the global random state is not touched.
    """
    shuffled = random.Random(REFERENCE_SEED).sample(list(lines), len(lines))
    cut = int(len(shuffled) * REFERENCE_TRAIN_FRACTION)
    return shuffled[:cut], shuffled[cut:]


def split_indices(index: FaceIndex, seed: int = 1) -> dict[Split, NDArray[np.int64]]:
    """Assign every face to train, val or test.

    Official splits are kept. Without an official validation split, a stratified fraction of the training faces is held
    out, or some of the people if they are known; test faces never are. Without any official split, the reference
    program's 8:2 split is applied first. A data set with test faces only (FED-RO) has empty train and val.

    Args:
        seed: decides which training faces are held out for validation.

    Returns:
        Positions in ``index`` for each split, ascending; of a streamed data set, objects that compute them
        (:class:`~ampnet.dataset.index.face_index.CountedPositions`). Where only one split is loaded, the others are
        empty.
    """
    if index.shards is not None and index.shards.is_streamed:
        return dict(index.shards.splits())
    if index.shards is not None and index.shards.only:
        every: dict[Split, NDArray[np.int64]] = {"train": _NONE, "val": _NONE, "test": _NONE}
        every[index.shards.only] = np.arange(len(index))
        return every
    splits = np.array(index.splits, dtype="<U5")
    if not any(index.splits):
        train, test = reference_split_8_2(range(len(index)))
        splits[train] = "train"
        splits[test] = "test"
    parts = {name: np.flatnonzero(splits == name) for name in ("train", "val", "test")}
    if not parts["val"].size and parts["train"].size:
        hold_out = _hold_out if index.subjects is None else partial(_hold_out_people, index.subjects)
        parts["train"], parts["val"] = hold_out(parts["train"], index.labels, seed)
    return {"train": parts["train"], "val": parts["val"], "test": parts["test"]}


def split_names(index: FaceIndex) -> NDArray[np.str_]:
    """Return the split of every face, ``(N,)``; see :func:`split_indices`."""
    splits = np.full(len(index), "", dtype="<U5")
    for name, part in split_indices(index).items():
        splits[part] = name
    return splits


def class_counts(index: FaceIndex, positions: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count the faces at ``positions`` by class, ``(K,)``."""
    if isinstance(positions, CountedPositions):
        return positions.class_counts()
    return np.bincount(index.labels[positions], minlength=len(index.class_names))


def untrained_classes(index: FaceIndex, training: NDArray[np.int64]) -> list[str]:
    """Name the classes without a training face; none if there are no training faces at all."""
    counts = class_counts(index, training)
    return [name for name, count in zip(index.class_names, counts, strict=True) if not count] if counts.any() else []


def _hold_out_people(
    subjects: Sequence[str], indices: NDArray[np.int64], labels: NDArray[np.int64], seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Hold out all faces of some people, drawn until they have :data:`VAL_FRACTION`; no class loses its last person.

    Faces of unknown people stand for one each. Of one person alone, faces are held out.
    """
    people = np.array([subjects[i] or f"\0{i}" for i in indices])
    _names, of_face = np.unique(people, return_inverse=True)
    order = np.argsort(of_face, kind="stable")
    groups = np.split(order, np.cumsum(np.bincount(of_face))[:-1])
    left = np.bincount(labels[indices])
    needed, wanted = left > 0, VAL_FRACTION * len(indices)
    held, count = np.zeros(len(indices), dtype=bool), 0
    for person in np.random.default_rng(seed).permutation(len(groups)):
        theirs = groups[person]
        if count + 1 / 2 > wanted:  # nobody fits any more: unknown people may be millions
            break
        after = left - np.bincount(labels[indices[theirs]], minlength=len(left))
        if count + len(theirs) / 2 <= wanted and (after[needed] > 0).all():
            held[theirs] = True
            left, count = after, count + len(theirs)
    if not held.any():  # there are few people, or each is needed for a class
        counts = [np.bincount(labels[indices[theirs]], minlength=len(left)) for theirs in groups]
        spared = [theirs for theirs, of_them in zip(groups, counts, strict=True) if (left > of_them)[needed].all()]
        held[min(spared or groups, key=len)] = True
    return (indices[~held], indices[held]) if not held.all() else _hold_out(indices, labels, seed)


def _hold_out(
    indices: NDArray[np.int64], labels: NDArray[np.int64], seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    generator = np.random.default_rng(seed)
    held: list[NDArray[np.int64]] = []
    for label in np.unique(labels[indices]):
        members = generator.permutation(indices[labels[indices] == label])
        count = min(max(round(len(members) * VAL_FRACTION), 1), len(members) - 1)
        held.append(members[:count])
    val = np.sort(np.concatenate(held))
    return np.setdiff1d(indices, val), val
