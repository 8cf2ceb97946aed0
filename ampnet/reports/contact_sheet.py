"""Contact sheets: small pictures in rows under headings, to be judged by eye."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw

from ampnet.files.writing import atomic_write
from ampnet.media.drawing import label_font
from ampnet.media.images import resize

GAP, LINE, HEADING = 6, 17, 28
"""Space around a picture, height of a line below it, and of a heading, in pixels."""


@dataclass(frozen=True, eq=False)
class Tile:
    """A picture and what stands below it."""

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
        title: line at the top.
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


def write_sheet(path: Path, sheet: NDArray[np.uint8]) -> None:
    """Write a contact sheet as PNG.

    Raises:
        DataError: the file cannot be written.
    """
    with atomic_write(path) as aside:
        Pillow.fromarray(sheet).save(aside, format="PNG")


def _text(draw: ImageDraw.ImageDraw, at: tuple[int, int], text: str, color: str, width: int, size: int) -> None:
    """Write a line, in smaller type and then cut where it is wider than its place."""
    font = label_font(size)
    if draw.textlength(text, font=font) > width:
        font = label_font(10)
    while len(text) > 1 and draw.textlength(text, font=font) > width:
        text = f"{text[:-2]}\N{HORIZONTAL ELLIPSIS}"
    draw.text(at, text, fill=color, font=font)
