"""The record of finished chunks, from which an interrupted prepare is resumed."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

from ampnet.data.preparation.faces_table import FaceRow
from ampnet.data.preparation.frames import PreparedFace
from ampnet.errors import DataError
from ampnet.media.files import atomic_write, read_json

FOLDER = ".prepare"
"""Folder inside ``index/`` that exists while prepare runs."""

_PLAN_FILE = "plan.json"


class Journal:
    """The record of a running prepare: its plan, and one line for each finished chunk.

    Every process appends to its own file; only complete lines count, so a process killed while writing loses that line
    and nothing else.
    """

    def __init__(self, index_folder: Path) -> None:
        self.folder = index_folder / FOLDER
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
        plan: dict[str, Any] = read_json(path, dict, "start over with --force")
        return plan

    def start(self, plan: dict[str, Any]) -> None:
        """Write the plan of a new run, discarding any earlier record."""
        self.remove()
        self._places.clear()
        self._read_to.clear()
        with atomic_write(self.folder / _PLAN_FILE) as aside:
            aside.write_text(json.dumps(plan, indent=1) + "\n", encoding="utf-8")

    def finished(self) -> set[int]:
        """Return the chunks finished by any process; reads only lines added since the last call."""
        for path in sorted(self.folder.glob("done-*.jsonl")):
            offset = self._read_to.get(path, 0)
            with path.open("rb") as file:
                file.seek(offset)
                for line in file:
                    if not line.endswith(b"\n"):
                        break  # still being written, or truncated by a kill
                    if (chunk := _chunk_of(line)) is not None:
                        self._places[chunk] = path, offset
                    offset += len(line)
            self._read_to[path] = offset
        return set(self._places)

    def faces(self) -> Iterator[PreparedFace]:
        """Read the faces of all chunks that :meth:`finished` found, in the data set's order."""
        files = {path: path.open("rb") for path in {path for path, _offset in self._places.values()}}
        try:
            for chunk in sorted(self._places):
                path, offset = self._places[chunk]
                files[path].seek(offset)
                for plain in json.loads(files[path].readline())["faces"]:
                    yield _face(plain)
        finally:
            for file in files.values():
                file.close()

    def writer(self, rank: int = 0) -> "JournalWriter":
        """Open this process's part of the record; use as a context manager."""
        return JournalWriter(self.folder / f"done-{rank:04d}.jsonl")

    def remove(self) -> None:
        """Delete the record."""
        shutil.rmtree(self.folder, ignore_errors=True)


class JournalWriter:
    """Appends finished chunks to one process's part of the record."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("ab")
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


def _chunk_of(line: bytes) -> int | None:
    try:
        return int(json.loads(line)["chunk"])
    except (ValueError, KeyError, TypeError):
        return None  # truncated by a kill


def _face(plain: dict[str, Any]) -> PreparedFace:
    row = plain["row"]
    box = None if row["box"] is None else tuple(row["box"])
    return PreparedFace(
        item=plain["item"],
        row=FaceRow(**{**row, "box": box, "traits": tuple(row.get("traits", ()))}),
        landmarks=tuple(plain["landmarks"]),
        relative_landmarks=tuple(plain["relative_landmarks"]),
        side=plain["side"],
        grey=plain["grey"],
    )
