"""The faces that `ampnet robustness` measures: those of a split, a random sample to corrupt, and those of lists."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from ampnet.checkpoints.checkpoint import Checkpoint
from ampnet.checkpoints.header import run_settings
from ampnet.dataset.index.face_index import FaceIndex
from ampnet.dataset.index.face_names import row_of_name, split_of
from ampnet.dataset.index.splits import split_indices
from ampnet.dataset.loading.dataset import FaceDataset
from ampnet.dataset.sources.source_files import EXTENSIONS
from ampnet.errors import DataError
from ampnet.evaluation.matching import ClassMatch
from ampnet.files.opening import read_text
from ampnet.files.printable import counted, printable
from ampnet.settings import RobustnessConfig

MAX_BYTES = 64 << 20
MAX_TYPES = 20
"""Maximum number of different values of a third column that is a type."""


@dataclass(frozen=True, eq=False)
class Subset:
    """The faces that a list names."""

    name: str
    """The file's stem; its path if another list has that stem."""
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
    """Read a list of hard images and find its faces.

    Occlusion-RAF-DB, Pose-RAF-DB, their FER+ and AffectNet counterparts (Wang et al. 2020, arXiv:1905.04075) and FED-RO
    name images in their own ways: ``test_0003_aligned 3 4``, ``0/test_0004_aligned.jpg``, ``1_fer0034656.png 8 0``,
    ``0/fer0032226.jpg``, ``7/3c02...b203/8.jpg``, ``anger/occ_img_1.jpg``. Their label codes differ from set to set, so
    labels are always the index's.

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
        raise DataError(f"{printable(path)}: none of its {len(lines):,} names is in this split{first}")
    types = _by_type(found)
    return Subset(printable(path.stem), np.sort(list(found)), types, len(lines), duplicates, tuple(unknown))


def _told_apart(subsets: Mapping[Path, Subset]) -> list[Subset]:
    """Name lists of one stem by their whole paths, so that none takes another's place in the report."""
    stems = [subset.name for subset in subsets.values()]
    return [
        subset if stems.count(subset.name) == 1 else replace(subset, name=printable(path))
        for path, subset in subsets.items()
    ]


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
        if source.lower().endswith(EXTENSIONS):  # prepare names images in tables such as fer2013.csv by their row
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


@dataclass(frozen=True, eq=False)
class MeasuredFaces:
    """What is measured: the faces of a split, those to corrupt, and those of the lists."""

    index: FaceIndex
    """The N faces to measure, in the order of the data set."""
    sample: NDArray[np.int64]
    """``(M,)`` positions of those to corrupt."""
    subsets: tuple[tuple[Subset, NDArray[np.int64]], ...]
    """Each list, and the positions of its faces."""
    notes: tuple[str, ...]

    def parts(self) -> dict[tuple[str, str], NDArray[np.int64]]:
        """Return the positions of each list's faces, and of each type in it."""
        found = {}
        for subset, positions in self.subsets:
            found[subset.name, "all"] = positions
            place = dict(zip(subset.positions.tolist(), positions.tolist(), strict=True))
            for kind, of_kind in subset.types.items():
                found[subset.name, f"type {kind}"] = np.array([place[position] for position in of_kind.tolist()])
        return found


def choose_faces(
    index: FaceIndex, matches: Sequence[ClassMatch], checkpoints: Sequence[Checkpoint], config: RobustnessConfig
) -> MeasuredFaces:
    """Collect the faces of a split, the random sample to corrupt, and the faces of the lists.

    Args:
        matches: its classes in those of every network; faces of other classes are left out.
        checkpoints: of the networks, whose runs may each have held out a validation split.
        config: split, sample size, seed and lists.

    Raises:
        DataError: the split is empty or unreadable, the baseline held out other faces, or a list cannot be used.
    """
    seeds = [run_settings(checkpoint.config).seed for checkpoint in checkpoints]
    chosen, *others = (split_indices(index, seed=seed)[config.split] for seed in seeds)  # what the run itself held out
    if any(not np.array_equal(chosen, other) for other in others):
        raise DataError(
            f"the baseline was trained with seed {seeds[1]}, which holds out other images as {config.split} than seed "
            f"{seeds[0]}; measure --split test, or give a --baseline of the same seed"
        )
    for match in matches:
        chosen = chosen[match.codes[index.labels[chosen]] >= 0]
    if not len(chosen):
        filled = sorted(set(index.splits) - {""}) or ["train", "val", "test"]
        raise DataError(f"{config.data} has no image in the split {config.split}; it has {', '.join(filled)}")
    split, notes = _readable(index.subset(chosen))
    if rejected := sum(index.undetected.get(config.split, {}).values()):
        notes.append(
            f"{counted(rejected, 'image')} without a face not in the suite; `ampnet eval` counts them as errors"
        )
    wanted = len(split) if config.images is None else min(config.images, len(split))
    in_order = sorted(range(len(split)), key=lambda i: _draw(config.seed, split.names[i]))
    sample = np.sort(in_order[:wanted])
    subsets = _told_apart({path: read_subset(path, split) for path in config.subsets})
    for subset in subsets:
        notes.append(_describe(subset))
    measured = np.unique(np.concatenate([sample, *(subset.positions for subset in subsets)]))
    placed = tuple((subset, np.searchsorted(measured, subset.positions)) for subset in subsets)
    return MeasuredFaces(split.subset(measured), np.searchsorted(measured, sample), placed, tuple(notes))


def _draw(seed: int, name: str) -> bytes:
    """Return a face's random rank: the sample of one size is part of that of any larger size."""
    return hashlib.blake2b(f"{seed}/{name}".encode(errors="surrogateescape"), digest_size=8).digest()


def _readable(faces: FaceIndex) -> tuple[FaceIndex, list[str]]:
    dataset = FaceDataset(faces, np.arange(len(faces)), image_size=8, color="grey")
    broken = []
    for position in range(len(faces)):
        try:
            dataset.decode(position)
        except DataError:
            broken.append(position)
    if not broken:
        return faces, []
    if len(broken) == len(faces):
        raise DataError(f"cannot read any of the {len(faces):,} images in {faces.root / 'dataset'}; run prepare again")
    first = printable(faces.names[broken[0]])
    note = f"{counted(len(broken), 'image')} left out as unreadable, such as {first}; `ampnet check` lists them"
    return faces.subset(np.setdiff1d(np.arange(len(faces)), broken)), [note]


def _describe(subset: Subset) -> str:
    unknown = f", {len(subset.unknown):,} not in this split, such as {subset.unknown[0]}" if subset.unknown else ""
    repeated = f", {subset.duplicates:,} repeated" if subset.duplicates else ""
    return (
        f"{subset.name}: {counted(len(subset.positions), 'face')}; {counted(subset.listed, 'line')}{repeated}{unknown}"
    )
