"""Files beside a result: the result is shown even where they cannot be written."""

import os
from collections.abc import Callable
from pathlib import Path

from ampnet.errors import DataError
from pipelines.progress import notices


class SideFiles:
    """A folder for the files beside a result, and what became of them.

    Args:
        folder: the folder.
        is_asked: whether the user named it. If not, and nobody may write there (shared data and checkpoints), a note
            says so, and nothing is written.
        what: the files in words, plural.
    """

    def __init__(self, folder: Path, is_asked: bool, what: str) -> None:
        self.folder: Path | None = folder
        """None if nothing is to be written."""
        self.problem: str | None = None
        """Why a file could not be written."""
        if not is_asked and not is_writable(folder):
            self.folder = None
            notices().print(f"note: {what} are not written: {folder} is read-only; name another folder with --out")

    def write(self, write: Callable[[Path], object]) -> None:
        """Write files into the folder; a failure becomes :attr:`problem`, and what comes after it is left out."""
        if self.folder is None or self.problem is not None:
            return
        try:
            write(self.folder)
        except DataError as error:
            self.problem = str(error)


def is_writable(folder: Path) -> bool:
    """Return whether this user may write to a folder, or create it."""
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    return os.access(folder, os.W_OK | os.X_OK)
