"""Several annotators' votes for each image: `index/label_votes.csv`, and its use in training and evaluation.

The rules follow FER+ (Barsoum et al. 2016, arXiv:1608.01041), generalised to any list of classes: votes for
``unknown``, ``no_face`` and classes that the data set does not list are left out of training targets, but count
towards the total when a majority is determined.
"""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ampnet.errors import DataError
from ampnet.files.documents import QUOTED, csv_rows
from ampnet.files.printable import printable
from ampnet.files.writing import write_rows
from ampnet.settings.labels import MAX_CLASSES, MIN_VOTES

NO_FACE = "no_face"
"""Column of the votes that an image shows no face."""

CURE = "run prepare again"

MOST_VOTES = 1_000_000
"""Maximum votes of an image for one answer."""


@dataclass(frozen=True, eq=False)
class LabelVotes:
    """The votes for each face of an index."""

    columns: tuple[str, ...]
    """Classes, and other answers (``unknown``, ``no_face``)."""
    counts: NDArray[np.float32]
    """``(N, V)`` votes; zeros in rows without votes."""

    def subset(self, indices: NDArray[np.int64]) -> "LabelVotes":
        """Keep the faces at ``indices``, in that order."""
        return LabelVotes(self.columns, self.counts[indices])

    def on_classes(self, class_names: Sequence[str]) -> NDArray[np.float32]:
        """Return the ``(N, K)`` votes for a list of classes; zeros for classes that are not a column."""
        counts = np.zeros((len(self.counts), len(class_names)), dtype=np.float32)
        for code, name in enumerate(class_names):
            if name in self.columns:
                counts[:, code] = self.counts[:, self.columns.index(name)]
        return counts

    def distribution(self, class_names: Sequence[str], labels: NDArray[np.int64]) -> NDArray[np.float32]:
        """Convert votes to targets: the fraction of votes for each class.

        Args:
            class_names: K classes.
            labels: ``(N,)``; the sole target where the classes have fewer than :data:`MIN_VOTES` votes.

        Returns:
            ``(N, K)`` float32, rows of probabilities.
        """
        counts = self.on_classes(class_names)
        total = counts.sum(axis=1, keepdims=True)
        fractions = counts / np.maximum(total, 1)
        one_hot = np.eye(len(class_names), dtype=np.float32)[labels]
        return np.where(total >= MIN_VOTES, fractions, one_hot).astype(np.float32)

    def majority(self, class_names: Sequence[str]) -> NDArray[np.int64]:
        """Find the class with more than half of all votes.

        Returns:
            ``(N,)`` codes in ``class_names``; -1 where no class has more than half of the image's votes, other
            answers included.
        """
        counts = self.on_classes(class_names)
        top = counts.argmax(axis=1)
        decided = 2 * counts.max(axis=1) > self.counts.sum(axis=1)
        return np.where(decided, top, -1).astype(np.int64)

    def calls_no_face(self) -> NDArray[np.bool_]:
        """Return for each image whether ``no_face`` has more votes than any other answer."""
        if NO_FACE not in self.columns:
            return np.zeros(len(self.counts), dtype=bool)
        column = self.columns.index(NO_FACE)
        others = np.delete(self.counts, column, axis=1)
        return np.asarray(self.counts[:, column] > others.max(axis=1, initial=0))


def write_votes(path: Path, columns: Sequence[str], rows: Iterable[tuple[str, Sequence[float]]]) -> None:
    """Write label_votes.csv atomically: the prepared name of each image and its votes.

    Raises:
        DataError: the file cannot be written.
    """
    write_rows(path, ["name", *columns], ([name, *(f"{count:g}" for count in votes)] for name, votes in rows))


def read_votes(path: Path, names: Sequence[str]) -> LabelVotes:
    """Read the votes of some faces from label_votes.csv.

    Args:
        names: the faces, in the order of the result; a face without a row has no votes.

    Raises:
        DataError: the file cannot be read, or a row is not a name and numbers from 0 to :data:`MOST_VOTES`.
    """
    position = {name: i for i, name in enumerate(names)}
    rows = csv_rows(path, cure=CURE)
    _number, header = next(rows, (0, []))
    if not 3 <= len(header) <= MAX_CLASSES + 10 or header[0] != "name" or len(set(header)) < len(header):
        raise DataError(f"{path}: expected a column name and one for each class; {CURE}")
    places, values = array("q"), array("d")
    for number, cells in rows:
        if len(cells) != len(header):
            raise DataError(f"{path}, line {number}: expected {len(header)} cells, got {len(cells)}; {CURE}")
        if (i := position.get(cells[0])) is not None:
            try:
                values.extend(map(float, cells[1:]))
            except ValueError as error:
                raise DataError(f"cannot read {path}, line {number}: {printable(error, QUOTED)}; {CURE}") from error
            places.append(i)
    votes = np.frombuffer(values, dtype=np.float64).reshape(-1, len(header) - 1)
    wrong = np.flatnonzero(~((votes >= 0) & (votes <= MOST_VOTES)).all(axis=1))
    if wrong.size:
        name = printable(names[places[wrong[0]]])
        raise DataError(f"{path}: votes must be numbers of at least 0, those for {name} are not; {CURE}")
    counts = np.zeros((len(names), len(header) - 1), dtype=np.float32)
    counts[np.asarray(places)] = votes
    return LabelVotes(tuple(printable(column) for column in header[1:]), counts)
