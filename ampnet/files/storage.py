"""Folders of this machine, of a shared file system, and of object stores (`s3://`, `gs://`), by fsspec."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

from ampnet.errors import AmpnetError, DataError, UsageError
from ampnet.files.opening import open_regular
from ampnet.files.printable import printable, reason_of
from ampnet.files.writing import atomic_write

_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]+):/+(?=[^/])")


def address_of(given: Path) -> str:
    """Return a path as text: an address with both of the slashes after its scheme, of which a path keeps one."""
    text = str(given)
    if text.startswith("file:/"):
        return "file:///" + text[len("file:") :].lstrip("/")
    return text if given.exists() else _ADDRESS.sub(r"\1://", text, count=1)


def is_address(place: str) -> bool:
    """Whether a place is an address of an object store rather than a path."""
    return _ADDRESS.match(place) is not None


def join(folder: str, name: str) -> str:
    """Return the place of a file in a folder."""
    return f"{folder.rstrip('/')}/{name}"


def list_files(folder: str, suffixes: Sequence[str] = ()) -> list[str]:
    """List all files below a folder of an object store, sorted.

    Raises:
        DataError: it cannot be listed.
    """
    system, path = _open_store(folder)
    with _reported(f"cannot list {printable(folder)}"):
        system.invalidate_cache()
        found = sorted(system.find(path))
    wanted = tuple(suffixes)
    return [str(system.unstrip_protocol(name)) for name in found if not wanted or name.lower().endswith(wanted)]


def names_in(folder: str) -> set[str]:
    """Return the names of the files in a folder; none if it does not exist.

    Raises:
        DataError: it cannot be listed.
    """
    with _reported(f"cannot list {printable(folder)}"), suppress(FileNotFoundError):
        if not is_address(folder):
            return {path.name for path in Path(folder).iterdir()}
        system, path = _open_store(folder)
        system.invalidate_cache()  # other processes write there as well
        return {str(name).rsplit("/", 1)[-1] for name in system.ls(path, detail=False)}
    return set()


def open_file(place: str) -> BinaryIO:
    """Open a file for reading.

    Raises:
        DataError: it cannot be read.
    """
    if not is_address(place):
        return open_regular(Path(place), 1 << 50)
    system, path = _open_store(place)
    try:
        return cast(BinaryIO, system.open(path, "rb"))
    except Exception as error:
        raise DataError(_reason(error)) from error


def write_whole(place: str, content: bytes) -> None:
    """Write a file that appears whole or not at all; an earlier one of that name is replaced.

    Raises:
        DataError: it cannot be written.
    """
    path = place
    if is_address(place):
        system, path = _open_store(place)
        if "file" not in (system.protocol if isinstance(system.protocol, tuple) else (system.protocol,)):
            with _reported(f"cannot write {printable(place)}"):
                system.pipe_file(path, content)  # an object store shows an object once all of it has arrived
            return
    with atomic_write(Path(path)) as aside:
        aside.write_bytes(content)


def remove_files(folder: str, names: Sequence[str]) -> None:
    """Delete files of a folder.

    Raises:
        DataError: one cannot be deleted.
    """
    for name in names:
        with _reported(f"cannot delete {printable(join(folder, name))}"):
            if is_address(folder):
                system, path = _open_store(join(folder, name))
                system.rm(path)
            else:
                Path(folder, name).unlink(missing_ok=True)


def _open_store(place: str) -> tuple[Any, str]:
    import fsspec

    try:
        with _reported(f"cannot use {printable(place)}", (ImportError,)):
            system, path = fsspec.core.url_to_fs(place)
    except ImportError as error:
        raise UsageError(f"cannot read {printable(place)}: {printable(error)}") from error
    return system, str(path)


@contextmanager
def _reported(what: str, passes: tuple[type[Exception], ...] = (AmpnetError,)) -> Iterator[None]:
    """Turn any error of a file system, of which each has its own, into one line; some pass as they are."""
    try:
        yield
    except passes:
        raise
    except Exception as error:
        raise DataError(f"{what}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return printable(reason_of(error) or type(error).__name__)
