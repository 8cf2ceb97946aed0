"""Matching the classes of a data set with those of a checkpoint, and images by the names that other tools use."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ampnet.errors import DataError
from ampnet.evaluation.predictions import SplitImages

UNNAMED = re.compile(r"class_\d+")
"""Default class names of an index without class names."""


@dataclass(frozen=True)
class ClassMatch:
    """Correspondence of a data set's classes and a network's, by name."""

    codes: NDArray[np.int64]
    """``(classes of the data,)`` position of each in the network's list; -1 if the network does not have it."""
    unknown: tuple[str, ...]
    """Classes of the data that the network does not have; their images are excluded."""
    missing: tuple[str, ...]
    """Classes of the network that the data set does not have; they are never predicted."""

    def notes(self) -> tuple[str, ...]:
        """Describe what is excluded."""
        notes = []
        if self.unknown:
            notes.append(
                f"images of {', '.join(self.unknown)} are excluded: the checkpoint does not have these classes"
            )
        if self.missing:
            notes.append(f"never predicted: {', '.join(self.missing)}; the data set does not have these classes")
        return tuple(notes)


def match_classes(data: Sequence[str], model: Sequence[str]) -> ClassMatch:
    """Find the network's code for each class of a data set, by name.

    Unnamed classes (``class_0``, ...) are assumed to be in the network's order.

    Raises:
        DataError: fewer than two classes are shared.
    """
    if len(data) == len(model) and all(UNNAMED.fullmatch(name) for name in data):
        return ClassMatch(np.arange(len(data)), (), ())
    codes = np.array([model.index(name) if name in model else -1 for name in data], dtype=np.int64)
    if (codes >= 0).sum() < 2:
        raise DataError(
            f"the data and the checkpoint share fewer than two classes (data: {', '.join(data)}; "
            f"checkpoint: {', '.join(model)}); use data with the classes that the checkpoint was trained on"
        )
    unknown = tuple(name for name in data if name not in model)
    return ClassMatch(codes, unknown, tuple(name for name in model if name not in data))


def match_all_classes(data: Sequence[str], model: Sequence[str]) -> NDArray[np.int64]:
    """Find the network's code for each class of a data set, if both have the same classes.

    Raises:
        DataError: the classes differ.
    """
    match = match_classes(data, model)
    sides = {"data": match.unknown, "checkpoint": match.missing}
    if differences := [f"only in the {side}: {', '.join(sorted(names))}" for side, names in sides.items() if names]:
        raise DataError(f"the data and the checkpoint have different classes ({'; '.join(differences)})")
    return match.codes


def selection_notes(split: str, selected_on: str) -> tuple[str, ...]:
    """Warn if the evaluated split also chose the epoch."""
    if split != selected_on:
        return ()
    return (f"the best epoch was chosen on this split ({split}), so these scores are inflated",)


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
