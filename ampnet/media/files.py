"""Atomic writing of output files, and the overwrite guard."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ampnet.errors import DataError, UsageError


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success, sync that file and rename it to ``path``.

    Args:
        path: final name; its folder is created if missing.

    Raises:
        DataError: the folder cannot be created or written to, or the disk is full; ``path`` is left unchanged.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield aside
        with aside.open("rb+") as written:
            os.fsync(written.fileno())
        aside.replace(path)
    except OSError as error:
        raise DataError(
            f"cannot write {path}: {error.strerror or error}; free some space or choose another folder"
        ) from error
    finally:
        with suppress(OSError):
            aside.unlink()


def refuse_overwrite(path: Path, force: bool) -> None:
    """Protect an existing file, unless its user agreed to lose it.

    Raises:
        UsageError: ``path`` exists and ``force`` is false.
    """
    if path.exists() and not force:
        raise UsageError(f"{path} exists; choose another path, or replace it with --force")


def make_folder(folder: Path) -> None:
    """Create an output folder, so that a run fails early if it cannot be written to.

    Raises:
        DataError: the folder cannot be created or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"cannot write to {folder}: {error.strerror or error}; choose another folder") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise DataError(f"cannot write to {folder}: no permission; choose another folder")


def sha256_of(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
