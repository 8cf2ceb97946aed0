"""Atomic writing of output files, and the overwrite guard."""

import csv
import hashlib
import json
import os
import platform
import re
import shutil
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from errno import EDQUOT, EFBIG, ENOSPC
from functools import cache
from pathlib import Path
from typing import Any

from ampnet.errors import AmpnetError, DataError, UsageError
from ampnet.files.opening import kind_of, open_regular
from ampnet.files.printable import printable, reason_of

_LEFTOVER = re.compile(r"\.ampnet-[0-9a-f]{16}\.(?P<machine>[0-9a-f]{8})\.(?P<pid>[0-9]{1,10})\.partial")
"""A temporary file of :func:`atomic_write`, whose own suffix may follow, or a folder by such a name."""

_RUST_ERROR = re.compile(r"\(os error ([0-9]{1,3})\)")

_PROBE_BYTES = 1 << 16

MAX_HASHED = 4 << 30
"""Maximum size of a hashed file, in bytes: the limit of checkpoints."""


@contextmanager
def atomic_write(path: Path, durable: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success, sync that file and rename it to ``path``.

    A symbolic link at ``path`` is replaced, not followed: in a folder from someone else it could lead anywhere. For
    links that a user names, see :func:`refuse_overwrite`.

    Args:
        path: final name; its folder is created if missing.
        durable: wait until the disk has the file, and check it. Without, a kill still leaves no half of it, but a loss
            of power may; for many small files, written by ``write_bytes``, which reports a full disk itself.

    Raises:
        DataError: the folder cannot be created or written to, the disk is full (in whatever exception the writer
            reports that), or ``path`` is a folder, a pipe, a socket or a device. ``path`` is left unchanged.
    """
    aside = temporary_beside(path)
    try:
        _require_replaceable(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        yield aside
        if durable:
            _require_whole(aside)
            _require_replaceable(path)
        aside.replace(path)
        if durable:
            _sync_folder(path.parent)
    except AmpnetError:
        raise
    except Exception as error:
        refusal = _refusal_of_the_disk(error, aside)
        if refusal is None:
            raise
        raise DataError(f"cannot write {path}: {_reason(refusal, aside, path)}") from error
    finally:
        with suppress(OSError):
            aside.unlink()


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 file atomically; the bytes of odd file names in it stay what they are.

    Raises:
        DataError: see :func:`atomic_write`.
    """
    with atomic_write(path) as aside:
        aside.write_text(text, encoding="utf-8", errors="surrogateescape")


def write_json(path: Path, value: Any, indent: int | None = 1) -> None:
    """Write plain values as JSON, atomically; the bytes of odd file names become JSON's escapes.

    Raises:
        DataError: see :func:`atomic_write`.
    """
    text = json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)
    write_text(path, text.encode(errors="backslashreplace").decode() + "\n")


def write_rows(
    path: Path, header: Sequence[str], rows: Iterable[Iterable[object]], errors: str = "surrogateescape"
) -> None:
    """Write a CSV file atomically, row by row; by default, the bytes of odd file names in it stay what they are.

    Raises:
        DataError: see :func:`atomic_write`.
    """
    with atomic_write(path) as aside, aside.open("w", encoding="utf-8", errors=errors, newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def temporary_beside(path: Path) -> Path:
    """Name a temporary file of this process in ``path``'s folder.

    The name has 60 bytes however long ``path``'s is, and identifies its owner for :func:`remove_leftovers`.
    """
    digest = hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]
    return path.parent / f".ampnet-{digest}.{_machine()}.{os.getpid()}.partial"


def remove_leftovers(folder: Path) -> None:
    """Delete the temporary files that killed processes of this machine left in a folder; no others'."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            name = _LEFTOVER.match(entry.name)
            if name and name["machine"] == _machine() and not is_running(int(name["pid"])):
                with suppress(OSError):
                    shutil.rmtree(entry.path) if entry.is_dir(follow_symlinks=False) else Path(entry.path).unlink()


def is_running(pid: int) -> bool:
    """Return whether a process of this machine exists."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # it is another user's
        return True
    return True


def refuse_overwrite(path: Path, force: bool) -> Path:
    """Protect an existing file, unless its user agreed to lose it.

    Args:
        path: the file to write, as the user named it.
        force: whether it may be replaced; a folder, a pipe, a socket or a device never is.

    Returns:
        The file to write: ``path``, or what it links to, so that the link survives.

    Raises:
        UsageError: ``path`` exists and ``force`` is false, is not a regular file, or is not a usable name.
    """
    try:
        target = followed(path)
        kind, exists = _irreplaceable(path) or _irreplaceable(target), os.path.lexists(target)
    except (OSError, ValueError) as error:  # too long, or with a null byte
        raise UsageError(f"cannot write {path}: {reason_of(error)}; choose another path") from error
    if path == Path("-"):
        raise UsageError("cannot write -: results go to a file, not to stdout; choose another path")
    if kind is not None:
        raise UsageError(f"cannot write {path}: it is {kind}, not a regular file; choose another path")
    if exists and not force:
        raise UsageError(f"{path} exists; choose another path, or replace it with --force")
    return target


def refuse_inputs(targets: Iterable[Path], inputs: Iterable[Path | None]) -> None:
    """Keep what a command reads, or writes elsewhere, from being replaced by what it writes, even by force.

    Raises:
        UsageError: a file to write is one of the inputs, or another output, by whatever name.
    """
    taken = {os.path.realpath(path): "one of the inputs" for path in inputs if path is not None}
    for target in targets:
        place = os.path.realpath(target)
        if place in taken:
            raise UsageError(f"{printable(target)} is itself {taken[place]}; write the results somewhere else")
        taken[place] = "another output"


def followed(path: Path) -> Path:
    """Return the file that a link leads to; any other path as it is."""
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def make_folder(folder: Path) -> None:
    """Create an output folder, so that a run fails early if it cannot be written to; remove leftovers of killed runs.

    Raises:
        DataError: the folder cannot be created or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = "it is a file" if isinstance(error, FileExistsError) else reason_of(error)
        raise DataError(f"cannot write to {folder}: {reason}; choose another folder") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise DataError(f"cannot write to {folder}: no permission; choose another folder")
    remove_leftovers(folder)


def sha256_of(path: Path) -> str:
    """Return a regular file's SHA-256 in hexadecimal.

    Raises:
        DataError: it is missing, unreadable, larger than 4 GiB, or a pipe, socket, device or folder.
    """
    digest = hashlib.sha256()
    try:
        opened = open_regular(path, MAX_HASHED)
    except DataError as error:
        raise DataError(f"cannot read {printable(path)}: {error}") from error
    with opened as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _require_whole(aside: Path) -> None:
    """Sync a file, and ask the disk whether it has the whole of it.

    Pillow and OpenCV overlook it if a full disk takes only a part of their last write. Then the file cannot grow.
    """
    with aside.open("rb+", buffering=0) as written:
        size = written.seek(0, os.SEEK_END)
        written.write(b"\0")
        written.truncate(size)
        os.fsync(written.fileno())


def _require_replaceable(path: Path) -> None:
    if kind := _irreplaceable(path):
        raise DataError(f"cannot write {path}: it is {kind}, not a regular file; choose another path")


def _irreplaceable(path: Path) -> str | None:
    """Return what a rename to ``path`` must not replace; None for a file, a link, or nothing.

    Links in /dev and /proc stand for open files (/dev/stdout): replacing one breaks the machine, not the folder.
    """
    folder = os.path.realpath(path.parent)
    if folder == "/dev" or folder.startswith("/proc/"):
        return "a device"
    try:
        mode = path.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    return None if stat.S_ISREG(mode) or stat.S_ISLNK(mode) else kind_of(mode)


def _refusal_of_the_disk(error: Exception, aside: Path) -> OSError | None:
    """Find what the disk said to a failed write; None if it takes more, so that the failure is something else.

    Some writers report it in their own exceptions: safetensors names the system's error number, torch and NumPy tell
    nothing, so the same file is asked to take a little more.
    """
    silent: OSError | None = None
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError):
            if cause.errno is not None:
                return cause
            silent = cause
        if number := _RUST_ERROR.search(str(cause)):
            return OSError(int(number[1]), os.strerror(int(number[1])))
        cause = cause.__cause__
    try:
        with aside.open("ab", buffering=0) as probe:
            probe.write(bytes(_PROBE_BYTES))
            os.fsync(probe.fileno())
    except OSError as refusal:
        return refusal
    return silent


def _reason(refusal: OSError, aside: Path, path: Path) -> str:
    """Describe why a write failed, and what to do about it."""
    about = os.fsdecode(refusal.filename) if isinstance(refusal.filename, str | bytes) else ""
    where = f" ({about})" if about not in ("", str(aside), str(path)) else ""
    is_full = refusal.errno in (ENOSPC, EDQUOT, EFBIG)
    return f"{reason_of(refusal)}{where}; {'free some space or ' if is_full else ''}choose another folder"


def _sync_folder(folder: Path) -> None:
    """Make a rename survive a loss of power, where the file system can."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@cache
def _machine() -> str:
    """Identify this machine and container among those that write to a folder; process ids are unique within one."""
    try:
        processes = os.readlink("/proc/self/ns/pid")  # noqa: PTH115 - no path, but a number in brackets
    except OSError:
        processes = ""
    return hashlib.sha256(f"{platform.node()} {processes}".encode()).hexdigest()[:8]
