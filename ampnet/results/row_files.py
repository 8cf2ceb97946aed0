"""Files of results that grow row by row, keep what is done through a kill, and appear under their names when whole.

Until then the rows are in a file beside: its name ends in ``.partial`` and holds a digest of the settings, so that only
the same request continues it. Each result's rows are written together; a line cut off by a kill is removed on resuming.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from ampnet.errors import DataError, UsageError
from ampnet.files.journal import CURE, Lines
from ampnet.files.printable import MAX_NAME, printable, reason_of, shortened
from ampnet.reading.reader import NOTHING, WHOLE
from ampnet.results.photo_result import PhotoResult
from ampnet.results.rows import RowFormat, RowKey


class RowFile:
    """One growing file, made by :func:`open_row_files`."""

    def __init__(self, path: Path, rows: RowFormat, settings: dict[str, Any]) -> None:
        self.path = path
        self.partial = _partial_name(path, settings)
        self.failure: str | None = None
        """Why nothing more is written to it."""
        self.results = 0
        """Results it holds."""
        self._rows = rows
        self._header = rows.header.encode()
        self._lines = Lines(self.partial, path)
        self._is_begun = False
        self._is_whole = False

    def open(self, resume: bool, force: bool) -> None:
        """Open and lock the partial file.

        Raises:
            UsageError: there is one that is neither to be resumed nor discarded.
            LockedError: another command writes to it, or to one with other settings.
            DataError: it cannot be written.
        """
        others = [other for other in partials_of(self.path) if other != self.partial]
        for other in others:
            with Lines(other, self.path):
                pass
        if resume and others and not self.partial.exists():
            raise UsageError(
                f"{printable(others[0])} was started with other inputs, another model, other options or another "
                "version of ampnet; resume with the same, or start over with --force"
            )
        self._lines.__enter__()
        found = [self.partial] if self._lines.size > len(self._header) else others
        if found and not (resume or force):
            raise interrupted(found[0])
        if not resume:
            for other in others:
                with suppress(OSError):
                    other.unlink()

    def recorded(self) -> Iterator[tuple[RowKey, int]]:
        """Read what is recorded: each result's key and where its rows end, up to a torn line.

        Raises:
            DataError: it is not a file of this format.
        """
        lines = self._lines.read()
        if self._header and next(lines, (0, b""))[1] != self._header:
            return
        result, end = None, len(self._header)
        for place, line in lines:
            key = self._key(line)
            if key.is_first and result is not None:
                yield result, end
            result, end = key if key.is_first else result, place + len(line)
        if result is not None:
            yield result, end

    def cut(self, end: int, results: int) -> None:
        """Begin: drop all rows after a place; without any left, write the header."""
        self._is_begun, self.results = True, results
        try:
            self._lines.cut(end)
            if end == 0 and self._header:
                self._lines.append(self._header)
        except OSError as error:
            self.failure = reason_of(error)

    def add(self, result: PhotoResult) -> None:
        """Append a result's rows; a failed write is remembered in ``failure``, and leaves nothing torn."""
        if self.failure is None:
            try:
                self._lines.append(self._rows.rows(result).encode())
                self.results += 1
            except OSError as error:
                self.failure = reason_of(error)

    def finish(self) -> None:
        """Rename the file to its final name, unless a write failed."""
        if self.failure is None:
            try:
                self._lines.become(self.path)
                self._is_whole = True
            except OSError as error:
                self.failure = reason_of(error)

    def close(self) -> None:
        """Close the file; a partial one without results is removed."""
        is_empty = self.results == 0 if self._is_begun else self._lines.size == 0
        if self._lines.is_open and is_empty and not self._is_whole:
            with suppress(OSError):
                self.partial.unlink()
        self._lines.close()

    @property
    def problem(self) -> str | None:
        """What a user should know and do, if a write failed."""
        if self.failure is None:
            return None
        kept = f"; the results so far are in {printable(self.partial.name)}: continue with --resume"
        return f"cannot write {printable(self.path)}: {self.failure}; free some space{kept if self.results else ''}"

    def _key(self, line: bytes) -> RowKey:
        try:
            return self._rows.key(line.decode())
        except (DataError, UnicodeDecodeError) as error:
            raise DataError(f"cannot resume from {printable(self.partial)}: {printable(error)}; {CURE}") from error


class Recorded:
    """What an interrupted run has recorded; files are named as in the rows."""

    def __init__(self) -> None:
        self.results = 0
        """Photos and frames."""
        self.problems = 0
        """Files that could not be read, or not to their end."""
        self.dropped: set[str] = set()
        """Files with results that were recorded, but not kept."""
        self._last_frames: dict[str, list[float]] = {}
        self._open: str | None = None

    def take(self, image: str) -> float:
        """Return the last frame recorded of a file: :data:`NOTHING` for none; :data:`WHOLE` for all, or a photo.

        A file that was given several times has several records, which are returned in order.
        """
        frames = self._last_frames.get(image)
        return frames.pop(0) if frames else NOTHING

    def add(self, key: RowKey) -> None:
        """Note a result, after all that were recorded before it."""
        self.results += not key.is_problem
        self.problems += key.is_problem
        self.add_start(key)
        self._last_frames[key.image][-1] = WHOLE if key.frame is None else key.frame
        self._open = None if key.frame is None else key.image

    def add_start(self, key: RowKey) -> None:
        """Note that a result was started: unless it belongs to the last video, that one is complete."""
        frames = self._last_frames.setdefault(key.image, [])
        if self._open == key.image and (key.frame is None or key.frame > frames[-1]):
            return
        if self._open is not None:
            self._last_frames[self._open][-1] = WHOLE
            self._open = None
        frames.append(NOTHING)


@contextmanager
def open_row_files(
    files: Sequence[RowFile], resume: bool, force: bool, chunk: int = 1, whole_videos: bool = False
) -> Iterator[Recorded]:
    """Open files that get the same results.

    Args:
        files: closed files.
        resume: continue after what all of them have recorded, as far as that is a multiple of ``chunk`` results.
        force: discard what an interrupted run has recorded, unless it is resumed.
        chunk: results that are computed at once. The last digits depend on what else was, so that half of a chunk
            would not be continued to the same file.
        whole_videos: continue after whole files instead: the row of a frame depends on those before it.

    Raises:
        UsageError: there are partial files, and neither flag is set, or they were started with other settings.
        LockedError: another command writes to one.
        DataError: one cannot be read or written.
    """
    with ExitStack() as opened:
        for file in files:
            opened.callback(file.close)
            file.open(resume, force)
        recorded = Recorded()
        ends = [0] * len(files)
        if resume:
            ends = _read_common(files, recorded, chunk, whole_videos)
        for file, end in zip(files, ends, strict=True):
            file.cut(end, recorded.results + recorded.problems)
        yield recorded


def _read_common(files: Sequence[RowFile], recorded: Recorded, chunk: int, whole_videos: bool) -> list[int]:
    """Find what all files have of whole chunks.

    The last result never counts: a kill may have torn it between two of its rows.
    """
    ends = [0] * len(files)
    waiting: list[RowKey] = []
    waiting_ends = ends
    for results in zip(*(file.recorded() for file in files), strict=False):
        (key, _), *others = results
        if any((other.image, other.frame) != (key.image, key.frame) for other, _ in others):
            break
        if _begins_a_file(key, waiting) if whole_videos else len(waiting) == chunk:
            for earlier in waiting:
                recorded.add(earlier)
            ends, waiting = waiting_ends, []
        waiting.append(key)
        waiting_ends = [end for _, end in results]
    if waiting:
        recorded.add_start(waiting[0])
    recorded.dropped = {key.image for key in waiting}
    return ends


def _begins_a_file(key: RowKey, waiting: Sequence[RowKey]) -> bool:
    """Return whether a result is of another file than those before it, or of the same one from its beginning."""
    if not waiting:
        return False
    last = waiting[-1]
    return key.image != last.image or (key.frame is not None and (last.frame is None or key.frame <= last.frame))


def _partial_name(path: Path, settings: dict[str, Any]) -> Path:
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:8]
    return path.with_name(f"{_prefix(path)}.{digest}.partial")


def interrupted(partial: Path) -> UsageError:
    """Say what to do about the file in which an interrupted run left its results."""
    left = f"{printable(partial)} holds the results of an interrupted run"
    return UsageError(f"{left}; continue it with --resume, or start over with --force")


def partials_of(path: Path) -> list[Path]:
    """Return the files in which unfinished runs keep the results that are meant for a file."""
    pattern = re.compile(re.escape(_prefix(path)) + r"\.[0-9a-f]{8}\.partial")
    with suppress(OSError):
        return sorted(file for file in path.parent.iterdir() if pattern.fullmatch(file.name))
    return []


def _prefix(path: Path) -> str:
    """Return the file's name, shortened if there is no room for the rest."""
    name, room = path.name, MAX_NAME - len(".01234567.partial")
    if len(os.fsencode(name)) <= room:
        return name
    mark = "-" + hashlib.sha256(os.fsencode(name)).hexdigest()[:8]
    return shortened(name, room - len(mark)) + mark
