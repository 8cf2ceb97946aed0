"""Names of the prepared faces: unique, without white space, safe in every shell and file system; the split in them."""

import re
import unicodedata
from bisect import bisect_right
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


_LEFT_OUT = (
    60, 502, 2060, 2172, 2810, 3263, 3932, 4276, 5083, 5275, 5440, 5723, 5882, 6459, 6700, 7173, 7497, 7528, 7630,
    8031, 8738, 8857, 9027, 9501, 9674, 9680, 9798, 10024, 10424, 11245, 11287, 11296, 11847, 12290, 12353, 13149,
    13403, 13698, 13989, 14149, 14280, 15145, 15836, 15839, 15895, 16541, 17082, 17621, 18338, 19239, 19633, 20223,
    20713, 20818, 21818, 21938, 22199, 22315, 22928, 23597, 23895, 24054, 24442, 24892, 25220, 25604, 25910, 26384,
    26861, 26898, 28602, 29448, 29558, 30003, 30706, 30982, 31128, 31826, 32663, 32684, 34335, 35122, 35470, 35633,
    35744,
)  # fmt: skip
"""Rows from which FER+'s numbers are one more behind, each counted from 0."""

_FIRST_NUMBERS = tuple(row - behind for behind, row in enumerate(_LEFT_OUT, start=1))
"""FER+'s number of each of those rows."""


_NAME = re.compile(r"(?:\d+_)?(row|fer)_?(\d+)", re.IGNORECASE)


def row_of_name(stem: str) -> int | None:
    """Return the row of fer2013.csv, from 0, that an image is named after; None for any other name.

    Names hold the row (``row00042``) or FER+'s number (``fer0000042``); some lists put the class first.
    """
    named = _NAME.fullmatch(stem)
    if named is None:
        return None
    return int(named[2]) if named[1].lower() == "row" else row_of_number(int(named[2]))


def row_of_number(number: int) -> int:
    """Return the row of fer2013.csv, from 0, of FER+'s ``fer<number>.png``: not its number, but close to it.

    FER+ left images out of its count, so the number in ``fer0032220.png`` falls behind the row (here 32298), by 85 at
    the end. Derived from fer2013new.csv, whose lines have the order of fer2013.csv. Four of its 35,714 names are
    irregular: two name a later image, and all four occur twice; they stand for the image that the count gives.
    """
    return number + bisect_right(_FIRST_NUMBERS, number)
