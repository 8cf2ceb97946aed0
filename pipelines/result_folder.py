"""The folder of a command's results: which one, free to write to, and kept from other commands."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

from rich.console import Console

from ampnet.dataset.index.prepared_images import is_inside
from ampnet.errors import DataError, UsageError
from ampnet.files.documents import read_json
from ampnet.files.lock import lock_folder
from ampnet.files.printable import printable
from pipelines.progress import notices

MAX_RESULT_BYTES = 64 << 20

Subjects = Mapping[str, Mapping[str, Any]]
"""By the name of a file of results: the entries by which it is known to be about the same subject."""


class ResultFolder:
    """A folder for the files beside a result, which is shown even where they cannot be written.

    Args:
        is_named: whether the user named it. If not, and it is read-only (shared data and checkpoints), a note is
            printed, and nothing is written.
        what: the files in words, plural.
        subjects: what is to be written, so that nothing else is replaced.

    Raises:
        UsageError: the folder holds other results.
    """

    def __init__(
        self,
        folder: Path,
        is_named: bool,
        what: str,
        subjects: Subjects = MappingProxyType({}),
        force: bool = False,
    ) -> None:
        self.folder: Path | None = folder
        """None if nothing is to be written."""
        self.problem: str | None = None
        """Why a file could not be written."""
        self._subjects = {} if force else subjects
        if not is_named and not is_writable(folder):
            self.folder = None
            notices().print(f"note: {what} are not written: {folder} is read-only; name another folder with --out")
        else:
            refuse_others(folder, self._subjects)

    def reserve(self, held: ExitStack, console: Console) -> None:
        """Create the folder, once it is clear that it will be needed, and keep other commands out while ``held``."""
        if self.folder is not None:
            held.enter_context(locked(self.folder, console))
            refuse_others(self.folder, self._subjects)  # again: another command may have changed it

    def write(self, write: Callable[[Path], object]) -> None:
        """Write files into the folder; a failure becomes :attr:`problem`, and what comes after it is left out."""
        if self.folder is None or self.problem is not None:
            return
        try:
            write(self.folder)
        except DataError as error:
            self.problem = str(error)


@contextmanager
def locked(folder: Path, console: Console) -> Iterator[None]:
    """Keep other commands out of a folder while the block runs; see :func:`ampnet.files.lock.lock_folder`."""
    with lock_folder(folder) as warning:
        if warning:
            console.print(f"warning: {warning}")
        yield


def refuse_others(folder: Path, subjects: Subjects) -> None:
    """Check that writing to a folder would only replace results about the same subject.

    Raises:
        UsageError: the folder holds others.
    """
    for name, subject in subjects.items():
        path = folder / name
        if not path.exists():
            continue
        try:
            other = ", ".join(_differences(read_json(path, dict[str, Any], "", MAX_RESULT_BYTES), subject))
        except DataError:
            other = "another file"
        if other:
            raise UsageError(
                f"{printable(path)} holds other results ({printable(other)}); choose another folder with --out, or "
                "replace it with --force"
            )


def free_folder(root: Path, names: Sequence[str], subjects: Subjects) -> Path:
    """Choose the first folder in ``root`` that holds no results or those about the same subject, else the last.

    Raises:
        DataError: a link leads out of the folder that holds ``root``.
    """
    folder = root / names[-1]
    for name in reversed(names[:-1]):
        with suppress(UsageError):
            refuse_others(root / name, subjects)
            folder = root / name
    if not is_inside(folder, os.path.realpath(root.parent)):
        raise DataError(f"{printable(folder)} leads out of {root.parent} by a link; choose another folder with --out")
    return folder


def is_writable(folder: Path) -> bool:
    """Return whether this user may write to a folder, or create it."""
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    return os.access(folder, os.W_OK | os.X_OK)


def _differences(found: Any, subject: Mapping[str, Any]) -> Iterator[str]:
    """Name the entries that differ, with what was found in them."""
    for name, value in subject.items():
        entry = found.get(name) if isinstance(found, dict) else None
        if isinstance(value, dict):
            yield from _differences(entry, value)
        elif entry != value:
            yield f"{name} {entry}"
