"""The images in dataset/: plain names of files that are really in there, wherever the names come from.

An index is often someone else's. A name in it must not reach a file outside: not by a path, not by a link.
"""

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from ampnet.errors import DataError
from ampnet.files.printable import printable, reason_of

OTHER_OUT = "nothing was deleted; choose another --out, or delete the old index and images yourself"
"""Message of prepare if it refuses to delete."""

_PLAIN = re.compile(r"(?!\.{1,2}$)[^/\\\x00-\x1f\x7f]{1,255}")


def is_plain(name: str) -> bool:
    """Return whether a name is that of a file in a folder, not a path to one elsewhere."""
    return _PLAIN.fullmatch(name) is not None


def is_image_name(name: str) -> bool:
    """Return whether a name is a plain one of the kind that prepare gives to its images."""
    return name.endswith(".jpg") and is_plain(name)


def regular_files(folder: Path) -> dict[str, bool]:
    """List a folder: name -> whether it is a regular file, and no link to one.

    Raises:
        DataError: the folder is missing or cannot be listed.
    """
    try:
        with os.scandir(folder) as entries:
            return {entry.name: entry.is_file(follow_symlinks=False) for entry in entries}
    except OSError as error:
        raise DataError(f"cannot read the images in {folder}: {reason_of(error)}; run prepare again") from error


def refuse_links_outside(folder: Path, names: Iterable[str]) -> None:
    """Check that names in a folder that may be links lead to files of that folder.

    Args:
        folder: dataset/; it may be a link itself.
        names: of its entries that are not regular files.

    Raises:
        DataError: one leads outside.
    """
    real = os.path.realpath(folder)
    for name in names:
        if not is_inside(folder / name, real):
            raise DataError(
                f"{folder / printable(name)} is a link to a file outside {folder.name}/, which is not read; "
                "replace it with the file"
            )


def is_inside(path: Path, real_folder: str) -> bool:
    """Return whether a path leads into a folder, given without links, after following all links."""
    try:
        return os.path.realpath(path).startswith(real_folder.rstrip(os.sep) + os.sep)
    except (OSError, ValueError):
        return False


def refuse_linked_folder(folder: Path) -> None:
    """Check that a folder that is to be changed is where it seems to be.

    Raises:
        DataError: it is a link.
    """
    if folder.is_symlink():
        raise DataError(
            f"{folder} is a link to {printable(os.path.realpath(folder))}, where nothing was changed; "
            "delete the link, or choose another folder"
        )


def removable(folder: Path, names: Iterable[str]) -> list[str]:
    """Choose the files of a folder to delete, before the first is deleted.

    Returns:
        Those of ``names`` that are in the folder.

    Raises:
        DataError: a name belongs to a link, a folder or the like, or leads to one.
    """
    found: list[str] = []
    files = regular_files(folder) if folder.is_dir() else {}
    for name in names:
        is_file = files.get(name)
        if is_file is False:
            raise not_ours(f"{folder / printable(name)} is a link, or no file")
        if is_file:
            found.append(name)
    return found


def remove(folder: Path, names: Iterable[str]) -> None:
    """Delete files directly in a folder; a link to a folder is not followed, missing files are skipped.

    Raises:
        DataError: a file cannot be deleted.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return
    except OSError as error:
        raise DataError(f"cannot delete from {folder}: {reason_of(error)}") from error
    try:
        for name in names:
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=descriptor)
    except OSError as error:
        raise DataError(f"cannot delete {folder / printable(name)}: {reason_of(error)}") from error
    finally:
        os.close(descriptor)


def not_ours(what: str) -> DataError:
    """Describe why nothing is deleted."""
    return DataError(f"{what}: prepare never wrote that; {OTHER_OUT}")
