"""Files that grow by whole lines, and the plan that a resumed run is held to.

Everything that can be resumed is recorded here: the chunks of prepare, the rows of predict, the answers of a robustness
suite. A killed process loses the line that it was writing, and nothing else.
"""

import fcntl
import json
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from errno import ELOOP
from pathlib import Path
from types import TracebackType
from typing import Any

from ampnet.errors import DataError, LockedError, UsageError
from ampnet.files.opening import open_regular
from ampnet.files.printable import printable, reason_of
from ampnet.files.writing import atomic_write

MAX_LINE = 64 << 20
"""Maximum length of a line in bytes; 64 images with 1,000 faces each need as many."""

MAX_JOURNAL = 1 << 40

CURE = "start over with --force"


class Lines:
    """A file that grows line by line, for one process at a time; open it as a context manager.

    Args:
        path: the file; a link is refused.
        output: the file that it will become, for messages.
    """

    def __init__(self, path: Path, output: Path | None = None) -> None:
        self.path = path
        self._output = output or path
        self._descriptor = -1
        self._end = 0

    def __enter__(self) -> "Lines":
        """Open the file, created if missing, for this process alone; the system releases it when the process ends.

        Raises:
            LockedError: another process has it open.
            DataError: it cannot be written, or is not a regular file.
        """
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
            self._descriptor = os.open(self.path, flags, 0o666)
        except OSError as error:
            named = self.path if error.errno == ELOOP else self._output  # a link instead of the growing file
            raise DataError(f"cannot write {printable(named)}: {reason_of(error)}; choose another place") from error
        try:
            status = os.fstat(self._descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise DataError(f"cannot write {printable(self.path)}: it is not a regular file; choose another place")
            if not _lock(self._descriptor, self.path):
                raise LockedError(f"another command is writing {printable(self._output)}; wait until it ends")
        except BaseException:
            self.close()
            raise
        self._end = os.fstat(self._descriptor).st_size  # the one who had it open until now may just have added a line
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            os.fsync(self._descriptor)
        self.close()

    @property
    def is_open(self) -> bool:
        """Whether this process has the file open."""
        return self._descriptor >= 0

    @property
    def size(self) -> int:
        """Bytes of the open file."""
        return self._end

    def read(self, start: int = 0) -> Iterator[tuple[int, bytes]]:
        """Read whole lines from a place on; yields the place of each, and the line with its end.

        Raises:
            DataError: the file cannot be read, or is not a regular file.
        """
        try:
            file = open_regular(self.path, MAX_JOURNAL)
        except DataError as error:
            raise DataError(f"cannot read {printable(self.path)}: {error}; {CURE}") from error
        with file:
            file.seek(start)
            while (line := file.readline(MAX_LINE)).endswith(b"\n"):  # else it was cut short by a kill
                yield start, line
                start += len(line)

    def read_at(self, places: Iterable[int]) -> Iterator[bytes]:
        """Read the lines that begin at some places."""
        with open_regular(self.path, MAX_JOURNAL) as file:
            for place in places:
                file.seek(place)
                yield file.readline(MAX_LINE)

    def cut(self, end: int) -> None:
        """Drop everything after a place.

        Raises:
            OSError: the disk refuses.
        """
        os.ftruncate(self._descriptor, end)
        self._end = end

    def append(self, lines: bytes) -> None:
        """Append whole lines; where that fails, none of them is left.

        Raises:
            OSError: the disk refuses.
        """
        position, left = self._end, memoryview(lines)
        try:
            while left:
                written = os.pwrite(self._descriptor, left, position)
                position, left = position + written, left[written:]
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._descriptor, self._end)
            raise
        self._end = position

    def become(self, path: Path) -> None:
        """Rename the file to its final name.

        Raises:
            OSError: the disk refuses.
        """
        os.fsync(self._descriptor)
        self.path.replace(path)

    def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1  # first, as Ctrl-C may have it called again
            os.close(descriptor)


class Journal(Lines):
    """The record of a run: its plan in the first line, then a line of JSON for each piece of work that is done."""

    def plan(self) -> dict[str, Any] | None:
        """Read the plan of an interrupted run; None if there is none.

        Raises:
            DataError: it cannot be read.
        """
        if not self.path.exists():
            return None
        _place, line = next(self.read(), (0, b""))
        try:
            plan = json.loads(line)
        except (ValueError, RecursionError):
            plan = None
        if not isinstance(plan, dict):
            raise DataError(f"{printable(self.path)} is damaged; {CURE}")
        return plan

    def start(self, plan: Mapping[str, Any]) -> None:
        """Write the plan of a new run, which replaces an earlier record.

        Args:
            plan: everything that decides the results, as plain values.

        Raises:
            DataError: it cannot be written.
        """
        with atomic_write(self.path) as aside:
            aside.write_bytes(json.dumps(plan, allow_nan=False).encode() + b"\n")

    def records(self, start: int = 0) -> Iterator[tuple[int, bytes]]:
        """Read what is recorded from a place on; yields the place of each line, and the line."""
        lines = self.read(start)
        if start == 0:
            next(lines, None)
        return lines

    def begin(self, plan: Mapping[str, Any], resume: bool, force: bool) -> None:
        """Start a run, or continue an interrupted one.

        Args:
            plan: everything that decides the results, as plain values.
            resume: continue an interrupted run with the same plan.
            force: discard an interrupted run.

        Raises:
            UsageError: there is an interrupted run and neither is given, or there is none to resume.
            DataError: the interrupted run has another plan, or the record cannot be read or written.
        """
        folder, exists = printable(self.path.parent), self.path.exists()
        if exists and not resume and not force:
            raise UsageError(f"{folder} holds an unfinished run; resume it with --resume, or {CURE}")
        if resume and not exists:
            raise UsageError(f"{folder} holds no unfinished run to resume; run without --resume")
        if exists and resume:
            require_same(plan, self.plan() or {}, self.path.parent)
        else:
            self.start(plan)

    def add(self, record: Any) -> None:
        """Record a piece of work, once all of its files are written.

        Raises:
            DataError: the record cannot be written.
        """
        try:
            self.append(json.dumps(record, separators=(",", ":")).encode() + b"\n")
        except OSError as error:
            raise DataError(f"cannot write {printable(self.path)}: {reason_of(error)}; free some space") from error

    def __enter__(self) -> "Journal":
        """Open the record; a line that was cut short is dropped, so that the next one starts on its own."""
        super().__enter__()
        end = 0
        for place, line in self.read():
            end = place + len(line)
        with suppress(OSError):
            self.cut(end)
        return self

    def remove(self) -> None:
        """Delete the record of a finished run."""
        with suppress(OSError):
            self.path.unlink()


def require_same(plan: Mapping[str, Any], earlier: Mapping[str, Any], place: Path | str) -> None:
    """Check that a run is resumed with the plan it was started with.

    Args:
        plan: what is requested now, as plain values.
        earlier: what the interrupted run was started with.
        place: its output folder, for the message.

    Raises:
        DataError: an entry differs.
    """
    requested = json.loads(json.dumps(plan))
    if changed := sorted(name for name in requested if requested[name] != earlier.get(name)):
        what = f"other settings or inputs (changed: {printable(', '.join(changed))})"
        raise DataError(f"{printable(place)} was started with {what}; use the same ones, or {CURE}")


def _lock(descriptor: int, path: Path) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(descriptor), path.stat())  # unless its owner has just given it its name
    except (BlockingIOError, FileNotFoundError):
        return False
    except OSError:  # a file system without locks
        return True
