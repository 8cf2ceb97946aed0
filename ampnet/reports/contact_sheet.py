"""Contact sheets: small pictures in rows under headings, to be judged by eye."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw

from ampnet.evaluation.differences import Shown
from ampnet.media.drawing import label_font, legible
from ampnet.media.images import resize

GAP, LINE, HEADING = 6, 17, 28
"""Space around a picture, height of a line below it, and of a heading, in pixels."""


@dataclass(frozen=True, eq=False)
class Tile:
    """A picture and the text below it."""

    image: NDArray[np.uint8]
    """``(H, W)`` grey or ``(H, W, 3)`` RGB; shown as a square."""
    lines: tuple[tuple[str, str], ...] = ()
    """Text and colour of each line."""


@dataclass(frozen=True, eq=False)
class Section:
    """Pictures under a heading."""

    heading: str
    tiles: Sequence[Tile]


def contact_sheet(
    sections: Sequence[Section], title: str = "", columns: int = 10, side: int = 144
) -> NDArray[np.uint8]:
    """Arrange sections below each other.

    Args:
        sections: each begins a new row.
        columns: maximum number of pictures in a row.
        side: of a picture, in pixels.

    Returns:
        ``(h, w, 3)`` RGB, wide enough for the longest row and for four pictures.
    """
    longest = max((len(section.tiles) for section in sections), default=0)
    width = max(min(columns, longest), 4) * (side + GAP) + GAP
    rows = [-(-len(section.tiles) // columns) for section in sections]
    heights = [side + GAP + LINE * max((len(tile.lines) for tile in one.tiles), default=0) for one in sections]
    height = (HEADING if title else 0) + sum(HEADING + n * h for n, h in zip(rows, heights, strict=True)) + GAP
    sheet = Pillow.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(sheet)
    top = 0
    if title:
        _text(draw, (GAP, GAP), title, "black", width - 2 * GAP, 15)
        top = HEADING
    for section, count, step in zip(sections, rows, heights, strict=True):
        _text(draw, (GAP, top + 8), section.heading, "black", width - 2 * GAP, 15)
        top += HEADING
        for number, tile in enumerate(section.tiles):
            left, upper = GAP + number % columns * (side + GAP), top + number // columns * step
            sheet.paste(Pillow.fromarray(resize(tile.image, (side, side))), (left, upper))
            for line, (text, color) in enumerate(tile.lines):
                _text(draw, (left, upper + side + 1 + line * LINE), text, color, side, 13)
        top += count * step
    return np.array(sheet, dtype=np.uint8)


def _text(draw: ImageDraw.ImageDraw, at: tuple[int, int], text: str, color: str, width: int, size: int) -> None:
    """Write a line, in smaller type and then cut where it is wider than its place."""
    font, text = label_font(size), legible(text)
    if draw.textlength(text, font=font) > width:
        font = label_font(10)
    while len(text) > 1 and draw.textlength(text, font=font) > width:
        text = f"{text[:-2]}\N{HORIZONTAL ELLIPSIS}"
    draw.text(at, text, fill=color, font=font)


COLUMNS, SIDE = 6, 168
RIGHT, WRONG = ("\N{CHECK MARK}", "#1a7f37"), ("\N{BALLOT X}", "#b42318")


def difference_sheet(
    pictures: Sequence[NDArray[np.uint8]], shown: Sequence[Shown], letters: tuple[str, str], title: str
) -> NDArray[np.uint8]:
    """Lay out pictures with their label and both answers: first those that the first contender gets right.

    Args:
        pictures: ``(H, W, 3)`` RGB, one for each of ``shown``.
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
