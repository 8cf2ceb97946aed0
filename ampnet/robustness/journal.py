"""The record of measured chunks, from which an interrupted robustness suite is resumed."""

import json
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np

from ampnet.errors import DataError, UsageError
from ampnet.files.opening import read_bytes
from ampnet.files.writing import atomic_write, make_folder
from ampnet.robustness.scores import Hits

JOURNAL_FILE = ".robustness.journal"
"""In the output folder while the suite runs: the plan in the first line, then a line for each chunk."""


class ChunkHits(NamedTuple):
    """The answers to some faces under one condition."""

    corruption: str
    """Empty for the clean condition."""
    severity: int
    start: int
    """Position of the first face among those of the condition."""
    hits: Hits
    """``(V, B)`` for V votes."""


class Journal:
    """Appends finished chunks; use as a context manager.

    A process killed while writing loses the line that it was writing and nothing else.

    Args:
        folder: output folder.
        plan: everything that decides the numbers, as plain values.
        resume: continue an unfinished suite with the same plan.
        force: discard an unfinished suite.

    Raises:
        UsageError: there is an unfinished suite and neither is given, or there is none to resume.
        DataError: the unfinished suite has another plan, or cannot be read or written.
    """

    def __init__(self, folder: Path, plan: dict[str, Any], resume: bool, force: bool) -> None:
        self.path = folder / JOURNAL_FILE
        make_folder(folder)
        exists = self.path.exists()
        if exists and not resume and not force:
            raise UsageError(f"{folder} holds an unfinished run; resume it with --resume, or start over with --force")
        if resume and not exists:
            raise UsageError(f"{folder} holds no unfinished run to resume; run without --resume")
        if exists and resume:
            self._check(plan)
        else:
            with atomic_write(self.path) as aside:
                aside.write_text(json.dumps(plan) + "\n", encoding="utf-8")

    def _lines(self) -> list[bytes]:
        try:
            return read_bytes(self.path).split(b"\n")[:-1]  # what follows the last newline was cut short
        except DataError as error:
            raise DataError(f"cannot read {self.path}: {error}; start over with --force") from error

    def _check(self, plan: dict[str, Any]) -> None:
        lines = self._lines()
        try:
            earlier = json.loads(lines[0]) if lines else None
        except (ValueError, RecursionError):
            earlier = None
        if not isinstance(earlier, dict):
            raise DataError(f"{self.path} is damaged; start over with --force")
        plain = json.loads(json.dumps(plan))
        changed = sorted(name for name in earlier.keys() | plain.keys() if earlier.get(name) != plain.get(name))
        if changed:
            raise DataError(
                f"{self.path.parent} holds an unfinished run with other settings (changed: {', '.join(changed)}); "
                "resume it with those, or start over with --force"
            )

    def finished(self) -> list[ChunkHits]:
        """Return all complete chunks; damaged lines are skipped, so their chunks are measured again."""
        chunks = (_chunk(line) for line in self._lines()[1:])
        return [chunk for chunk in chunks if chunk is not None]

    def add(self, chunk: ChunkHits) -> None:
        """Record a chunk.

        Raises:
            DataError: the record cannot be written.
        """
        packed = np.packbits(chunk.hits).tobytes().hex()
        line = json.dumps([chunk.corruption, chunk.severity, chunk.start, *chunk.hits.shape, packed])
        try:
            self._file.write(line.encode("ascii") + b"\n")
            self._file.flush()
        except OSError as error:
            raise DataError(f"cannot write {self.path}: {error.strerror or error}; free some space") from error

    def remove(self) -> None:
        """Delete the record of a finished suite."""
        with suppress(OSError):
            self.path.unlink()

    def __enter__(self) -> "Journal":
        try:
            self._file = self.path.open("rb+")
            self._file.seek(0, os.SEEK_END)
            if self._file.tell():
                self._file.seek(-1, os.SEEK_END)
                if self._file.read(1) != b"\n":
                    self._file.write(b"\n")  # ends a line cut short by a kill, so that ours starts on a new one
        except OSError as error:
            raise DataError(f"cannot write {self.path}: {error.strerror or error}") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._file.close()


def _chunk(line: bytes) -> ChunkHits | None:
    try:
        corruption, severity, start, votes, faces, packed = json.loads(line)
        bits = np.unpackbits(np.frombuffer(bytes.fromhex(packed), dtype=np.uint8))
        hits = bits[: votes * faces].reshape(votes, faces).astype(bool)
        return ChunkHits(str(corruption), int(severity), int(start), hits)
    except (ValueError, TypeError, OverflowError, RecursionError):
        return None
