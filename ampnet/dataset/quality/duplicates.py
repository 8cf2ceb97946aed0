"""Search for exact and near duplicates in near-linear time.

Each image is reduced to a small grey thumbnail, from which the data set's mean face is subtracted. The residuals of two
versions of one photo correlate by ``NEAR`` or more, even after recompression, cropping or a change of contrast; those
of two people do not. Candidates come from a perceptual hash: the signs of random projections of the thumbnails'
principal components. Sorted by hash, duplicates are neighbours; several hashes compensate for differing bits. Of small
sets, all pairs are compared.

`index/duplicates.csv` holds every pair that `ampnet check` found; evaluation learns from it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ampnet.errors import DataError
from ampnet.files.documents import csv_rows, csv_table, number_of
from ampnet.files.printable import printable
from ampnet.files.writing import write_rows
from ampnet.media.images import Image

SIDE = 24
"""Side of a thumbnail in pixels."""

NEAR = 0.92
"""Minimum correlation of two versions of one photo, without the mean face. Of the 60 least similar FER-2013 pairs above
it, 59 are versions of one photo; of 14 pairs inspected between 0.90 and 0.92, 13 are."""

NEAR_IN_SMALL_SETS = 0.97
"""Minimum correlation including the mean face, for data sets too small to estimate one."""

SMALL_SET = 100

_COMPONENTS = 64
_TABLES = 16
_NEIGHBOURS = 8
_BITS = 24
_BLOCK = 4096
_SAMPLE = 50_000  # thumbnails that the mean face and the components are estimated from
_PROMISING = 0.88  # minimum correlation of the principal components for a full comparison


@dataclass(frozen=True)
class Duplicates:
    """Pairs of positions, each once and ``first < second``, in ascending order."""

    pairs: NDArray[np.int64]
    """``(P, 2)``."""
    similarity: NDArray[np.float32]
    """``(P,)`` correlation; 1 for exact duplicates."""
    exact: NDArray[np.bool_]
    """``(P,)`` whether the files are identical, byte for byte."""


def thumbnail(image: Image) -> NDArray[np.uint8]:
    """Shrink a grey or RGB image to ``SIDE`` x ``SIDE`` grey."""
    grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def find_duplicates(thumbnails: NDArray[np.uint8], digests: NDArray[np.uint64]) -> Duplicates:
    """Find exact and near duplicates.

    Finds 99.5% of the 6,114 near pairs in FER-2013 that an exhaustive comparison finds, in near-linear time, with
    about a kilobyte of memory for each image.

    Args:
        thumbnails: ``(N, SIDE, SIDE)`` from :func:`thumbnail`.
        digests: ``(N,)`` hashes of the files. If more than two files are identical, each is paired with the next.
    """
    keys = np.union1d(_equal_neighbours(digests), _near_pairs(thumbnails))
    first, second = np.divmod(keys, len(thumbnails))
    same = digests[first] == digests[second]
    similarity = _Compare(thumbnails).pairs(first, second)
    similarity[same] = 1.0
    return Duplicates(np.stack([first, second], axis=1), similarity, same)


def copy_groups(count: int, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Merge pairs into connected groups.

    Returns:
        ``(count,)`` group of each image, identified by the lowest position in it.
    """
    parents = list(range(count))

    def root(position: int) -> int:
        while parents[position] != position:
            parents[position] = parents[parents[position]]
            position = parents[position]
        return position

    for first, second in pairs.tolist():
        low, high = sorted((root(first), root(second)))
        parents[high] = low
    return np.array([root(position) for position in range(count)], dtype=np.int64)


class _Compare:
    """Correlates thumbnails, without the mean face if the data set is large enough to estimate one."""

    def __init__(self, thumbnails: NDArray[np.uint8]) -> None:
        self.flat = thumbnails.reshape(len(thumbnails), SIDE * SIDE)
        self.is_small = len(self.flat) < SMALL_SET
        self.mean = np.zeros(SIDE * SIDE, dtype=np.float32)
        if not self.is_small:
            step = -(-len(self.flat) // _SAMPLE)
            self.mean = self._standard(self.flat[::step]).mean(axis=0)

    @property
    def threshold(self) -> float:
        """Minimum correlation of two versions of one photo."""
        return NEAR_IN_SMALL_SETS if self.is_small else NEAR

    def features(self, positions: NDArray[np.int64] | slice) -> NDArray[np.float32]:
        """Return ``(n, SIDE * SIDE)`` unit vectors, whose dot products are the correlations."""
        return _unit(self._standard(self.flat[positions]) - self.mean)

    def pairs(self, first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.float32]:
        """Correlate pairs of positions."""
        found = np.empty(len(first), dtype=np.float32)
        for start in range(0, len(first), _BLOCK):
            part = slice(start, start + _BLOCK)
            found[part] = np.einsum("ij,ij->i", self.features(first[part]), self.features(second[part]))
        return found

    @staticmethod
    def _standard(flat: NDArray[np.uint8]) -> NDArray[np.float32]:
        values = flat.astype(np.float32)
        return _unit(values - values.mean(axis=1, keepdims=True))


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-6), dtype=np.float32)


def _near_pairs(thumbnails: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the near pairs as ``first * N + second``."""
    count = len(thumbnails)
    compare = _Compare(thumbnails)
    if compare.is_small:  # all pairs take less time than the hashes
        first, second = np.triu_indices(count, 1)
        keys = first * count + second
    else:
        keys = np.unique(np.concatenate(list(_candidates(compare, count))))
    return np.asarray(keys[compare.pairs(*np.divmod(keys, count)) >= compare.threshold])


def _candidates(compare: _Compare, count: int) -> Iterator[NDArray[np.int64]]:
    """Yield the pairs that each hash finds alike."""
    components = _main_components(compare, count)
    generator = np.random.default_rng(0)  # fixed, so that results are reproducible
    for _table in range(_TABLES):
        order = np.argsort(_hashes(components, generator), kind="stable")
        ordered = components[order]
        for distance in range(1, _NEIGHBOURS + 1):
            alike = np.einsum("ij,ij->i", ordered[:-distance], ordered[distance:])
            places = np.flatnonzero(alike > _PROMISING)
            ends = np.stack([order[places], order[places + distance]])
            yield ends.min(axis=0) * count + ends.max(axis=0)


def _main_components(compare: _Compare, count: int) -> NDArray[np.float32]:
    """Return each thumbnail's 64 principal components, ``(N, 64)``, normalised to length 1."""
    sample = compare.features(slice(None, None, -(-count // _SAMPLE)))
    _values, vectors = np.linalg.eigh(sample.T @ sample)
    axes = vectors[:, -_COMPONENTS:]
    blocks = [compare.features(slice(start, start + _BLOCK)) @ axes for start in range(0, count, _BLOCK)]
    return _unit(np.concatenate(blocks))


def _hashes(components: NDArray[np.float32], generator: np.random.Generator) -> NDArray[np.int64]:
    planes = generator.standard_normal((components.shape[1], _BITS)).astype(np.float32)
    return np.asarray((components @ planes > 0) @ (1 << np.arange(_BITS, dtype=np.int64)))


def _equal_neighbours(digests: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Pair each file with the next identical one, as ``first * N + second``."""
    order = np.argsort(digests, kind="stable")
    same = np.flatnonzero(digests[order[1:]] == digests[order[:-1]])
    return np.unique(order[same] * len(digests) + order[same + 1])


CURE = "run `ampnet check` again"
OTHER_OUT = "choose another --out"
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


def refuse_other_list(path: Path) -> None:
    """Check that a file, if there is one, is a list of duplicates, not a user's own table of that name.

    Raises:
        DataError: it is not.
    """
    if path.exists() and next(csv_rows(path, cure=OTHER_OUT), (0, []))[1][:7] != list(COLUMNS[:7]):  # 8 in later files
        raise DataError(f"{printable(path)} was not written by check; {OTHER_OUT}")


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
        others: images of the split that are searched for copies.

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
