"""Pictures of why a face got its answer: its regions shaded by what they added to a logit, and the sum as bars."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw

from ampnet.media.drawing import label_font, legible
from ampnet.media.images import to_array

FOR, NEUTRAL, AGAINST = (179, 88, 6), (247, 247, 247), (84, 39, 136)
"""Ends and middle of the colours: orange added, purple took away, which people with any colour vision can distinguish
(ColorBrewer's PuOr)."""

MAX_FACES = 12
"""Maximum number of faces in one picture; further ones are counted."""

_PANEL, _BARS, _GAP, _ROW, _HEAD, _LEGEND = 280, 400, 16, 21, 34, 66
_INK, _PALE = (30, 30, 30), (120, 120, 120)


@dataclass(frozen=True, eq=False)
class ExplainedFace:
    """What the picture of one face shows."""

    frame: NDArray[np.uint8]
    """``(S, S, 3)`` RGB, as the network sees it."""
    panels: Sequence[Mapping[str, NDArray[np.floating]]]
    """For each panel its regions: name -> ``(4,)`` x0, y0, x1, y1 in pixels of the frame."""
    added: Mapping[str, float]
    """What each summand added to the logit of the answer, relative to the mean of all classes; regions first."""
    title: str
    """The answer."""


def draw_sheet(faces: Sequence[ExplainedFace]) -> NDArray[np.uint8]:
    """Draw the first :data:`MAX_FACES` faces below each other, all with the same colours, and a legend with numbers.

    Args:
        faces: at least one face.

    Returns:
        ``(h, w, 3)`` RGB; its size does not depend on the photo's, so that small faces can be read as well.
    """
    shown = faces[:MAX_FACES]
    regions = [name for panel in shown[0].panels for name in panel]
    largest = max((abs(face.added[name]) for face in shown for name in regions), default=0.0) or 1.0
    rows = [_draw_face(face, largest) for face in shown]
    width = max(row.width for row in rows)
    sheet = Pillow.new("RGB", (width, sum(row.height for row in rows) + _LEGEND), "white")
    top = 0
    for row in rows:
        sheet.paste(row, (0, top))
        top += row.height
    _draw_legend(sheet, top, largest, len(faces) - len(shown))
    return to_array(sheet)


def shade(value: float, largest: float) -> tuple[int, int, int]:
    """Return the colour of a value in ``[-largest, largest]``; the lightest one stands for 0."""
    end = FOR if value > 0 else AGAINST
    share = min(abs(value) / largest, 1.0)
    red, green, blue = (round(middle + share * (last - middle)) for middle, last in zip(NEUTRAL, end, strict=True))
    return red, green, blue


def _draw_face(face: ExplainedFace, largest: float) -> Pillow.Image:
    width = _GAP + len(face.panels) * (_PANEL + _GAP) + _BARS + _GAP
    height = _HEAD + max(_PANEL, (len(face.added) + 1) * _ROW) + _GAP
    row = Pillow.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(row)
    draw.text((_GAP, 8), legible(face.title), fill=_INK, font=label_font(17))
    for i, regions in enumerate(face.panels):
        row.paste(_draw_regions(face.frame, regions, face.added, largest), (_GAP + i * (_PANEL + _GAP), _HEAD))
    _draw_bars(draw, (width - _BARS - _GAP, _HEAD), face.added, largest)
    return row


def _draw_regions(
    frame: NDArray[np.uint8], regions: Mapping[str, NDArray[np.floating]], added: Mapping[str, float], largest: float
) -> Pillow.Image:
    """Shade regions on a grey copy of a face; where two overlap, the later one covers the earlier."""
    grey = Pillow.fromarray(frame).convert("L").convert("RGB").resize((_PANEL, _PANEL), Pillow.Resampling.BICUBIC)
    panel = grey.copy()
    scale = _PANEL / frame.shape[0]
    boxes = {name: tuple(round(float(value) * scale) for value in box) for name, box in regions.items()}
    boxes = {name: box for name, box in boxes.items() if box[2] > box[0] and box[3] > box[1]}
    for name, box in boxes.items():
        part = grey.crop(box)
        panel.paste(Pillow.blend(part, Pillow.new("RGB", part.size, shade(added[name], largest)), 0.6), box[:2])
    draw = ImageDraw.Draw(panel)
    for x0, y0, x1, y1 in boxes.values():
        draw.rectangle((x0, y0, x1 - 1, y1 - 1), outline="white", width=2)
    taken: list[tuple[float, float]] = []
    for name, (x0, y0, x1, y1) in boxes.items():
        spots = [((x0 + x1) / 2, y0 + share * (y1 - y0)) for share in (0.5, 0.18, 0.82)]
        spot = next((spot for spot in spots if not _is_near(spot, taken)), spots[0])
        taken.append(spot)
        font = label_font(17)
        draw.text(spot, _signed(added[name]), "black", font, "mm", stroke_width=3, stroke_fill="white")
    return panel


def _is_near(spot: tuple[float, float], others: Sequence[tuple[float, float]]) -> bool:
    """Return whether a number would touch another one."""
    return any(abs(spot[0] - x) < 62 and abs(spot[1] - y) < 20 for x, y in others)


def _draw_bars(draw: ImageDraw.ImageDraw, corner: tuple[int, int], added: Mapping[str, float], largest: float) -> None:
    left, top = corner
    names, number, middle = 165, 60, left + 165 + 60 + 66
    most, least = max([largest, *added.values()]), min([-largest, *added.values()])
    scale = min((left + _BARS - middle) / most, (middle - left - names - number) / -least)
    rows = [*added.items(), ("sum: the logit", sum(added.values()))]
    for i, (name, value) in enumerate(rows):
        y = top + i * _ROW
        is_sum = i == len(rows) - 1
        if is_sum:
            draw.line((left, y, left + names + number, y), fill=_INK)
        draw.text((left, y + 3), _cut(name), fill=_INK, font=label_font(13))
        draw.text((left + names + number - 6, y + 3), _signed(value), fill=_INK, font=label_font(13), anchor="ra")
        if not is_sum:
            ends = sorted((middle, round(middle + value * scale)))
            draw.rectangle((ends[0], y + 4, ends[1], y + _ROW - 5), fill=FOR if value > 0 else AGAINST)
    draw.line((middle, top, middle, top + (len(rows) - 1) * _ROW), fill=_PALE)


def _draw_legend(sheet: Pillow.Image, top: int, largest: float, unshown: int) -> None:
    draw = ImageDraw.Draw(sheet)
    left, width = _GAP, 2 * _PANEL + _GAP
    for x in range(width):
        draw.line((left + x, top, left + x, top + 14), fill=shade((2 * x / (width - 1) - 1) * largest, largest))
    draw.rectangle((left, top, left + width, top + 14), outline=_PALE)
    for share, anchor in ((-1, "la"), (-0.5, "ma"), (0, "ma"), (0.5, "ma"), (1, "ra")):
        spot = (left + (share + 1) / 2 * width, top + 18)
        draw.text(spot, _signed(share * largest), fill=_INK, font=label_font(13), anchor=anchor)
    more = f"; {unshown:,} more faces are not shown" if unshown > 0 else ""
    text = f"added to the answer's logit, relative to the mean of all classes: purple against, orange for{more}"
    draw.text((left, top + 40), text, fill=_INK, font=label_font(13))


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "\N{MINUS SIGN}")


def _cut(name: str, length: int = 20) -> str:
    return name if len(name) <= length else name[: length - 1] + "\N{HORIZONTAL ELLIPSIS}"
