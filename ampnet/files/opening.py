"""Open untrusted files: only regular ones, and never more bytes than the caller allows."""

import os
import stat
from pathlib import Path
from typing import BinaryIO

from ampnet.errors import DataError
from ampnet.files.printable import printable, reason_of

MAX_BYTES = 2 << 30
"""Default limit for one file of any kind."""

_BLOCK = 1 << 20

_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}


def kind_of(mode: int) -> str:
    """Name a kind of file that is not a regular one, by its mode: "a pipe", "a folder"."""
    return _KINDS.get(stat.S_IFMT(mode), "no file")


def exists(path: Path) -> bool:
    """Return whether there is anything of that name; False also for names that no file can have."""
    try:
        return path.exists()
    except (OSError, ValueError):  # too long, or with a null byte
        return False


def is_file(path: Path) -> bool:
    """Return whether there is a file of that name; see :func:`exists`."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def open_regular(path: Path, limit: int = MAX_BYTES) -> BinaryIO:
    """Open a file for reading, provided that it is a regular one of a bounded size.

    The kind is checked on the open descriptor, so the file cannot be exchanged in between; a pipe does not block.

    Args:
        path: the file; symbolic links are followed.
        limit: maximum size in bytes.

    Raises:
        DataError: it is missing, unreadable, larger than ``limit``, or a pipe, socket, device or folder. The message
            is the reason alone, without the path.
    """
    return os.fdopen(_opened(path, limit)[0], "rb")


def read_bytes(path: Path, limit: int = MAX_BYTES) -> bytes:
    """Read a regular file whole.

    Raises:
        DataError: see :func:`open_regular`; or it cannot be read, or grew beyond ``limit`` meanwhile.
    """
    descriptor, size = _opened(path, limit)
    try:
        content = os.read(descriptor, size + 1)
        if len(content) != size:  # it changed meanwhile, came in parts, or is a file of the system, which has no size
            parts = [content]
            while parts[-1] and sum(map(len, parts)) <= limit:
                parts.append(os.read(descriptor, _BLOCK))
            content = b"".join(parts)
    except OSError as error:
        raise DataError(printable(reason_of(error))) from error
    finally:
        os.close(descriptor)
    if len(content) > limit:
        raise DataError(f"it has more than the limit of {limit:,} bytes")
    return content


def read_text(path: Path, limit: int = MAX_BYTES) -> str:
    """Read a regular UTF-8 file whole; a byte order mark is dropped.

    Raises:
        DataError: see :func:`read_bytes`; or it is not UTF-8.
    """
    try:
        return read_bytes(path, limit).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"it is not UTF-8 text (byte {error.start})") from error


def _opened(path: Path, limit: int) -> tuple[int, int]:
    """Open a regular file; return its descriptor and its size."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise DataError(printable(reason_of(error))) from error
    except ValueError as error:  # a null byte in the name
        raise DataError("the name is not usable") from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise DataError(f"it is {kind_of(status.st_mode)}, not a regular file")
        if status.st_size > limit:
            raise DataError(f"it has {status.st_size:,} bytes, more than the limit of {limit:,}")
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor, status.st_size
