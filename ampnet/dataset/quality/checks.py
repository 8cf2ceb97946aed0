"""Quality checks of a prepared data set: duplicates across splits, people in two splits, damaged and altered images."""

import hashlib
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ampnet.dataset.index.face_index import FaceIndex
from ampnet.dataset.index.faces_table import FaceRow
from ampnet.dataset.index.splits import split_names
from ampnet.dataset.quality.duplicates import SIDE, Duplicates, copy_groups, find_duplicates, thumbnail
from ampnet.dataset.quality.original_set import SetTones, TraitCount
from ampnet.errors import DataError, ImageError
from ampnet.files.opening import read_bytes
from ampnet.files.printable import printable
from ampnet.media.alterations import histogram, tonal_traits
from ampnet.media.decoding import MAX_BYTES
from ampnet.media.prepared import decode_prepared
from ampnet.runtime.progress import Advance
from ampnet.runtime.threads import in_order
from ampnet.settings import IMAGE_SIZE

AHEAD = 1024
"""Files that are read before their turn; bounds memory."""

_Fingerprint = tuple[int, NDArray[np.uint8] | None, tuple[str, ...]]


@dataclass(frozen=True)
class Fingerprints:
    """Data on each image for the duplicate search."""

    thumbnails: NDArray[np.uint8]
    """``(N, 24, 24)`` grey."""
    digests: NDArray[np.uint64]
    """``(N,)`` hashes of the files."""
    unreadable: list[int]
    """Positions of images that cannot be decoded."""
    traits: list[tuple[str, ...]]
    """Traits of each prepared image, of those that survive resizing and compression."""


@dataclass(frozen=True)
class Leak:
    """Overlap of one split with another."""

    split: str
    other: str
    images: int
    """Images of ``split`` with a duplicate in ``other``."""
    share: float
    """Fraction of the images of ``split``, in [0, 1]."""


@dataclass(frozen=True)
class CheckReport:
    """Results of the checks; counts are of usable faces."""

    images: int
    classes: dict[str, dict[str, int]]
    """Split -> class -> faces, with the splits that training uses."""
    coverage: dict[str, float]
    """Class -> fraction of its input images with a detected face; empty without faces.csv."""
    exact_copies: int
    """Images identical, byte for byte, to an earlier one."""
    near_copies: int
    """Further images that look the same as an earlier one."""
    contradictions: int
    """Pairs of duplicates with different classes."""
    leaks: list[Leak]
    shared_subjects: dict[str, list[str]]
    """Person -> splits, for people in more than one."""
    outside: list[str]
    """Names of faces with landmarks outside the frame."""
    unreadable: list[str]
    """Names of images that cannot be decoded."""
    traits: dict[str, TraitCount]
    """Trait of altered or synthetic images -> the input images that have it."""
    warnings: list[str]
    """Signs that this is not the original data set, one sentence each."""
    duplicates: Duplicates = field(repr=False)

    @property
    def imbalance(self) -> float:
        """Ratio of the largest class to the smallest, in train if there is one, else in the first split."""
        counts = self.classes.get("train") or next(iter(self.classes.values()))
        return max(counts.values()) / max(min(counts.values()), 1)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values for JSON, without the pairs."""
        plain = {key: value for key, value in vars(self).items() if key not in ("duplicates", "leaks", "traits")}
        return {
            **plain,
            "imbalance": round(self.imbalance, 2),
            "leaks": [asdict(leak) for leak in self.leaks],
            "traits": {trait: asdict(count) for trait, count in self.traits.items()},
        }


def read_fingerprints(index: FaceIndex, threads: int, advance: Advance) -> Fingerprints:
    """Compute thumbnail, traits and file hash of every prepared image."""
    thumbnails = np.zeros((len(index), SIDE, SIDE), dtype=np.uint8)
    digests = np.zeros(len(index), dtype=np.uint64)
    unreadable: list[int] = []
    traits: list[tuple[str, ...]] = []
    with ThreadPoolExecutor(threads) as pool:
        paths = (index.image_path(position) for position in range(len(index)))
        answers = in_order(_fingerprint, paths, pool, AHEAD)
        for position, (_path, (digest, small, found)) in enumerate(answers):
            digests[position] = digest
            traits.append(found)
            if small is None:
                unreadable.append(position)
            else:
                thumbnails[position] = small
            advance()
    return Fingerprints(thumbnails, digests, unreadable, traits)


def check_index(index: FaceIndex, fingerprints: Fingerprints) -> CheckReport:
    """Find everything that would make results on this data set untrustworthy.

    Of a hand-made index, the prepared images are examined for the traits that survive resizing.

    Args:
        fingerprints: from :func:`read_fingerprints`.
    """
    splits = split_names(index)
    tones = SetTones()
    found, total, people = _read_rows(index.rows(), dict(zip(index.names, splits.tolist(), strict=True)), tones)
    if not tones.images:
        for image, traits in zip(index.names, fingerprints.traits, strict=True):
            tones.add(image, traits)

    duplicates = _readable_only(find_duplicates(fingerprints.thumbnails, fingerprints.digests), fingerprints.unreadable)
    first, second = duplicates.pairs[:, 0], duplicates.pairs[:, 1]
    exact = len(index) - len(np.unique(copy_groups(len(index), duplicates.pairs[duplicates.exact])))
    groups = copy_groups(len(index), duplicates.pairs)
    away = ((index.landmarks < 0) | (index.landmarks > IMAGE_SIZE)).any(axis=(1, 2))
    return CheckReport(
        images=len(index),
        classes={
            split: {
                name: int((index.labels[splits == split] == label).sum())
                for label, name in enumerate(index.class_names)
            }
            for split in ("train", "val", "test")
            if (splits == split).any()
        },
        coverage={name: found[name] / total[name] for name in index.class_names if total[name]},
        exact_copies=exact,
        near_copies=len(index) - len(np.unique(groups)) - exact,
        contradictions=int((index.labels[first] != index.labels[second]).sum()),
        leaks=_leaks(groups, splits),
        shared_subjects={printable(person): sorted(used) for person, used in sorted(people.items()) if len(used) > 1},
        outside=[index.names[position] for position in np.flatnonzero(away)],
        unreadable=[index.names[position] for position in fingerprints.unreadable],
        traits=tones.counts(),
        warnings=tones.warnings(index.layout),
        duplicates=duplicates,
    )


def _fingerprint(path: Path) -> _Fingerprint:
    try:
        data = read_bytes(path, MAX_BYTES)
    except DataError:
        return 0, None, ()
    digest = int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big")
    try:
        grey = decode_prepared(data, grey=True, reduction=4)  # fast: from a few of a JPEG's DCT coefficients
    except ImageError:
        return digest, None, ()
    return digest, thumbnail(grey), tonal_traits(histogram(grey))


def _read_rows(
    rows: Iterable[FaceRow], split_of: dict[str, str], tones: SetTones
) -> tuple[Counter[str], Counter[str], dict[str, set[str]]]:
    """Count detected and all images by class, and collect each person's splits and the tones."""
    found: Counter[str] = Counter()
    total: Counter[str] = Counter()
    people: dict[str, set[str]] = {}
    for row in rows:
        total[row.class_name] += 1
        found[row.class_name] += row.status in ("detected", "retried")
        if row.subject and row.name in split_of:
            people.setdefault(row.subject, set()).add(split_of[row.name])
        if row.grey_mean is not None and row.grey_spread is not None:
            tones.add(row.source, row.traits, (row.grey_mean, row.grey_spread))
    return found, total, people


def _readable_only(duplicates: Duplicates, unreadable: list[int]) -> Duplicates:
    """Drop pairs with images that cannot be decoded: those are damaged, not duplicates."""
    if not unreadable:
        return duplicates
    kept = ~np.isin(duplicates.pairs, unreadable).any(axis=1)
    return Duplicates(duplicates.pairs[kept], duplicates.similarity[kept], duplicates.exact[kept])


def _leaks(groups: NDArray[np.int64], splits: NDArray[np.str_]) -> list[Leak]:
    """Count the images of each evaluation split with a duplicate in a split used for training or selection."""
    leaks: list[Leak] = []
    for split, other in (("test", "train"), ("test", "val"), ("val", "train")):
        mine = groups[splits == split]
        images = int(np.isin(mine, groups[splits == other]).sum())
        if images:
            leaks.append(Leak(split, other, images, images / len(mine)))
    return leaks
