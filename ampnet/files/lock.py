"""One command at a time in an output folder.

The lock belongs to the process: the system releases it when that ends, however it ends, so a killed command never
leaves a folder locked. The lock file stays, hidden and empty: deleting it would let two commands hold one lock each.
"""

import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import ENOLCK, ENOSYS, EOPNOTSUPP
from pathlib import Path
from typing import TYPE_CHECKING

from ampnet.errors import DataError, LockedError
from ampnet.files.opening import open_regular
from ampnet.files.printable import printable, reason_of
from ampnet.files.writing import is_running, make_folder, remove_leftovers

if TYPE_CHECKING:
    from filelock import FileLock

LOCK_FILE = ".ampnet.lock"
"""Name of the lock file; it does not count as content of its folder."""

_WITHOUT_LOCKS = (ENOSYS, ENOLCK, EOPNOTSUPP)
"""Errors of file systems that have no locks."""

_OWNER_BYTES = 400
_OWNER_SECONDS = 5.0
"""Time that the owner, which may be kept from running just then, has to write its name into the lock file."""


@contextmanager
def lock_folder(folder: Path) -> Iterator[str]:
    """Keep other commands out of an output folder while the block runs; child processes do not hold the lock.

    Args:
        folder: created if missing; leftovers of killed processes in it are removed.

    Yields:
        A warning for the user; empty unless the folder's file system has no locks.

    Raises:
        LockedError: another command is using the folder.
        DataError: the folder cannot be created or written to.
    """
    from filelock import FileLock  # here: a command that writes no file starts without it

    make_folder(folder)
    path = folder / LOCK_FILE
    lock = FileLock(path, blocking=False, fallback_to_soft=False)
    warning = ""
    try:
        _acquire(lock, path)
    except OSError as error:
        if error.errno not in _WITHOUT_LOCKS:
            raise DataError(
                f"cannot write to {path}: {reason_of(error)}; delete it or choose another folder"
            ) from error
        warning = f"{folder} is on a file system without locks: make sure that no other command writes to it"
    if warning:
        yield warning
        return
    try:
        remove_leftovers(folder)  # now that the lock's previous owner is gone
        _write_owner(path, f"{os.getpid()} {platform.node()}\n")
        yield ""
    finally:
        _write_owner(path, "")
        lock.release()


def refuse_locked(folder: Path) -> None:
    """Check that no other command is using an existing folder; nothing is created there.

    Raises:
        LockedError: one is.
    """
    path = folder / LOCK_FILE
    if not path.is_file():
        return
    if os.access(folder, os.W_OK):
        with lock_folder(folder):
            pass
    elif owner := _owner(path):  # read-only for this user; the owner may see it otherwise
        raise LockedError(f"{folder} is in use by another ampnet command ({owner}); wait for it to end")


def is_empty(folder: Path, *besides: str) -> bool:
    """Return whether a folder holds nothing but a lock file, and files of some other names."""
    return all(path.name in (LOCK_FILE, *besides) for path in folder.iterdir())


def _write_owner(path: Path, owner: str) -> None:
    # Not essential, so a full disk must not end the command: the lock itself is held already.
    with suppress(OSError):
        descriptor = os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            os.write(descriptor, owner.encode())
        finally:
            os.close(descriptor)


def _acquire(lock: "FileLock", path: Path) -> None:
    """Take the lock, or name the process that holds it.

    That one may not have written its name yet, over that of an earlier owner. And a process killed while it started a
    child keeps the lock until that has run its first instruction.
    """
    from filelock import Timeout

    deadline = time.monotonic() + _OWNER_SECONDS
    while True:
        try:
            lock.acquire()
            return
        except Timeout:  # an OSError
            owner = _owner(path)
        if owner or time.monotonic() > deadline:
            raise LockedError(
                f"{path.parent} is in use by another ampnet command ({owner or 'its process is unknown'}); "
                "wait for its end or choose another folder"
            )
        time.sleep(0.02)


def _owner(path: Path) -> str:
    """Describe the process that holds a lock; empty if the lock file does not name a running one."""
    with suppress(DataError), open_regular(path, _OWNER_BYTES) as file:
        pid, _, host = file.read().decode(errors="replace").strip().partition(" ")
        if pid.isdecimal() and (host != platform.node() or is_running(int(pid))):
            return f"process {printable(pid, 20)} on {printable(host, 80)}"
    return ""
