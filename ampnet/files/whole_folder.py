"""Folders that appear whole or not at all, as files do by :func:`ampnet.files.writing.atomic_write`."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ampnet.errors import DataError
from ampnet.files.printable import reason_of
from ampnet.files.writing import followed, make_folder, temporary_beside


@contextmanager
def atomic_folder(folder: Path) -> Iterator[Path]:
    """Yield a new folder beside ``folder``; on success, it becomes that one, or its files join those that are there.

    Raises:
        DataError: the folder, or a file in it, cannot be written.
    """
    folder = followed(folder)
    make_folder(folder.parent)
    aside = temporary_beside(folder)
    try:
        shutil.rmtree(aside, ignore_errors=True)  # of a killed process that had this one's number, as in containers
        aside.mkdir()
        yield aside
        if folder.is_dir() and any(folder.iterdir()):
            for file in aside.iterdir():
                file.replace(folder / file.name)
        else:
            if folder.is_dir():
                folder.rmdir()  # some systems rename to no folder that exists
            aside.replace(folder)
    except OSError as error:
        raise DataError(f"cannot write {folder}: {reason_of(error)}; choose another folder") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
