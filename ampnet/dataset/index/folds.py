"""Folds: each face is held out once, and no person is on both sides; `folds.csv` in the folder of the runs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ampnet.dataset.index.face_index import FaceIndex
from ampnet.errors import DataError
from ampnet.files.documents import csv_table, number_of
from ampnet.files.printable import printable
from ampnet.files.writing import write_rows
from ampnet.settings import MAX_FOLDS

FOLDS_FILE = "folds.csv"
COLUMNS = ("name", "fold", "subject")

BY_SUBJECT = "subjects"
"""Value of ``--folds`` for one fold per person."""

CURE = "start new runs"


@dataclass(frozen=True, eq=False)
class Folds:
    """The fold of each face of a data set."""

    numbers: NDArray[np.int64]
    """``(N,)`` from 1."""
    subjects: list[str]
    """The person in each face; empty where unknown."""

    @property
    def count(self) -> int:
        """Number of folds."""
        return int(self.numbers.max())


def make_folds(index: FaceIndex, folds: str, seed: int) -> Folds:
    """Assign the faces to folds.

    All faces take part, whatever official split they are in. The faces of one person are in one fold; each fold gets
    about the same share of each class.

    Args:
        index: the data set; its subjects are kept together.
        folds: a number of folds, or ``subjects`` for one of each person.
        seed: decides among equally good folds.

    Raises:
        DataError: there are fewer people or faces than folds, or ``subjects`` are requested and not all are known.
    """
    subjects = index.subjects or [""] * len(index)
    if folds == BY_SUBJECT:
        people, numbers = np.unique(np.array(subjects), return_inverse=True)
        if unknown := subjects.count(""):
            raise DataError(
                f"{index.root} does not say who is shown in {unknown:,} of its {len(index):,} images; name the column "
                "of people with --subjects, or use --folds K"
            )
        if not 2 <= len(people) <= MAX_FOLDS:
            raise DataError(f"{index.root} has {len(people):,} people; folds by subject need 2 to {MAX_FOLDS:,}")
        return Folds(numbers.astype(np.int64) + 1, subjects)
    count = int(folds)
    keys = np.array([person or f"\0{number}" for number, person in enumerate(subjects)])
    _keys, group_of = np.unique(keys, return_inverse=True)
    sizes = np.bincount(group_of)
    if len(sizes) < count:
        raise DataError(f"{index.root} has {len(sizes):,} people or faces, too few for {count} folds")
    classes = np.zeros((len(sizes), len(index.class_names)))
    np.add.at(classes, (group_of, index.labels), 1)
    return Folds(_deal_out(classes, sizes, count, seed)[group_of] + 1, subjects)


def _deal_out(classes: NDArray[np.float64], sizes: NDArray[np.int64], count: int, seed: int) -> NDArray[np.int64]:
    """Choose the fold of each person, the largest first: the one that has least of the person's classes."""
    order = np.random.default_rng(seed).permutation(len(sizes))
    order = order[np.argsort(-sizes[order], kind="stable")]
    weights = classes / np.maximum(classes.sum(axis=0), 1)
    folds, faces, chosen = np.zeros((count, classes.shape[1])), np.zeros(count), np.zeros(len(sizes), dtype=np.int64)
    for group in order:
        cost = folds @ weights[group]
        fold = int(np.lexsort((faces, cost.round(9)))[0])
        chosen[group] = fold
        folds[fold] += classes[group]
        faces[fold] += sizes[group]
    return chosen


def write_folds(path: Path, names: Sequence[str], folds: Folds) -> None:
    """Write folds.csv: the fold and the person of each face.

    Raises:
        DataError: the file cannot be written.
    """
    write_rows(path, COLUMNS, zip(names, folds.numbers.tolist(), folds.subjects, strict=True))


def read_folds(path: Path, index: FaceIndex) -> Folds:
    """Read folds.csv.

    Raises:
        DataError: the file cannot be read, or is about other faces.
    """
    found: dict[str, tuple[int, str]] = {}
    for line, (name, fold, subject) in csv_table(path, COLUMNS, (), "surrogateescape", CURE):
        try:
            found[name] = int(number_of(fold, 1, MAX_FOLDS)), subject
        except ValueError as error:
            raise DataError(f"{printable(path)}, line {line}: {printable(error)}; {CURE}") from error
    if found.keys() != set(index.names):
        raise DataError(f"{printable(path)} lists other faces than {index.root}; give the same --data, or {CURE}")
    rows = [found[name] for name in index.names]
    return Folds(np.array([fold for fold, _ in rows], dtype=np.int64), [subject for _, subject in rows])


def in_fold(index: FaceIndex, folds: Folds, number: int) -> FaceIndex:
    """Return the data set with one fold as its test split, and all others to train on."""
    splits = np.where(folds.numbers == number, "test", "train").tolist()
    return replace(index, splits=splits, subjects=folds.subjects if any(folds.subjects) else None)
