"""Public lists of hard images, and which faces of an index they mean.

Occlusion-RAF-DB, Pose-RAF-DB, their FER+ and AffectNet counterparts (Wang et al. 2020, arXiv:1905.04075) and FED-RO
name images in ways of their own: ``test_0003_aligned 3 4``, ``0/test_0004_aligned.jpg``, ``1_fer0034656.png 8 0``,
``0/fer0032226.jpg``, ``7/3c02...b203/8.jpg``, ``anger/occ_img_1.jpg``. Their label codes differ from set to set, so
labels are always the index's.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from ampnet.dataset.index.face_index import FaceIndex
from ampnet.dataset.index.face_names import split_of
from ampnet.dataset.index.ferplus_numbers import row_of_name
from ampnet.errors import DataError
from ampnet.files.opening import read_text
from ampnet.files.printable import printable

MAX_BYTES = 64 << 20
MAX_TYPES = 20
"""A third column with more values than this is no type."""


@dataclass(frozen=True, eq=False)
class Subset:
    """The faces that a list names."""

    name: str
    """The file's stem."""
    positions: NDArray[np.int64]
    """Positions in the index, ascending, each once."""
    types: dict[str, NDArray[np.int64]]
    """The same by the list's third column; empty without one."""
    listed: int
    """Lines with a name."""
    duplicates: int
    """Lines that name a face again."""
    unknown: tuple[str, ...]
    """Names that no face of the index has, or more than one."""


def read_subset(path: Path, index: FaceIndex) -> Subset:
    """Read a list and find its faces.

    Each line is a name, ``name label`` or ``name label type``; a name may be a path whose folders are labels. Names are
    compared without folders, extension, ``_aligned`` and the split's prefix, and with the source paths in faces.csv.

    Args:
        path: UTF-8 text.
        index: the faces that may be meant, such as one split.

    Raises:
        DataError: the file cannot be read, or names no face of the index.
    """
    try:
        text = read_text(path, MAX_BYTES)
    except DataError as error:
        raise DataError(f"cannot read the list {printable(path)}: {error}") from error
    known = _known_names(index)
    lines = [line.split() for line in text.splitlines() if line.strip()]
    found: dict[int, str] = {}
    unknown: list[str] = []
    duplicates = 0
    for name, *rest in lines:
        position = next((known[key] for key in _keys(name) if known.get(key, -1) >= 0), None)
        if position is None:
            unknown.append(printable(name))
        elif position in found:
            duplicates += 1
        else:
            found[position] = printable(rest[1], 40) if len(rest) > 1 else ""
    if not found:
        first = f", such as {unknown[0]}" if unknown else ""
        raise DataError(f"{printable(path)}: none of its {len(lines):,} names is a face of this split{first}")
    types = _by_type(found)
    return Subset(printable(path.stem), np.sort(list(found)), types, len(lines), duplicates, tuple(unknown))


def _by_type(found: dict[int, str]) -> dict[str, NDArray[np.int64]]:
    kinds = sorted(set(found.values()) - {""})
    if not 2 <= len(kinds) <= MAX_TYPES:
        return {}
    return {kind: np.sort([position for position, of in found.items() if of == kind]) for kind in kinds}


def _known_names(index: FaceIndex) -> dict[str, int]:
    """Map every spelling of every face to its position; -1 where several faces share one."""
    sources = _sources(index)
    known: dict[str, int] = {}
    for position, name in enumerate(index.names):
        source = sources.get(name, "")
        if source.endswith(".csv"):  # prepare names images in fer2013.csv by their row
            name, source = name.replace("fer", "row"), ""
        spelled = {*_keys(name), *_keys(_stem(name).removeprefix(f"{split_of(name)}_")), *_keys(source)}
        for key in spelled:
            known[key] = position if known.get(key, position) == position else -1
    return known


def _sources(index: FaceIndex) -> dict[str, str]:
    wanted = set(index.names)
    return {row.name: row.source for row in index.rows() if row.name in wanted}


def _keys(name: str) -> Iterator[str]:
    """Spell a name in all the ways in which it may be known, the most specific first."""
    path = PurePosixPath(name.replace("\\", "/"))
    stem = _stem(path.name)
    if (row := row_of_name(stem)) is not None:
        yield f"FER-2013 row {row}"
        return
    if len(path.parts) > 1:
        yield f"{path.parts[-2]}/{stem}"
    if stem:
        yield stem
    yield from (_stem(part) for part in reversed(path.parts[:-1]) if len(part) >= 16)  # AffectNet: label/hash/8.jpg


def _stem(name: str) -> str:
    stem, dot, extension = name.rpartition(".")
    return (stem if dot and len(extension) <= 5 else name).removesuffix("_aligned")
