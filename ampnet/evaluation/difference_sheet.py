"""A picture of images that one contender gets right and the other wrong, to be judged by eye."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw

from ampnet.evaluation.comparison import NO_ANSWER, Answers
from ampnet.files.writing import atomic_write
from ampnet.media.drawing import label_font
from ampnet.media.images import resize

SHOWN = 24
"""Maximum number of images on a sheet."""

COLUMNS = 6
TILE, GAP, LINE, HEADING = 168, 10, 17, 34
"""Side of a tile, space around it, height of a line of text and of a heading, in pixels."""

RIGHT, WRONG = "#1a7f37", "#b42318"


@dataclass(frozen=True)
class Shown:
    """One image of a sheet."""

    row: int
    """Its position among the compared images."""
    true: str
    first: str
    """The first contender's answer; of several runs, the most frequent one and how many gave it."""
    second: str
    first_is_right: bool
    """Else the second is, and the first is wrong."""


def choose_differences(
    labels: NDArray[np.int64],
    first: Answers,
    second: Answers,
    class_names: Sequence[str],
    candidates: NDArray[np.int64],
    seed: int = 0,
    most: int = SHOWN,
) -> list[Shown]:
    """Draw images that only one contender gets right: as many of each kind as there are, up to half of the sheet.

    Of contenders with several runs, those come first about which the runs of the two differ most.

    Args:
        labels: ``(N,)`` true classes.
        first: answers of the first contender.
        second: answers of the second.
        class_names: K names.
        candidates: positions of the images that can be pictured.
        seed: random seed; the draw is uniform among images that differ equally.
        most: maximum number of images.

    Returns:
        Those that the first gets right, then those that the second does.
    """
    shuffled = np.random.default_rng(seed).permutation(candidates)
    lead = (np.mean(first == labels, axis=0) - np.mean(second == labels, axis=0))[shuffled]
    sides = [shuffled[np.argsort(-sign * lead, kind="stable")][: int((sign * lead > 0).sum())] for sign in (1, -1)]
    counts = [max(most // 2, most - len(other)) for other in reversed(sides)]
    return [
        Shown(
            row=row,
            true=class_names[labels[row]],
            first=_most_frequent(first[:, row], class_names),
            second=_most_frequent(second[:, row], class_names),
            first_is_right=is_first,
        )
        for side, count, is_first in zip(sides, counts, (True, False), strict=True)
        for row in side[:count].tolist()
    ]


def _most_frequent(answers: NDArray[np.int64], class_names: Sequence[str]) -> str:
    codes, counts = np.unique(answers, return_counts=True)
    code = int(codes[counts.argmax()])
    name = class_names[code] if code >= 0 else NO_ANSWER
    return name if len(answers) == 1 else f"{name} ({counts.max()}/{len(answers)})"


def save_sheet(
    path: Path, pictures: Sequence[NDArray[np.uint8]], shown: Sequence[Shown], letters: tuple[str, str], title: str
) -> None:
    """Write the pictures with label and both answers as a PNG: first those that the first contender gets right.

    Args:
        path: PNG file to write.
        pictures: ``(H, W, 3)`` RGB, one for each of ``shown``.
        shown: what they are.
        letters: short names of the contenders.
        title: line at the top.

    Raises:
        DataError: the file cannot be written.
    """
    sections = []
    for is_first in (True, False):
        tiles = [(one, picture) for one, picture in zip(shown, pictures, strict=True) if one.first_is_right == is_first]
        if tiles:
            sections.append((f"only {letters[0] if is_first else letters[1]} is right", tiles))
    step_x, step_y = TILE + GAP, TILE + 3 * LINE + 2 * GAP
    height = HEADING + sum(HEADING + -(-len(tiles) // COLUMNS) * step_y for _, tiles in sections)
    sheet = Pillow.new("RGB", (COLUMNS * step_x + GAP, height), "white")
    draw = ImageDraw.Draw(sheet)
    _text(draw, (GAP, GAP), title, "black", COLUMNS * step_x)
    top = HEADING
    for heading, tiles in sections:
        draw.text((GAP, top + 8), heading, fill="black", font=label_font(15))
        top += HEADING
        for number, (one, picture) in enumerate(tiles):
            left, upper = GAP + number % COLUMNS * step_x, top + number // COLUMNS * step_y
            sheet.paste(Pillow.fromarray(resize(picture, (TILE, TILE))), (left, upper))
            lines = [(f"label: {one.true}", "black")]
            for letter, answer, is_right in zip(
                letters, (one.first, one.second), (one.first_is_right, not one.first_is_right), strict=True
            ):
                mark, color = ("\N{CHECK MARK}", RIGHT) if is_right else ("\N{BALLOT X}", WRONG)
                lines.append((f"{letter} {mark} {answer}", color))
            for line, (text, color) in enumerate(lines):
                _text(draw, (left, upper + TILE + 3 + line * LINE), text, color, TILE)
        top += -(-len(tiles) // COLUMNS) * step_y
    with atomic_write(path) as aside:
        sheet.save(aside, format="png")


def _text(draw: ImageDraw.ImageDraw, at: tuple[int, int], text: str, color: str, width: int) -> None:
    """Write a line, in smaller type and then cut where it is wider than its place."""
    font = label_font(13)
    if draw.textlength(text, font=font) > width:
        font = label_font(10)
    while len(text) > 1 and draw.textlength(text, font=font) > width:
        text = f"{text[:-2]}\N{HORIZONTAL ELLIPSIS}"
    draw.text(at, text, fill=color, font=font)
