"""Listing a folder of the outside world: what is wanted, what is left out, and what cannot be listed."""

import os
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from ampnet.media.printable import printable


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

    Symbolic links to folders are followed, each real folder once; hidden files and folders are skipped. A folder that
    cannot be listed is an entry of its own, and the others are listed.

    Args:
        folder: the folder.
        extensions: wanted extensions, in lower case with their dot.
    """
    listing = Listing()
    seen: set[tuple[int, int]] = set()
    waiting = [os.fspath(folder)]
    while waiting:
        place = waiting.pop()
        try:
            status = os.stat(place)  # noqa: PTH116 (a Path of 1,000 parts is slow to build)
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(place) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    if _is_folder(entry):
                        waiting.append(entry.path)
                    elif (extension := os.path.splitext(entry.name)[1].lower()) in extensions:  # noqa: PTH122 (as above)
                        listing.files.append(Path(entry.path))
                    else:
                        listing.left_out[extension] += 1
        except OSError as error:
            listing.files.append(Path(place))
            listing.problems[Path(place)] = f"cannot list {printable(place)}: {error.strerror or error}"
    listing.files.sort(key=lambda path: path.as_posix())
    return listing


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads in a circle
        return False
