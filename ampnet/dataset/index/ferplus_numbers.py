"""FER+'s numbers of FER-2013's images: not their rows in fer2013.csv, but close enough to be mistaken for them.

FER+ left images out of its count, so the number in ``fer0032220.png`` falls behind the row (here 32298), by 85 at the
end. Derived from fer2013new.csv, whose lines have the order of fer2013.csv. Four of its 35,714 names are irregular: two
name a later image, and all four occur twice; they stand for the image that the count gives.
"""

import re
from bisect import bisect_right

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
    """Return the row of fer2013.csv, from 0, of FER+'s ``fer<number>.png``."""
    return number + bisect_right(_FIRST_NUMBERS, number)
