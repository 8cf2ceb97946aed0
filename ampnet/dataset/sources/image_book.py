r"""Finding the images that a list names: below its folder, whatever computer wrote their paths.

A path that leads to a file is taken as it is. Others are compared by their last parts: ``C:\data\img\a.jpg`` and
``/home/me/img/a`` are ``img/a.jpg`` if there is only one such image.
"""

import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from ampnet.dataset.sources.folder_levels import JUNK
from ampnet.dataset.sources.split_names import split_of_name
from ampnet.files.listing import list_folder
from ampnet.files.opening import is_file
from ampnet.files.tables import decoded_cell
from ampnet.reading.image_files import readable_images

_DRIVE = re.compile(r"^[A-Za-z]:")

Parts = tuple[str, ...]


class ImageBook:
    """The images below a folder, which are listed when a path is not found as it is."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._by_stem: dict[str, list[tuple[Parts, str]]] | None = None
        self.repeated: dict[str, int] = {}
        """What was not found because there are several such images, and how many."""

    def find(self, text: str, split: str = "", label: str = "") -> str | None:
        """Find an image.

        Args:
            split: its split, which tells images apart whose names and last folders are the same.
            label: its label, likewise.

        Returns:
            The path relative to the folder, with ``/``; None if there is no such image, or more than one.
        """
        if is_file(self.root / text):
            path = Path(text)
            inside = path.is_absolute() and path.is_relative_to(self.root.absolute())
            return path.relative_to(self.root.absolute()).as_posix() if inside else text
        wanted = _parts(_DRIVE.sub("", unquote(decoded_cell(text)).replace("\\", "/")))
        if not wanted:
            return None
        found = self._listed().get(_stem(wanted[-1]), []) + self._listed().get(wanted[-1], [])
        found = [(parts, relative) for parts, relative in dict(found).items() if _same_name(parts[-1], wanted[-1])]
        if len(found) > 1:
            found = _best(found, wanted[:-1], split, label)
        if len(found) > 1:
            self.repeated.setdefault(text, len(found))
        return found[0][1] if len(found) == 1 else None

    def _listed(self) -> dict[str, list[tuple[Parts, str]]]:
        if self._by_stem is None:
            self._by_stem = {}
            for path in list_folder(self.root, readable_images()).files:
                relative = path.relative_to(self.root)
                if JUNK.isdisjoint(relative.parts):
                    parts = _parts(relative.as_posix())
                    self._by_stem.setdefault(_stem(parts[-1]), []).append((parts, relative.as_posix()))
        return self._by_stem


def _best(found: Sequence[tuple[Parts, str]], folders: Parts, split: str, label: str) -> list[tuple[Parts, str]]:
    """Keep the images that share most of the last folders, then those in folders of the split, then of the label."""

    def shared(parts: Parts) -> int:
        same = 0
        for one, other in zip(reversed(parts[:-1]), reversed(folders), strict=False):
            if one != other:
                break
            same += 1
        return same

    most = max(shared(parts) for parts, _relative in found)
    kept = [(parts, relative) for parts, relative in found if shared(parts) == most]
    if len(kept) > 1:
        kept = _matching(
            kept,
            [bool(split) and any(split_of_name(part) == split for part in parts[:-1]) for parts, _relative in kept],
        )
    if len(kept) > 1:
        kept = _matching(kept, [label.casefold() in parts[:-1] for parts, _relative in kept])
    return kept


def _matching(found: list[tuple[Parts, str]], matches: Sequence[bool]) -> list[tuple[Parts, str]]:
    """Keep those that match; all of them if none does."""
    return [one for one, matching in zip(found, matches, strict=True) if matching] or found


def _parts(path: str) -> Parts:
    """Return the parts of a path as they are compared: composed, case folded, without dots."""
    text = unicodedata.normalize("NFC", path).casefold()
    return tuple(part for part in PurePosixPath(text).parts if part not in ("/", ".", ".."))


def _stem(name: str) -> str:
    stem, dot, extension = name.rpartition(".")
    return stem if dot and f".{extension}" in readable_images() else name


def _same_name(name: str, wanted: str) -> bool:
    return name == wanted or _stem(name) == wanted or (_stem(wanted) != wanted and _stem(name) == _stem(wanted))
