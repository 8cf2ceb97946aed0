"""The record of finished chunks, from which an interrupted prepare is resumed."""

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, get_args

import msgspec

from ampnet.dataset.index.image_files import is_image_name
from ampnet.dataset.index.index_files import JOURNAL_FOLDER
from ampnet.dataset.index.raw_images import SourceImage
from ampnet.dataset.preparation.frames import PreparedFace
from ampnet.errors import DataError
from ampnet.faces.framing import Crop
from ampnet.files.documents import QUOTED, are_finite, quoted, read_json
from ampnet.files.names import path_of_text
from ampnet.files.opening import open_regular
from ampnet.files.printable import printable
from ampnet.files.writing import atomic_write

CURE = "start over with --force"

_PLAN_FILE = "plan.json"
_MAX_CHUNK_BYTES = 64 << 20  # of 64 images with 1,000 faces each
_MAX_RECORD_BYTES = 1 << 40


@dataclass(frozen=True)
class _Chunk:
    """A line of the record."""

    faces: list[PreparedFace]


class Journal:
    """The record of a running prepare: its plan, and one line for each finished chunk.

    Only complete lines count, so a process killed while writing loses that line and nothing else. Earlier versions
    shared the work between processes with a file each, ``done-<number>.jsonl``; all such files are read.
    """

    def __init__(self, index_folder: Path) -> None:
        self.folder = index_folder / JOURNAL_FOLDER
        self._places: dict[int, tuple[Path, int]] = {}
        self._read_to: dict[Path, int] = {}

    def plan(self) -> dict[str, Any] | None:
        """Read the plan of an interrupted run; None if there is none.

        Raises:
            DataError: the plan cannot be read.
        """
        path = self.folder / _PLAN_FILE
        if not path.is_file():
            return None
        plan = read_json(path, dict[str, Any], CURE)
        if plan.get("crop") not in get_args(Crop) or not isinstance(plan.get("crop_reason"), str):
            raise DataError(f"{path} does not say how to crop; {CURE}")
        return plan

    def start(self, plan: dict[str, Any]) -> None:
        """Write the plan of a new run, discarding any earlier record."""
        self.remove()
        self._places.clear()
        self._read_to.clear()
        with atomic_write(self.folder / _PLAN_FILE) as aside:
            aside.write_text(json.dumps(plan, indent=1, allow_nan=False) + "\n", encoding="utf-8")

    def finished(self) -> set[int]:
        """Return the finished chunks; reads only lines added since the last call.

        Raises:
            DataError: the record cannot be read.
        """
        for path in sorted(self.folder.glob("done-*.jsonl")):
            offset = self._read_to.get(path, 0)
            with _open_record(path) as file:
                file.seek(offset)
                while line := file.readline(_MAX_CHUNK_BYTES):
                    if not line.endswith(b"\n"):
                        break  # still being written, or truncated by a kill
                    if (chunk := _chunk_of(line)) is not None:
                        self._places[chunk] = path, offset
                    offset += len(line)
            self._read_to[path] = offset
        return set(self._places)

    def faces(self, items: Sequence[SourceImage]) -> Iterator[PreparedFace]:
        """Read the faces of all chunks that :meth:`finished` found, in the data set's order.

        Args:
            items: the data set's images.

        Raises:
            DataError: the record does not fit the data set, or names a file that prepare would not.
        """
        files = {path: _open_record(path) for path in {path for path, _offset in self._places.values()}}
        try:
            for chunk in sorted(self._places):
                path, offset = self._places[chunk]
                files[path].seek(offset)
                try:
                    yield from _faces_of(files[path].readline(_MAX_CHUNK_BYTES), items)
                except (ValueError, RecursionError) as error:
                    raise DataError(f"{path}: chunk {chunk} is damaged ({printable(error, QUOTED)}); {CURE}") from error
        finally:
            for file in files.values():
                file.close()

    def writer(self) -> "JournalWriter":
        """Open the record to append to it; use as a context manager."""
        return JournalWriter(self.folder / "done-0000.jsonl")

    def remove(self) -> None:
        """Delete the record."""
        shutil.rmtree(self.folder, ignore_errors=True)


class JournalWriter:
    """Appends finished chunks to the record."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = open(path, "ab", opener=_without_links)  # noqa: SIM115 (pathlib takes no opener)
        except OSError as error:
            raise DataError(f"cannot write {path}: {error.strerror}; {CURE}") from error
        if path.stat().st_size and not _ends_with_newline(path):
            self._file.write(b"\n")  # ends a line truncated by a kill, so that ours starts on a new one

    def add(self, chunk: int, faces: list[PreparedFace]) -> None:
        """Record a chunk once all of its files are written.

        Raises:
            DataError: the record cannot be written.
        """
        line = json.dumps({"chunk": chunk, "faces": [asdict(face) for face in faces]}, separators=(",", ":"))
        try:
            self._file.write(line.encode("ascii") + b"\n")
            self._file.flush()
        except OSError as error:
            raise DataError(f"cannot write {self._path}: {error.strerror or error}; free some space") from error

    def __enter__(self) -> "JournalWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            os.fsync(self._file.fileno())
        with suppress(OSError):
            self._file.close()


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _without_links(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o666)


def _open_record(path: Path) -> BinaryIO:
    try:
        return open_regular(path, _MAX_RECORD_BYTES)
    except DataError as error:
        raise DataError(f"cannot read {path}: {error}; {CURE}") from error


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
