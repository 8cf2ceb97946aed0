"""Names of the prepared faces: unique, without white space, safe in every shell and file system; the split in them."""

import re
import unicodedata
from collections.abc import Sequence

from ampnet.dataset.index.raw_images import SourceImage

OFFICIAL_SPLITS = ("train", "val", "test")
FACE_MARK = "+"
"""Precedes the number of further faces of one image; cleaned stems never contain it."""

_MAX_STEM = 120
_SUFFIX = "_aligned"


def clean_stem(stem: str) -> str:
    """Convert a stem to plain ASCII: accents are dropped, all but letters, digits and ``._-`` become ``_``."""
    plain = unicodedata.normalize("NFKD", stem)
    plain = "".join(character for character in plain if not unicodedata.combining(character))
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", plain).lstrip(".-")
    return plain[:_MAX_STEM] or "_"


def unique_names(items: Sequence[SourceImage]) -> list[str]:
    """Name every image of a data set for data_label.txt.

    With official splits, names begin with ``train_``, ``val_`` or ``test_`` (once); without, they never do, so that
    they are not mistaken for splits. The second image with the same stem gets the suffix ``-2``, and so on; stems that
    differ only in case count as the same.

    Returns:
        A name with the suffix ``.jpg`` for each item, in order.
    """
    taken: set[str] = set()
    latest: dict[str, int] = {}
    names: list[str] = []
    for item in items:
        stem = clean_stem(item.stem).removesuffix("_aligned") or "_"
        if item.split:
            stem = stem if stem.startswith(f"{item.split}_") else f"{item.split}_{stem}"
        elif split_of(stem):
            stem = f"img_{stem}"
        name, number = stem, latest.get(stem.lower(), 1)
        while name.lower() in taken:
            number += 1
            name = f"{stem}-{number}"
        latest[stem.lower()] = number
        taken.add(name.lower())
        names.append(f"{name}.jpg")
    return names


def face_name(name: str, number: int) -> str:
    """Name the ``number``-th face of an image, counted from 1; the first has the image's name."""
    return name if number == 1 else f"{name.removesuffix('.jpg')}{FACE_MARK}{number}.jpg"


def split_of(name: str) -> str:
    """Return the official split in a name's prefix; empty if there is none."""
    prefix = name.partition("_")[0]
    return prefix if prefix in OFFICIAL_SPLITS else ""


def spellings(name: str) -> tuple[str, str]:
    """Return a name unchanged, and with ``_aligned`` removed or added: the reference program mixes both."""
    stem, dot, extension = name.rpartition(".")
    if not dot:
        stem, extension = name, ""
    other = stem.removesuffix(_SUFFIX) if stem.endswith(_SUFFIX) else stem + _SUFFIX
    return name, f"{other}{dot}{extension}"
