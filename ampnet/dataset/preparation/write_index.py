"""The last step of prepare: index/ from the faces of the finished chunks, which shards are made of as well."""

from array import array
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import ampnet
from ampnet.dataset.index.face_names import unique_names
from ampnet.dataset.index.faces_table import FaceRow, FaceStatus, read_faces, write_faces, write_failures
from ampnet.dataset.index.index_files import (
    FACES_FILE,
    FAILURES_FILE,
    LABELS_FILE,
    LANDMARKS_FILE,
    META_FILE,
    VOTES_FILE,
)
from ampnet.dataset.index.label_votes import LabelVotes, write_votes
from ampnet.dataset.index.landmarks_file import LABEL_BASE_WITH_SPLITS, write_landmarks
from ampnet.dataset.index.raw_images import RawDataSet
from ampnet.dataset.index.splits import reference_split_8_2
from ampnet.dataset.preparation.chunks import FramePolicy
from ampnet.dataset.preparation.frames import PreparedFace, write_template_frame
from ampnet.dataset.preparation.image_stores import ImageFiles, WriteImage
from ampnet.dataset.preparation.prepare_journal import PrepareJournal
from ampnet.errors import DataError
from ampnet.faces.framing import measure_framing
from ampnet.files.writing import atomic_write, write_json
from ampnet.settings import IMAGE_SIZE

StatusCounts = dict[str, dict[str, int]]
"""Split -> status -> input images."""

FOUND: tuple[FaceStatus, ...] = ("detected", "retried")


class VotesTable:
    """Counts the prepared images with votes by outcome, and writes their votes.

    Votes refer to images: if several faces of an image are kept (``--face all``), the first one gets them. A rejected
    image keeps its row, under the name that it would have had.
    """

    def __init__(self, source: RawDataSet) -> None:
        self.images: StatusCounts = {}
        """Images with votes."""
        self.no_face: StatusCounts = {}
        """Images whose most frequent answer is ``no_face``."""
        self._source = source
        nothing = (0.0,) * len(source.vote_columns)
        votes = np.array([item.votes or nothing for item in source.items], dtype=np.float32)
        self._no_face = LabelVotes(source.vote_columns, votes).calls_no_face()
        self._last = -1

    def add(self, face: PreparedFace) -> None:
        """Count a face; faces must come in the source's order."""
        item = self._source.items[face.item]
        if face.item == self._last or not item.votes:
            return
        self._last = face.item
        for counts in (self.images, *([self.no_face] if self._no_face[face.item] else [])):
            by_status = counts.setdefault(item.split, {})
            by_status[face.row.status] = by_status.get(face.row.status, 0) + 1

    def to_dict(self) -> dict[str, Any]:
        """Return the counts as values for JSON."""
        return {"images": self.images, "no_face": self.no_face}

    def line(self) -> str:
        """Summarise the counts in one line."""
        return (
            f"votes: {_sum(self.images):,} of {len(self._source.items):,} images have votes; of "
            f"{_sum(self.no_face):,} voted to show no face, the detector found a face in {_sum(self.no_face, FOUND):,}"
        )

    def write(self, path: Path) -> None:
        """Write the votes of all images that have any, under their prepared names."""
        pairs = zip(unique_names(self._source.items), self._source.items, strict=True)
        write_votes(path, self._source.vote_columns, ((name, item.votes) for name, item in pairs if item.votes))


def _sum(counts: StatusCounts, statuses: Collection[str] | None = None) -> int:
    """Sum the images over all splits, for some statuses or all."""
    return sum(
        count
        for by_status in counts.values()
        for status, count in by_status.items()
        if statuses is None or status in statuses
    )


FORMAT_VERSION = 1

OutcomeCounts = dict[str, dict[str, dict[str, int]]]
"""Split -> class -> status -> input images."""


@dataclass(frozen=True)
class IndexCounts:
    """Counts of a data set's images by outcome."""

    table: OutcomeCounts
    faces: int
    """Usable faces, the lines of data_label.txt."""
    votes: VotesTable | None = None
    """Counts of the images with votes; None if the data set has none."""
    unreadable: int = 0
    """Images that could not be read, among those rejected ..."""
    first_unreadable: str = ""
    """... and the path and reason of the first one."""

    def unusable(self) -> list[str]:
        """List the classes that have images for training, none of which is usable."""
        trained = self.table.get("train", self.table.get("", {}))
        return [name for name, row in trained.items() if row and set(row) == {"rejected"}]


@dataclass
class _Usable:
    """What meta.json needs of each usable face, about 60 bytes: those of the whole data set are held in memory."""

    splits: list[str] = field(default_factory=list)
    people: set[str] = field(default_factory=set)
    landmarks: "array[float]" = field(default_factory=lambda: array("f"))
    sides: "array[float]" = field(default_factory=lambda: array("f"))
    grey: "array[int]" = field(default_factory=lambda: array("b"))

    def add(self, face: PreparedFace) -> None:
        """Append a face."""
        self.splits.append(face.row.split)
        if face.row.subject:
            self.people.add(face.row.subject)
        self.landmarks.extend(face.landmarks)
        self.sides.append(face.side)
        self.grey.append(face.grey)


class FinishedFaces:
    """The faces of a journal's chunks, in the data set's order."""

    def __init__(self, source: RawDataSet, journal: PrepareJournal, frame_policy: FramePolicy) -> None:
        self.label_base = LABEL_BASE_WITH_SPLITS if source.has_splits else 0
        """First label of data_label.txt."""
        self.labels = {name: label for label, name in enumerate(source.class_names)}
        """Class -> label from 0."""
        self.votes = VotesTable(source) if source.vote_columns else None
        self.source, self.journal, self._frame_policy = source, journal, frame_policy
        self._usable = _Usable()
        self._table: OutcomeCounts = {}
        self._unreadable, self._first_unreadable = 0, ""

    def walk(self, write: WriteImage) -> Iterator[PreparedFace]:
        """Go through all faces, once; those without landmarks get the mean ones now.

        Args:
            write: takes the images of the latter, before they are yielded.

        Raises:
            DataError: there is no usable face, or the record is damaged.
        """
        self.journal.finished()
        for face in self._with_template(_mean_relative_landmarks(self.journal.faces(self.source.items)), write):
            row = face.row
            by_status = self._table.setdefault(row.split, {}).setdefault(row.class_name, {})
            by_status[row.status] = by_status.get(row.status, 0) + 1
            if row.status != "rejected":
                self._usable.add(face)
            if row.is_unreadable:
                self._unreadable += 1
                self._first_unreadable = self._first_unreadable or f"{row.source}: {row.reason}"
            if self.votes is not None:
                self.votes.add(face)
            yield face

    def _with_template(
        self, relative_landmarks: NDArray[np.float64] | None, write: WriteImage
    ) -> Iterator[PreparedFace]:
        faces, items = self.journal.faces(self.source.items), self.source.items
        if relative_landmarks is None:
            first = next(faces)
            raise DataError(
                f"no face was found in any of the {len(items)} images of {items[0].root}"
                f" (the first, {first.row.source}: {first.row.reason})"
            )
        for face in faces:
            is_late = face.row.status == "template"
            crop = self._frame_policy.crop
            yield write_template_frame(face, items[face.item], relative_landmarks, crop, write) if is_late else face

    def landmarks(self) -> NDArray[np.float32]:
        """Return ``(N, 5, 2)`` landmarks of the usable faces that have passed, in pixels of the 224-px image."""
        return np.array(self._usable.landmarks, dtype=np.float32).reshape(-1, 5, 2)

    def counts(self) -> IndexCounts:
        """Return what has passed."""
        failures = self._unreadable, self._first_unreadable
        return IndexCounts(self._table, len(self._usable.splits), self.votes, *failures)

    def write_meta(self, index: Path, plan: dict[str, Any], seconds: float) -> None:
        """Write meta.json, once all faces have passed.

        Raises:
            DataError: it cannot be written.
        """
        usable, policy = self._usable, self._frame_policy
        train = _training_part(usable.splits)
        grey_fraction = float(np.array(usable.grey)[train].mean())
        framing = measure_framing(self.landmarks()[train], policy.crop, grey_fraction, np.array(usable.sides)[train])
        meta = {
            "format_version": FORMAT_VERSION,
            "ampnet_version": ampnet.__version__,
            "class_names": list(self.source.class_names),
            "label_base": self.label_base,
            "splits": [split for split in ("train", "val", "test") if split in self._table],
            "image_size": IMAGE_SIZE,
            "people": len(usable.people),
            **({"licence": self.source.licence} if self.source.licence else {}),
            **plan,
            "framing": framing.to_dict(),
            "counts": self._table,
            **({} if self.votes is None else {"votes": self.votes.to_dict()}),
            "elapsed_seconds": round(seconds, 1),
        }
        write_json(index / META_FILE, meta)


def _mean_relative_landmarks(faces: Iterable[PreparedFace]) -> NDArray[np.float64] | None:
    """Average the relative landmarks over the detected training faces, or else over all; None without any."""
    sums = np.zeros((2, 11))  # of training faces, and of others: ten coordinates, and how many
    for face in faces:
        if face.relative_landmarks:
            sums[int(face.row.split not in ("train", ""))] += (*face.relative_landmarks, 1)
    *total, count = sums[0] if sums[0, -1] else sums[1]
    return np.array(total).reshape(5, 2) / count if count else None


def _training_part(splits: list[str]) -> NDArray[np.int64]:
    """Return the positions of the training faces; all faces of a data set with test faces only."""
    if not any(splits):
        return np.sort(np.array(reference_split_8_2(range(len(splits)))[0] or range(len(splits)), dtype=np.int64))
    train = np.flatnonzero(np.array(splits) == "train")
    return train if train.size else np.arange(len(splits))


def build_index(root: Path, finished: FinishedFaces, plan: dict[str, Any], seconds: float) -> IndexCounts:
    """Write the index files; data_label.txt last: without meta.json, it would be read as a hand-made index's.

    Raises:
        DataError: there is no usable face, or a file cannot be written.
    """
    images = ImageFiles(root / "dataset")
    names, labels = list[str](), array("l")

    def rows() -> Iterator[FaceRow]:
        for face in finished.walk(lambda name, content: images.write(0, name, content)):
            if face.row.status != "rejected":
                names.append(face.row.name)
                labels.append(finished.labels[face.row.class_name] + finished.label_base)
            yield face.row

    index = root / "index"
    write_faces(index / FACES_FILE, rows())
    write_failures(index / FAILURES_FILE, read_faces(index / FACES_FILE))
    write_landmarks(index / LANDMARKS_FILE, names, finished.landmarks())
    if finished.votes is not None:
        finished.votes.write(index / VOTES_FILE)
    finished.write_meta(index, plan, seconds)
    with atomic_write(index / LABELS_FILE) as aside, aside.open("w", encoding="ascii", newline="\n") as file:
        file.writelines(f"{name} {label}\n" for name, label in zip(names, labels, strict=True))
    return finished.counts()
