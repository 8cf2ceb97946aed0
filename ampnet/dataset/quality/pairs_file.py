"""`index/duplicates.csv`: every pair of copies that `ampnet check` found, and what evaluation learns from it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ampnet.dataset.quality.duplicates import copy_groups
from ampnet.errors import DataError
from ampnet.files.documents import csv_table, number_of
from ampnet.files.printable import printable
from ampnet.files.writing import write_rows

CURE = "run `ampnet check` again"
COLUMNS = ("first", "second", "first_split", "second_split", "first_class", "second_class", "similarity", "exact")


@dataclass(frozen=True)
class CopyPair:
    """Two images of a data set that show the same photo."""

    names: tuple[str, str]
    splits: tuple[str, str]
    classes: tuple[str, str]
    similarity: float
    """Correlation in [0, 1]."""
    exact: bool
    """Whether the files are identical, byte for byte."""


def write_pairs(path: Path, pairs: Iterable[CopyPair]) -> None:
    """Write duplicates.csv atomically.

    Raises:
        DataError: the file cannot be written.
    """
    cells = ((*pair.names, *pair.splits, *pair.classes, f"{pair.similarity:.4f}", int(pair.exact)) for pair in pairs)
    write_rows(path, COLUMNS, cells)


def read_pairs(path: Path) -> list[CopyPair]:
    """Read duplicates.csv; in a file of an earlier version, which lacks the last column, similarity 1 means exact.

    Raises:
        DataError: the file cannot be read, or a row is invalid.
    """
    pairs: list[CopyPair] = []
    for number, cells in csv_table(path, COLUMNS, COLUMNS[-1:], cure=CURE):
        try:
            pairs.append(_pair(cells))
        except ValueError as error:
            raise DataError(f"cannot read {path}, line {number}: {printable(error)}; {CURE}") from error
    return pairs


def _pair(cells: Sequence[str]) -> CopyPair:
    *names, similarity, exact = cells
    correlation = number_of(similarity, -1, 1.01)
    is_exact = bool(number_of(exact, 0, 1)) if exact else correlation >= 1
    one, other, one_split, other_split, one_class, other_class = names
    return CopyPair((one, other), (one_split, other_split), (one_class, other_class), correlation, is_exact)


def copies_of(pairs: Iterable[CopyPair], names: list[str], others: list[str]) -> NDArray[np.str_]:
    """Find the images of which other images are copies, directly or through further copies.

    Args:
        pairs: from :func:`read_pairs`.
        names: N images to check.
        others: images of the split that copies are looked for in.

    Returns:
        ``(N,)``: ``exact`` where the same file is among the others, ``near`` where another version of the photo is,
        else empty.
    """
    listed = list(pairs)
    known = {name: position for position, name in enumerate(dict.fromkeys(n for pair in listed for n in pair.names))}
    positions = np.array([[known[name] for name in pair.names] for pair in listed], dtype=np.int64).reshape(-1, 2)
    exact = np.array([pair.exact for pair in listed], dtype=bool)
    found = np.full(len(names), "", dtype="<U5")
    mine = np.array([known.get(name, -1) for name in names], dtype=np.int64)
    theirs = [known[name] for name in others if name in known]
    for kind, chosen in (("near", positions), ("exact", positions[exact])):  # exact overrules near
        groups = copy_groups(len(known), chosen)
        hit = (mine >= 0) & np.isin(groups[mine], groups[theirs]) if len(known) else np.zeros(len(names), bool)
        found[hit] = kind
    return found
