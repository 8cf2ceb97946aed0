"""Several opinions about one image: `index/label_votes.csv`, and what training and evaluation make of it.

The rule is FER+'s (Barsoum et al. 2016, arXiv:1608.01041) brought to any list of classes: votes for classes that the
data set does not list, for ``unknown`` and for ``no_face`` teach nothing, but they count when a majority is asked for.
"""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ampnet.errors import DataError
from ampnet.media.files import atomic_write

VOTES_FILE = "label_votes.csv"
NO_FACE = "no_face"
"""Column of the votes that call an image no face."""

MIN_VOTES = 3
"""Fewer votes than this on the set's classes say nothing: the label alone is learned."""


@dataclass(frozen=True, eq=False)
class LabelVotes:
    """What people said about each face of an index."""

    columns: tuple[str, ...]
    """Classes, and answers that are none (``unknown``, ``no_face``)."""
    counts: NDArray[np.float32]
    """``(N, V)`` votes; a row of zeros where nobody was asked."""

    def subset(self, indices: NDArray[np.int64]) -> "LabelVotes":
        """Keep the faces at ``indices``, in that order."""
        return LabelVotes(self.columns, self.counts[indices])

    def on_classes(self, class_names: Sequence[str]) -> NDArray[np.float32]:
        """Give the votes for the classes of a list, ``(N, K)``; zeros for a class that nobody could vote for."""
        counts = np.zeros((len(self.counts), len(class_names)), dtype=np.float32)
        for code, name in enumerate(class_names):
            if name in self.columns:
                counts[:, code] = self.counts[:, self.columns.index(name)]
        return counts

    def distribution(self, class_names: Sequence[str], labels: NDArray[np.int64]) -> NDArray[np.float32]:
        """Turn votes into targets: shares of the votes on the classes.

        Args:
            class_names: K classes.
            labels: ``(N,)``; the whole target where fewer than :data:`MIN_VOTES` votes fall on the classes.

        Returns:
            ``(N, K)`` float32, rows of probabilities.
        """
        counts = self.on_classes(class_names)
        total = counts.sum(axis=1, keepdims=True)
        shares = counts / np.maximum(total, 1)
        alone = np.eye(len(class_names), dtype=np.float32)[labels]
        return np.where(total >= MIN_VOTES, shares, alone).astype(np.float32)

    def majority(self, class_names: Sequence[str]) -> NDArray[np.int64]:
        """Find the class that more than half of all votes name.

        Returns:
            ``(N,)`` codes in ``class_names``; -1 where no class has more than half of all votes of the image, those
            for other answers counted in.
        """
        counts = self.on_classes(class_names)
        top = counts.argmax(axis=1)
        decided = 2 * counts.max(axis=1) > self.counts.sum(axis=1)
        return np.where(decided, top, -1).astype(np.int64)

    def calls_no_face(self) -> NDArray[np.bool_]:
        """Tell for each image whether more people call it no face than anything else."""
        if NO_FACE not in self.columns:
            return np.zeros(len(self.counts), dtype=bool)
        column = self.columns.index(NO_FACE)
        others = np.delete(self.counts, column, axis=1)
        return np.asarray(self.counts[:, column] > others.max(axis=1, initial=0))


def write_votes(path: Path, columns: Sequence[str], rows: Iterable[tuple[str, Sequence[float]]]) -> None:
    """Write label_votes.csv whole: the prepared name of each image and its votes.

    Raises:
        DataError: the file cannot be written.
    """
    with atomic_write(path) as aside, aside.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["name", *columns])
        writer.writerows([name, *(f"{count:g}" for count in votes)] for name, votes in rows)


def read_votes(path: Path, names: Sequence[str]) -> LabelVotes:
    """Read label_votes.csv for some faces.

    Args:
        path: of the file.
        names: the faces, in the order of the result; without a row a face has no votes.

    Raises:
        DataError: the file cannot be read, or a row is none of names and non-negative numbers.
    """
    position = {name: i for i, name in enumerate(names)}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.reader(file)
            header = next(reader, [])
            if len(header) < 3 or header[0] != "name" or len(set(header)) < len(header):
                raise DataError(f"{path}: expected the columns name and one for each class; run prepare again")
            counts = np.zeros((len(names), len(header) - 1), dtype=np.float32)
            for number, cells in enumerate(reader, start=2):
                if len(cells) != len(header):
                    raise DataError(f"{path}, line {number}: expected {len(header)} cells, got {len(cells)}")
                if (i := position.get(cells[0])) is not None:
                    counts[i] = [float(cell) for cell in cells[1:]]
    except (OSError, UnicodeDecodeError, csv.Error, ValueError) as error:
        raise DataError(f"cannot read {path}: {error}; run prepare again") from error
    if not np.isfinite(counts).all() or (counts < 0).any():
        raise DataError(f"{path}: votes must be numbers from 0 up; run prepare again")
    return LabelVotes(tuple(header[1:]), counts)
