"""differences-A-B.png: images that one contender gets right and the other wrong, to be judged by eye."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ampnet.evaluation.differences import Shown
from ampnet.reports.contact_sheet import Section, Tile, contact_sheet

COLUMNS, SIDE = 6, 168
RIGHT, WRONG = ("\N{CHECK MARK}", "#1a7f37"), ("\N{BALLOT X}", "#b42318")


def difference_sheet(
    pictures: Sequence[NDArray[np.uint8]], shown: Sequence[Shown], letters: tuple[str, str], title: str
) -> NDArray[np.uint8]:
    """Lay out pictures with their label and both answers: first those that the first contender gets right.

    Args:
        pictures: ``(H, W, 3)`` RGB, one for each of ``shown``.
        shown: what they are.
        letters: short names of the contenders.
        title: line at the top.
    """
    sections = []
    for is_first in (True, False):
        both = zip(shown, pictures, strict=True)
        tiles = [Tile(picture, tuple(_lines(one, letters))) for one, picture in both if one.first_is_right == is_first]
        if tiles:
            sections.append(Section(f"only {letters[0] if is_first else letters[1]} is right", tiles))
    return contact_sheet(sections, title, COLUMNS, SIDE)


def _lines(one: Shown, letters: tuple[str, str]) -> Iterator[tuple[str, str]]:
    yield f"label: {one.true}", "black"
    rights = (one.first_is_right, not one.first_is_right)
    for letter, answer, is_right in zip(letters, (one.first, one.second), rights, strict=True):
        mark, color = RIGHT if is_right else WRONG
        yield f"{letter} {mark} {answer}", color
