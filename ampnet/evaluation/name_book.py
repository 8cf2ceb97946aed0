"""Other people's names for the images of a split: names in the index, paths, and ends of paths."""

import unicodedata
from collections.abc import Iterable

from ampnet.evaluation.predictions import SplitImages


class NameBook:
    """Finds the image that a name or path stands for.

    Args:
        images: the images of a split, known by name and by every end of their source path.
        elsewhere: names and sources of the data set's other images.
    """

    def __init__(self, images: SplitImages, elsewhere: Iterable[str]) -> None:
        self.rows: dict[str, set[int]] = {}
        self.others: set[str] = set()
        for row, both in enumerate(zip(images.names, images.sources, strict=True)):
            for ending in _endings(both):
                for spelling in {ending, _loose(ending)}:
                    self.rows.setdefault(spelling, set()).add(row)
        for other in elsewhere:
            for ending in _endings((other,)):
                self.others.update((ending, _loose(ending)))

    def find(self, name: str) -> set[int] | None:
        """Return the rows with the longest matching end; empty for an image of another split, None if unknown."""
        parts = name.replace("\\", "/").split("/")
        for start in range(len(parts)):
            ending = "/".join(parts[start:])
            for spelling in (ending, _loose(ending)):
                if found := self.rows.get(spelling):
                    return found
                if spelling in self.others:
                    return set()
        return None


def _loose(name: str) -> str:
    """Return a name as other computers may write it: composed, case folded, without extension."""
    text = unicodedata.normalize("NFC", name).casefold()
    stem, dot, extension = text.rpartition(".")
    return f"{stem}." if dot and stem and "/" not in extension and len(extension) <= 5 else f"{text}."


def _endings(names: Iterable[str]) -> Iterable[str]:
    for name in names:
        parts = name.split("/")
        yield from ("/".join(parts[start:]) for start in range(len(parts)) if parts[-1])
