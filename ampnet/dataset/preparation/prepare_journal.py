"""What an interrupted prepare has finished: its chunks, with their faces."""

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

import msgspec

from ampnet.dataset.index.index_files import JOURNAL_FOLDER
from ampnet.dataset.index.prepared_images import is_image_name
from ampnet.dataset.index.raw_images import SourceImage
from ampnet.dataset.preparation.frames import PreparedFace
from ampnet.errors import DataError
from ampnet.faces.framing import Crop
from ampnet.files.documents import QUOTED, are_finite, quoted
from ampnet.files.journal import CURE, Journal
from ampnet.files.printable import path_of_text, printable

JOURNAL_FILE = "journal.jsonl"


@dataclass(frozen=True)
class _Chunk:
    """A line of the record."""

    faces: list[PreparedFace]


class PrepareJournal(Journal):
    """The record of a running prepare, with a line for each finished chunk, in a folder with its working files."""

    def __init__(self, index_folder: Path) -> None:
        self.folder = index_folder / JOURNAL_FOLDER
        super().__init__(self.folder / JOURNAL_FILE)
        self._places: dict[int, int] = {}
        self._read_to = 0

    def plan(self) -> dict[str, Any] | None:
        """Read the plan of an interrupted run; None if there is none.

        Raises:
            DataError: the plan cannot be read.
        """
        plan = super().plan()
        if plan is not None and (
            plan.get("crop") not in get_args(Crop) or not isinstance(plan.get("crop_reason"), str)
        ):
            raise DataError(f"{self.folder} does not say how to crop; {CURE}")
        return plan

    def restart(self, plan: dict[str, Any]) -> None:
        """Write the plan of a new run, discarding any earlier record and its working files."""
        self.remove()
        self._places.clear()
        self._read_to = 0
        self.start(plan)

    def finished(self) -> set[int]:
        """Return the finished chunks; reads only lines added since the last call.

        Raises:
            DataError: the record cannot be read.
        """
        for place, line in self.records(self._read_to):
            if (chunk := _chunk_of(line)) is not None:
                self._places[chunk] = place
            self._read_to = place + len(line)
        return set(self._places)

    def faces(self, items: Sequence[SourceImage]) -> Iterator[PreparedFace]:
        """Read the faces of all chunks that :meth:`finished` found, in the data set's order.

        Raises:
            DataError: the record does not fit the data set, or names a file that prepare would not.
        """
        chunks = sorted(self._places)
        for chunk, line in zip(chunks, self.read_at(self._places[chunk] for chunk in chunks), strict=True):
            try:
                yield from _faces_of(line, items)
            except (ValueError, RecursionError) as error:
                raise DataError(
                    f"{self.path}: chunk {chunk} is damaged ({printable(error, QUOTED)}); {CURE}"
                ) from error

    def add_chunk(self, chunk: int, faces: list[PreparedFace]) -> None:
        """Record a chunk once all of its files are written.

        Raises:
            DataError: the record cannot be written.
        """
        self.add({"chunk": chunk, "faces": [asdict(face) for face in faces]})

    def remove(self) -> None:
        """Delete the record and the working files."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _chunk_of(line: bytes) -> int | None:
    try:
        chunk = json.loads(line)["chunk"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None  # truncated by a kill
    return chunk if type(chunk) is int and chunk >= 0 else None


def _faces_of(line: bytes, items: Sequence[SourceImage]) -> Iterator[PreparedFace]:
    """Parse the faces of a chunk.

    Raises:
        ValueError: a value is not of its kind (msgspec's error is one), or not what prepare writes about these items.
    """
    for face in msgspec.convert(json.loads(line), _Chunk).faces:
        row, item = face.row, items[face.item] if 0 <= face.item < len(items) else None
        about = path_of_text(row.source), row.split, row.class_name
        if item is None or about != (item.relative, item.split, item.class_name):
            raise ValueError(f"image {face.item} is another one")
        if bool(row.name) == (row.status == "rejected") or (row.name and not is_image_name(row.name)):
            raise ValueError(f"the name {quoted(row.name)} is not that of an image in dataset/")
        points, relative = face.landmarks, face.relative_landmarks
        count = 10 if row.status in ("detected", "retried") else 0
        if not len(points) == len(relative) == count or not are_finite((*points, *relative, face.side)):
            raise ValueError(f"the landmarks of image {face.item} are not five finite points")
        yield face
