"""The faces that `ampnet robustness` measures: those of a split, a random sample to corrupt, and those of lists."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ampnet.checkpoints.checkpoint import Checkpoint
from ampnet.dataset.index.face_index import FaceIndex
from ampnet.dataset.index.splits import split_indices
from ampnet.dataset.index.subset_list import Subset, read_subset
from ampnet.dataset.loading.dataset import FaceDataset
from ampnet.errors import DataError
from ampnet.evaluation.matching import ClassMatch
from ampnet.files.printable import counted, printable
from ampnet.settings import RobustnessConfig, TrainConfig


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
    index: FaceIndex, matches: Sequence[ClassMatch], checkpoint: Checkpoint, config: RobustnessConfig
) -> MeasuredFaces:
    """Collect the faces of a split, the random sample to corrupt, and the faces of the lists.

    Args:
        matches: its classes in those of every network; faces of other classes are left out.
        checkpoint: its run may have held out a validation split.
        config: split, sample size, seed and lists.

    Raises:
        DataError: the split is empty or unreadable, or a list cannot be used.
    """
    seed = checkpoint.config.get("seed", TrainConfig.seed)  # so that val is what the run itself held out
    chosen = split_indices(index, seed=seed)[config.split]
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
    subsets = [read_subset(path, split) for path in config.subsets]
    for subset in subsets:
        notes.append(_describe(subset))
    measured = np.unique(np.concatenate([sample, *(subset.positions for subset in subsets)]))
    placed = tuple((subset, np.searchsorted(measured, subset.positions)) for subset in subsets)
    return MeasuredFaces(split.subset(measured), np.searchsorted(measured, sample), placed, tuple(notes))


def _draw(seed: int, name: str) -> bytes:
    """Return a face's random rank: the sample of one size is part of that of any larger size."""
    return hashlib.blake2b(f"{seed}/{name}".encode(errors="surrogateescape"), digest_size=8).digest()


def _readable(faces: FaceIndex) -> tuple[FaceIndex, list[str]]:
    """Leave out the images that cannot be read."""
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
