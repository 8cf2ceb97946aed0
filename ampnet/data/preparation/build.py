"""The last step of prepare: writing index/ from the finished chunks."""

import json
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import ampnet
from ampnet.config import IMAGE_SIZE
from ampnet.data.index.face_index import (
    FACES_FILE,
    FAILURES_FILE,
    LABEL_BASE_WITH_SPLITS,
    LABELS_FILE,
    LANDMARKS_FILE,
    META_FILE,
)
from ampnet.data.index.image_files import (
    OTHER_OUT,
    is_image_name,
    not_ours,
    refuse_linked_folder,
    removable,
    remove,
)
from ampnet.data.index.label_votes import VOTES_FILE
from ampnet.data.index.landmarks_file import write_landmarks
from ampnet.data.index.splits import reference_split_8_2
from ampnet.data.preparation.faces_table import FaceRow, read_faces, write_faces, write_failures
from ampnet.data.preparation.frames import PreparedFace, write_template_frame
from ampnet.data.preparation.journal import FOLDER as JOURNAL_FOLDER
from ampnet.data.preparation.journal import Journal
from ampnet.data.preparation.votes_table import VoteCounts, VotesTable
from ampnet.data.preparation.work import FramePolicy
from ampnet.data.sources import Source
from ampnet.errors import DataError
from ampnet.faces.framing import measure_framing
from ampnet.media.documents import quoted
from ampnet.media.files import atomic_write

FORMAT_VERSION = 1

INDEX_FILES = (META_FILE, LABELS_FILE, LANDMARKS_FILE, FACES_FILE, FAILURES_FILE, VOTES_FILE)
"""Files of an index that a new one replaces or does without."""

Counts = dict[str, dict[str, dict[str, int]]]
"""Split -> class -> status -> input images."""


@dataclass(frozen=True)
class IndexCounts:
    """Counts of a data set's images by outcome."""

    table: Counts
    faces: int
    """Usable faces, the lines of data_label.txt."""
    votes: VoteCounts | None = None
    """Counts of the images with votes; None if the data set has none."""

    def status(self, status: str) -> int:
        """Count the rows with one status over all splits and classes."""
        return sum(row.get(status, 0) for classes in self.table.values() for row in classes.values())


@dataclass
class _Usable:
    """The usable faces in compact form, about 200 bytes each: those of the whole data set are held in memory."""

    names: list[str] = field(default_factory=list)
    labels: "array[int]" = field(default_factory=lambda: array("l"))
    splits: list[str] = field(default_factory=list)
    landmarks: "array[float]" = field(default_factory=lambda: array("f"))
    sides: "array[float]" = field(default_factory=lambda: array("f"))
    grey: "array[int]" = field(default_factory=lambda: array("b"))

    def add(self, face: PreparedFace, label: int) -> None:
        """Append a face."""
        self.names.append(face.row.name)
        self.labels.append(label)
        self.splits.append(face.row.split)
        self.landmarks.extend(face.landmarks)
        self.sides.append(face.side)
        self.grey.append(face.grey)


def build_index(
    root: Path, source: Source, journal: Journal, plan: dict[str, Any], frame_policy: FramePolicy, seconds: float
) -> IndexCounts:
    """Write the index files from the journal; meta.json last, so that its presence marks a complete index.

    Args:
        root: output folder of prepare.
        source: the data set.
        journal: record of the finished chunks.
        plan: settings to record.
        frame_policy: how faces are framed.
        seconds: elapsed time to record.

    Raises:
        DataError: there is no usable face, or a file cannot be written.
    """
    journal.finished()
    base = LABEL_BASE_WITH_SPLITS if source.has_splits else 0
    codes = {name: code for code, name in enumerate(source.class_names, start=base)}
    relative_landmarks = _mean_relative_landmarks(journal, source)
    usable = _Usable()
    table: Counts = {}
    votes = VotesTable(source) if source.vote_columns else None

    def rows() -> Iterator[FaceRow]:
        for face in _with_template(journal, source, relative_landmarks, frame_policy, root / "dataset"):
            row = face.row
            by_status = table.setdefault(row.split, {}).setdefault(row.class_name, {})
            by_status[row.status] = by_status.get(row.status, 0) + 1
            if row.status != "rejected":
                usable.add(face, codes[row.class_name])
            if votes is not None:
                votes.add(face)
            yield row

    index = root / "index"
    write_faces(index / FACES_FILE, rows())
    landmarks = np.array(usable.landmarks, dtype=np.float32).reshape(-1, 5, 2)
    write_failures(index / FAILURES_FILE, read_faces(index / FACES_FILE))
    with atomic_write(index / LABELS_FILE) as aside, aside.open("w", encoding="ascii", newline="\n") as file:
        file.writelines(f"{name} {label}\n" for name, label in zip(usable.names, usable.labels, strict=True))
    write_landmarks(index / LANDMARKS_FILE, usable.names, landmarks)
    if votes is not None:
        votes.write(index / VOTES_FILE)

    train = _training_part(usable.splits)
    grey_fraction = float(np.array(usable.grey)[train].mean())
    framing = measure_framing(landmarks[train], frame_policy.crop, grey_fraction, np.array(usable.sides)[train])
    meta = {
        "format_version": FORMAT_VERSION,
        "ampnet_version": ampnet.__version__,
        "class_names": list(source.class_names),
        "label_base": base,
        "splits": [split for split in ("train", "val", "test") if split in table],
        "image_size": IMAGE_SIZE,
        **plan,
        "framing": framing.to_dict(),
        "counts": table,
        **({} if votes is None else {"votes": votes.counts.to_dict()}),
        "elapsed_seconds": round(seconds, 1),
    }
    with atomic_write(index / META_FILE) as aside:
        aside.write_text(json.dumps(meta, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return IndexCounts(table, len(usable.names), None if votes is None else votes.counts)


def earlier_images(root: Path) -> list[str]:
    """List the images of an earlier index, which :func:`remove_index` may delete.

    Returns:
        Names of files in dataset/ that faces.csv names; empty without an index.

    Raises:
        DataError: the folder is not one that prepare wrote: a name leads out of dataset/ or is not one of prepare's,
            or a folder or a file is a link.
    """
    refuse_linked_output(root)
    index = root / "index"
    removable(index, INDEX_FILES)
    names: list[str] = []
    for row in read_faces(index / FACES_FILE, OTHER_OUT) if (index / FACES_FILE).is_file() else ():
        if row.name and not is_image_name(row.name):
            raise not_ours(f"{index / FACES_FILE} names {quoted(row.name)}")
        if row.name:
            names.append(row.name)
    return removable(root / "dataset", names)


def refuse_linked_output(root: Path) -> None:
    """Check that the folders to change in an output folder are in there.

    Raises:
        DataError: one is a link.
    """
    for folder in (root / "index", root / "index" / JOURNAL_FOLDER, root / "dataset"):
        refuse_linked_folder(folder)


def remove_index(root: Path, images: Sequence[str]) -> None:
    """Delete an index that prepare wrote, and its images; other files in the folders are kept.

    Args:
        root: output folder of prepare.
        images: from :func:`earlier_images`.

    Raises:
        DataError: a file cannot be deleted.
    """
    remove(root / "index", (META_FILE,))  # first: its presence marks a complete set
    remove(root / "dataset", images)
    remove(root / "index", INDEX_FILES)


def _mean_relative_landmarks(journal: Journal, source: Source) -> NDArray[np.float64] | None:
    """Average the relative landmarks over the detected training faces, or else over all; None without any."""
    total, count = np.zeros(10), 0
    fallback, fallback_count = np.zeros(10), 0
    for face in journal.faces(source.items):
        if not face.relative_landmarks:
            continue
        if face.row.split in ("train", ""):
            total += face.relative_landmarks
            count += 1
        fallback += face.relative_landmarks
        fallback_count += 1
    if count:
        return (total / count).reshape(5, 2)
    return (fallback / fallback_count).reshape(5, 2) if fallback_count else None


def _with_template(
    journal: Journal,
    source: Source,
    relative_landmarks: NDArray[np.float64] | None,
    frame_policy: FramePolicy,
    folder: Path,
) -> Iterator[PreparedFace]:
    faces = journal.faces(source.items)
    if relative_landmarks is None:
        first = next(faces)
        raise DataError(
            f"no face was found in any of the {len(source.items)} images of {source.items[0].root}"
            f" (the first, {first.row.source}: {first.row.reason})"
        )
    for face in faces:
        if face.row.status == "template":
            yield write_template_frame(face, source.items[face.item], relative_landmarks, frame_policy.crop, folder)
        else:
            yield face


def _training_part(splits: list[str]) -> NDArray[np.int64]:
    """Return the positions of the training faces; all faces of a data set with test faces only."""
    if not any(splits):
        return np.sort(np.array(reference_split_8_2(range(len(splits)))[0] or range(len(splits)), dtype=np.int64))
    train = np.flatnonzero(np.array(splits) == "train")
    return train if train.size else np.arange(len(splits))
