"""The files of a prepared data set, as files or in shards: their names, and what meta.json and classes.json hold."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from ampnet.errors import DataError
from ampnet.files.documents import read_json
from ampnet.files.printable import printable
from ampnet.files.writing import sha256_of
from ampnet.settings.labels import MAX_CLASSES, MAX_NAME

LABELS_FILE = "data_label.txt"
LANDMARKS_FILE = "land_marks.npy"
FACES_FILE = "faces.csv"
FAILURES_FILE = "err.csv"
META_FILE = "meta.json"
VOTES_FILE = "label_votes.csv"
PAIRS_FILE, PAIRS_SHEET = "duplicates.csv", "duplicates.png"
PREVIEW_FILE = "preview.png"
CLASSES_FILE = "classes.json"
"""Optional, beside a hand-made data_label.txt: JSON list of the class names in label order."""

CROISSANT_FILE = "croissant.json"
"""Beside the folder of the index."""

MANIFEST_FILE = "shards.json"
"""The list of the shards, in their place."""
JOURNAL_FOLDER = ".prepare"
"""Folder that exists while prepare runs."""

INDEX_FILES = (
    *(META_FILE, MANIFEST_FILE, LABELS_FILE, LANDMARKS_FILE, FACES_FILE, FAILURES_FILE, VOTES_FILE),
    *(PAIRS_FILE, PAIRS_SHEET, PREVIEW_FILE),
)
"""Files of an index that a new one replaces or does without."""

_IMAGES = re.compile(r"faces-[0-9]{5}\.tar")
_TABLE = re.compile(r"(faces|rejected)-[0-9]{5}\.parquet")


def faces_table(number: int) -> str:
    """Return the name of a shard's table in index/."""
    return f"faces-{number:05d}.parquet"


def images_tar(number: int) -> str:
    """Return the name of a shard's images in dataset/."""
    return f"faces-{number:05d}.tar"


def rejected_table(number: int) -> str:
    """Return the name of a table of rejected images in index/."""
    return f"rejected-{number:05d}.parquet"


def is_images_tar(name: str) -> bool:
    """Return whether a name in dataset/ is that of a shard's images."""
    return _IMAGES.fullmatch(name) is not None


def is_table(name: str) -> bool:
    """Return whether a name in index/ is that of a table of shards."""
    return _TABLE.fullmatch(name) is not None


def is_sharded(root: Path) -> bool:
    """Return whether a data set is in shards."""
    return (root / "index" / MANIFEST_FILE).exists()


def index_sha256(root: Path) -> str:
    """Return the SHA-256 of data_label.txt, or of shards.json, which has those of all tables."""
    return sha256_of(root / "index" / (MANIFEST_FILE if is_sharded(root) else LABELS_FILE))


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
        DataError: it cannot be read, or is not a list of two or more names.
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
