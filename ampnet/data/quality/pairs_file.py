"""`index/duplicates.csv`: every pair of copies that `ampnet check` found, and what evaluation learns from it."""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ampnet.data.quality.duplicates import copy_groups
from ampnet.errors import DataError
from ampnet.media.files import atomic_write
from ampnet.media.opening import read_text
from ampnet.media.printable import printable

PAIRS_FILE = "duplicates.csv"
COLUMNS = (
    "first",
    "second",
    "first_split",
    "second_split",
    "first_class",
    "second_class",
    "similarity",
    "exact",
)


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
    with atomic_write(path) as aside, aside.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for pair in pairs:
            cells = (*pair.names, *pair.splits, *pair.classes, f"{pair.similarity:.4f}", int(pair.exact))
            writer.writerow(cells)


def read_pairs(path: Path) -> list[CopyPair]:
    """Read duplicates.csv; in a file of an earlier version, which lacks the last column, similarity 1 means exact.

    Raises:
        DataError: the file cannot be read, or a row is invalid.
    """
    try:
        reader = csv.DictReader(io.StringIO(read_text(path)))
        if not set(COLUMNS[:-1]) <= set(reader.fieldnames or ()):
            raise DataError("it lacks columns")
        return [_pair(row) for row in reader]
    except (DataError, csv.Error, KeyError, TypeError, ValueError) as error:
        raise DataError(f"cannot read {path}: {printable(error)}; run `ampnet check` again") from error


def _pair(row: dict[str, str]) -> CopyPair:
    return CopyPair(
        names=(row["first"], row["second"]),
        splits=(row["first_split"], row["second_split"]),
        classes=(row["first_class"], row["second_class"]),
        similarity=float(row["similarity"]),
        exact=bool(int(row.get("exact") or float(row["similarity"]) >= 1)),
    )


def copies_of(pairs: Iterable[CopyPair], names: list[str], others: list[str]) -> NDArray[np.str_]:
    """Find the images of which other images are copies, directly or through further copies.

    Args:
        pairs: from :func:`read_pairs`.
        names: N images to look at.
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
