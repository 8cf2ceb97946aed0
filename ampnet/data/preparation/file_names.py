"""Names of the prepared images: unique, free of white space, safe in every shell and on every file system."""

import re
import unicodedata
from collections.abc import Sequence

from ampnet.data.index.face_index import split_of
from ampnet.data.sources import SourceImage

FACE_MARK = "+"
"""Stands before the number of a further face of one image; no cleaned stem contains it."""

_LONGEST_STEM = 120


def clean_stem(stem: str) -> str:
    """Turn a file's stem into plain ASCII: accents dropped, anything but letters, digits, ``._-`` replaced by ``_``."""
    plain = unicodedata.normalize("NFKD", stem)
    plain = "".join(character for character in plain if not unicodedata.combining(character))
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", plain).lstrip(".-")
    return plain[:_LONGEST_STEM] or "_"


def unique_names(items: Sequence[SourceImage]) -> list[str]:
    """Name every image of a data set for data_label.txt.

    With official splits a name begins with ``train_``, ``val_`` or ``test_`` (not twice); without, it
    does not, so that nobody takes it for a split. Of images with like stems the second gets ``-2`` and so
    on; names that differ only in upper and lower case count as like.

    Returns:
        One name with ``.jpg`` for each item, in order.
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
    """Name the ``number``-th face (from 1) of an image; the first keeps the image's name."""
    return name if number == 1 else f"{name.removesuffix('.jpg')}{FACE_MARK}{number}.jpg"
