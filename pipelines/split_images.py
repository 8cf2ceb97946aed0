"""The images of a split as an evaluation sees them: usable faces first, then what `ampnet prepare` rejected."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ampnet.checkpoints.checkpoint import Checkpoint
from ampnet.checkpoints.header import run_settings
from ampnet.dataset.index.face_index import FaceIndex
from ampnet.dataset.index.faces_table import FaceRow
from ampnet.dataset.index.folds import FOLDS_FILE, read_folds
from ampnet.dataset.index.index_files import FACES_FILE, PAIRS_FILE
from ampnet.dataset.index.splits import split_indices
from ampnet.dataset.quality.duplicates import copies_of, read_pairs
from ampnet.errors import DataError, UsageError
from ampnet.evaluation.agreement import CrowdVotes
from ampnet.evaluation.matching import ClassMatch, match_classes
from ampnet.evaluation.predictions import SplitImages
from ampnet.evaluation.runs import FEW_PEOPLE, clusters_of
from ampnet.files.opening import read_text
from ampnet.files.printable import as_text, printable
from ampnet.settings import Split
from ampnet.training.run_folder import CONFIG, MAX_CONFIG_BYTES, hash_data

MAX_UNLISTED = 1_000_000
"""Maximum number of rejected images of which only the number is known."""


@dataclass(frozen=True, eq=False)
class EvaluatedSplit:
    """A split of a prepared data set, in the classes of a network."""

    match: ClassMatch
    """The data set's classes in the network's."""
    faces: FaceIndex
    """The usable faces, n of them; images of classes that the network does not have are left out."""
    images: SplitImages
    """All images: the n faces in the same order, then the rejected ones."""
    rows: tuple[FaceRow | None, ...]
    """What faces.csv says about each of the images; None if it does not."""
    elsewhere: tuple[str, ...]
    """Names and sources of the data set's other images, as far as the index holds them."""
    unassigned: int
    """Images without a face that belong to no split, since the data set has no official splits."""


def read_split(index: FaceIndex, split: Split | None, class_names: Sequence[str], seed: int) -> EvaluatedSplit:
    """Collect the images of one split, or of all.

    Args:
        split: which split; None collects all images, so that there are no others to be copies of.
        class_names: the network's classes.
        seed: of the run that may have held out a validation split.

    Raises:
        DataError: the split is empty, data and network share fewer than two classes, or a file of the index is damaged.
    """
    match = match_classes(index.class_names, class_names)
    parts = split_indices(index, seed=seed)
    own = parts[split] if split else np.arange(len(index))
    chosen = own[match.codes[index.labels[own]] >= 0]
    rows = list(_rows(index))
    rejected = [row for row in rows if row.status == "rejected" and split in (None, row.split)]
    if not len(chosen) and not rejected:
        filled = [name for name in ("train", "val", "test") if len(parts[name])]
        raise DataError(f"{index.root} has no image in the split {split}; it has {', '.join(filled)}")
    faces = index.subset(chosen)
    codes = {name: int(code) for name, code in zip(index.class_names, match.codes, strict=True)}
    if unknown := next((row.class_name for row in rejected if row.class_name not in codes), None):
        raise DataError(
            f"index/{FACES_FILE} has the class {printable(unknown)}, which index/meta.json does not; run prepare again"
        )
    rejected = [row for row in rejected if codes[row.class_name] >= 0]
    of_name = {row.name: row for row in rows if row.name}
    sources = {name: row.source for name, row in of_name.items()}
    names = (*faces.names, *("" for _ in rejected))
    unscored = ["unreadable" if row.reason and not row.width else "undetected" for row in rejected]
    of_images = (*(of_name.get(name) for name in faces.names), *rejected)
    return EvaluatedSplit(
        match=match,
        faces=faces,
        images=SplitImages(
            class_names=tuple(class_names),
            names=names,
            sources=(*(sources.get(name, "") for name in faces.names), *(row.source for row in rejected)),
            labels=np.array(
                [*match.codes[faces.labels].tolist(), *(codes[row.class_name] for row in rejected)], dtype=np.int64
            ),
            status=np.array(["scored"] * len(faces) + unscored, dtype="<U10"),
            copies=_copies(index, split, names, parts["train"].tolist()) if split else None,
            votes=_votes(faces, class_names, len(rejected)),
            clusters=clusters_of([row.subject if row else "" for row in of_images]),
        ),
        rows=of_images,
        elsewhere=_elsewhere(rows, index, set(names), split),
        unassigned=sum(index.undetected.get("", {}).values()) if split else 0,
    )


def people_of(split: EvaluatedSplit) -> list[str]:
    """Return the person in each image; empty where unknown."""
    return [row.subject if row else "" for row in split.rows]


def people_note(people: Sequence[str]) -> list[str]:
    """Say that intervals are over people, if at least two are known."""
    known = len({*people} - {""})
    if known < 2:
        return []
    narrow = f"; with fewer than {FEW_PEOPLE} they are too narrow (with 2 people, half hold the truth; with 5, 83%)"
    return [f"intervals resample the {known:,} people, not single images{narrow if known < FEW_PEOPLE else ''}"]


def refuse_seen_faces(checkpoint: Checkpoint, index: FaceIndex) -> None:
    """Refuse to measure the run of one fold on its own data set, whose splits it was not trained by.

    Raises:
        UsageError: it is such a run.
    """
    if not run_settings(checkpoint.config).fold or checkpoint.file is None:
        return
    folder = checkpoint.file.parent.parent
    try:
        read_folds(folder / FOLDS_FILE, index)
    except DataError:
        return  # other faces, or a run that has left its folder
    raise UsageError(
        f"{printable(checkpoint.file)} is the run of one fold, trained on most of these images; measure all folds "
        f"together: ampnet eval {printable(folder)}"
    )


def changed_since(checkpoint: Checkpoint, index: FaceIndex) -> list[str]:
    """Note that a data set was prepared again since a run was trained on it: with other faces, splits may be others."""
    if checkpoint.file is None or (index.shards is not None and index.shards.only):
        return []
    on_votes = run_settings(checkpoint.config).on_votes
    try:
        about = json.loads(read_text(checkpoint.file.with_name(CONFIG), MAX_CONFIG_BYTES))["data"]
        is_so = about["root"] == as_text(index.root.resolve()) and about["sha256"] != hash_data(index, on_votes)
    except (DataError, OSError, ValueError, LookupError, TypeError, RecursionError):  # not in a run's folder any more
        return []
    note = "the data were prepared again after the run was trained: it may have seen faces of this split"
    return [note] if is_so else []


def _rows(index: FaceIndex) -> Sequence[FaceRow]:
    """Read the rows of all images; of an index without them, only the counts of the rejected ones are known."""
    if rows := list(index.rows()):
        return rows
    total = sum(count for by_class in index.undetected.values() for count in by_class.values())
    if total > MAX_UNLISTED:
        raise DataError(
            f"{index.root}/index counts {total:,} images without a face, but holds no {FACES_FILE}; run prepare again"
        )
    return [
        row
        for split, by_class in index.undetected.items()
        for class_name, count in by_class.items()
        for row in [FaceRow("", "", split, class_name, "rejected")] * count
    ]


def _copies(index: FaceIndex, split: Split, names: Sequence[str], train: Sequence[int]) -> NDArray[np.str_] | None:
    path = index.root / "index" / PAIRS_FILE
    if split == "train" or not path.exists():
        return None
    pairs, training = read_pairs(path), [index.names[position] for position in train]
    if index.shards is not None and index.shards.only:  # so no other names are in memory
        training = [
            name for pair in pairs for name, part in zip(pair.names, pair.splits, strict=True) if part == "train"
        ]
    return copies_of(pairs, list(names), training)


def _votes(faces: FaceIndex, class_names: Sequence[str], rejected: int) -> CrowdVotes | None:
    """Collect the votes; rejected images have none."""
    if faces.votes is None:
        return None
    return CrowdVotes(
        np.pad(faces.votes.on_classes(class_names), ((0, rejected), (0, 0))),
        np.pad(faces.votes.counts.sum(axis=1), (0, rejected)),
        np.pad(faces.votes.calls_no_face(), (0, rejected)),
        faces.votes.columns,
        np.pad(faces.votes.counts, ((0, rejected), (0, 0))),
    )


def _elsewhere(rows: Sequence[FaceRow], index: FaceIndex, names: set[str], split: Split | None) -> tuple[str, ...]:
    others = [name for name in index.names if name not in names]
    of_rows = [row.source for row in rows if (row.name not in names if row.name else split not in (None, row.split))]
    return (*others, *of_rows)
