"""`index/meta.json`, what `ampnet prepare` knows about an index, and `index/classes.json` beside a hand-made one."""

from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from ampnet.errors import DataError
from ampnet.files.documents import read_json
from ampnet.files.printable import printable
from ampnet.settings.labels import MAX_CLASSES, MAX_NAME

CURE = "run prepare again"

ClassName = Annotated[str, Meta(min_length=1, max_length=MAX_NAME)]
ClassNames = Annotated[tuple[ClassName, ...], Meta(min_length=2, max_length=MAX_CLASSES)]
Images = Annotated[int, Meta(ge=0, le=10**12)]


class IndexMeta(Struct, frozen=True):
    """The entries of meta.json that are used again."""

    class_names: ClassNames
    """In label order."""
    splits: list[Literal["train", "val", "test"]] | None = None
    """Official splits with images; none if empty."""
    layout: Annotated[str, Meta(max_length=MAX_NAME)] = ""
    licence: Annotated[str, Meta(max_length=1000)] = ""
    """Terms of the raw data, in words; empty if they are not known."""
    ampnet_version: Annotated[str, Meta(max_length=MAX_NAME)] = ""
    people: Images | None = None
    """Number of people that the usable faces are of; 0 if that is not known, None in files of earlier versions."""
    framing: dict[str, Any] | None = None
    counts: dict[str, dict[str, dict[str, Images]]] | None = None
    """Split -> class -> status -> input images."""

    def rejected(self) -> dict[str, dict[str, int]] | None:
        """Count the rejected images by split and class; None without counts."""
        if self.counts is None:
            return None
        by_split = {
            split: {
                printable(name, MAX_NAME): outcomes["rejected"]
                for name, outcomes in classes.items()
                if "rejected" in outcomes
            }
            for split, classes in self.counts.items()
        }
        return {split: by_class for split, by_class in by_split.items() if by_class}


def read_meta(path: Path) -> IndexMeta | None:
    """Read meta.json; None if there is none.

    Raises:
        DataError: it cannot be read, or an entry is missing, of a wrong kind or out of bounds.
    """
    return read_json(path, IndexMeta, CURE) if path.exists() else None


def read_class_names(path: Path) -> tuple[str, ...]:
    """Read classes.json: a list of class names in label order.

    Raises:
        DataError: it cannot be read, or is no list of two or more names.
    """
    return distinct(read_json(path, ClassNames, "it must be a JSON list of two or more class names"), path)


def distinct(class_names: tuple[str, ...], path: Path) -> tuple[str, ...]:
    """Return class names as they can be printed.

    Raises:
        DataError: one is blank or listed twice.
    """
    names = tuple(printable(name, MAX_NAME) for name in class_names)
    if not all(name.strip() for name in names):
        raise DataError(f"{path} lists a class without a name; {CURE}")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"{path} lists the class {twice} twice; {CURE}")
    return names
