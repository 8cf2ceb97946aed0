"""Listing a folder of the outside world: what is wanted, what is left out, and what cannot be listed."""

import heapq
import os
from collections import Counter
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ampnet.files.printable import printable, reason_of


@dataclass(eq=False)
class Listing:
    """What is below a folder."""

    files: list[Path] = field(default_factory=list)
    """Files with a wanted extension, and folders that cannot be listed, sorted by path."""
    problems: dict[Path, str] = field(default_factory=dict)
    """Why a folder cannot be listed."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Number of other files by extension, in lower case with its dot."""


def list_folder(folder: Path, extensions: Collection[str]) -> Listing:
    """List the files below a folder by extension.

    Hidden files and folders are skipped. Symbolic links to folders are followed, each real folder is listed once, in
    its own place if that is below ``folder``; links to a folder around ``folder`` are skipped. A folder that cannot be
    listed is an entry of its own, so that reading it gives the reason, and the others are listed.

    Args:
        extensions: wanted extensions, in lower case with their dot.
    """
    listing = Listing()
    folders, links = [os.fspath(folder)], list[str]()
    seen = _around(folder)
    while folders or links:
        place = folders.pop() if folders else heapq.heappop(links)
        try:
            status = os.stat(place)  # noqa: PTH116 (a Path of 1,000 parts is slow to build)
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(place) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    if not _is_folder(entry):
                        extension = os.path.splitext(entry.name)[1].lower()  # noqa: PTH122 (a million of these)
                        if extension in extensions:
                            listing.files.append(Path(entry.path))
                        else:
                            listing.left_out[extension] += 1
                    elif entry.is_symlink():
                        heapq.heappush(links, entry.path)
                    else:
                        folders.append(entry.path)
        except (OSError, ValueError) as error:  # ValueError: a null byte
            listing.files.append(Path(place))
            listing.problems[Path(place)] = f"cannot list {printable(Path(place))}: {printable(reason_of(error))}"
    listing.files.sort(key=lambda path: path.as_posix())
    return listing


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads in a circle
        return False


def _around(folder: Path) -> set[tuple[int, int]]:
    """Identify the folders around a folder."""
    around = set()
    with suppress(OSError, ValueError):  # it is reported when the folder is opened
        for parent in Path(os.path.realpath(folder)).parents:
            status = parent.stat()
            around.add((status.st_dev, status.st_ino))
    return around
