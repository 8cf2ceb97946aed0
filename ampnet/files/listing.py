"""List an untrusted folder: files of some kinds, files left out, and folders that cannot be listed."""

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
    is_without: bool = False
    """Whether a folder was left out on demand."""


def list_folder(folder: Path, extensions: Collection[str], without: Path | None = None) -> Listing:
    """List the files below a folder by extension.

    Hidden files and folders are skipped. Symbolic links to folders are followed, each real folder is listed once, in
    its own place if that is below ``folder``; links to a folder around ``folder`` are skipped. A folder that cannot be
    listed is an entry of its own, so that reading it gives the reason, and the others are listed.

    Args:
        extensions: wanted extensions, in lower case with their dot.
        without: leave out this folder, unless it is ``folder`` itself.
    """
    listing = Listing()
    folders, links = [os.fspath(folder)], list[str]()
    seen = _around(folder)
    unwanted = None
    with suppress(OSError, ValueError):
        unwanted = without and not without.samefile(folder) and _identity(without.stat())
    while folders or links:
        place = folders.pop() if folders else heapq.heappop(links)
        try:
            status = os.stat(place)  # noqa: PTH116 (a Path of 1,000 parts is slow to build)
            if _identity(status) in seen:
                continue
            seen.add(_identity(status))
            if _identity(status) == unwanted:
                listing.is_without = True
                continue
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


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


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
            around.add(_identity(parent.stat()))
    return around
