"""Drawing predictions on images: boxes, landmarks and labels, readable at any image size."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ampnet.media.pixels import to_array

COLORS = {
    "surprise": "#e69f00",
    "fear": "#9467bd",
    "disgust": "#2e8b57",
    "happiness": "#f0c808",
    "sadness": "#4a90d9",
    "anger": "#d7263d",
    "neutral": "#9aa5b1",
    "contempt": "#a0522d",
}
OTHER_COLORS = tuple(COLORS.values())
UNSURE_COLOR = "#e6e6e6"


@dataclass(frozen=True, eq=False)
class Mark:
    """The drawing of one face."""

    box: NDArray[np.floating]
    """``(4,)`` x0, y0, x1, y1 in pixels."""
    landmarks: NDArray[np.floating]
    """``(5, 2)`` (x, y) in pixels."""
    label: str
    """Class name; decides the colour."""
    text: str
    """Text of the tag."""
    is_sure: bool = True
    """Whether the label counts; if not, its colour gives way to light grey."""

    @property
    def color(self) -> str:
        """Colour of the lines and the tag."""
        return color_of(self.label) if self.is_sure else UNSURE_COLOR


def annotate(image: NDArray[np.uint8], marks: Sequence[Mark]) -> NDArray[np.uint8]:
    """Draw each face's box, landmarks and tag on a copy of an image.

    Line width and font size scale with the image and the face, so that both a thumbnail and a 24-megapixel photo are
    readable; a tag stays inside the image, above its box if there is room, else below, else within.

    Args:
        image: ``(H, W, 3)`` RGB.
        marks: the faces, drawn in this order.
    """
    picture = Image.fromarray(image)
    draw = ImageDraw.Draw(picture)
    line = max(1, round(min(picture.size) / 320))
    for mark in marks:
        color = mark.color
        x0, y0, x1, y1 = (float(value) for value in mark.box)
        draw.rectangle((x0, y0, max(x1, x0), max(y1, y0)), outline=color, width=line)
        radius = max(1.0, (x1 - x0) / 50)
        for x, y in mark.landmarks.tolist():
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=color)
    for mark in marks:  # on top of all boxes, so that no line crosses a tag
        _draw_tag(draw, picture.size, mark)
    return to_array(picture)


def color_of(label: str) -> str:
    """Return the colour of a class: fixed for the expressions, derived from the name for any other class."""
    return COLORS.get(label) or OTHER_COLORS[sum(label.encode()) % len(OTHER_COLORS)]


def _draw_tag(draw: ImageDraw.ImageDraw, picture_size: tuple[int, int], mark: Mark) -> None:
    width, height = picture_size
    x0, y0, x1, y1 = (float(value) for value in mark.box)
    wanted = max(11.0, min(picture_size) / 45, min((x1 - x0) / 7, min(picture_size) / 20))
    font = label_font(round(wanted))
    text_width = draw.textlength(mark.text, font=font)
    if text_width > width * 0.9:
        font = label_font(max(6, int(font.size * width * 0.9 / text_width)))
        text_width = draw.textlength(mark.text, font=font)
    ascent, descent = font.getmetrics()
    pad = max(1, round(font.size / 5))
    tag_width, tag_height = text_width + 2 * pad, ascent + descent + pad
    left = min(max(x0, 0.0), max(width - tag_width, 0.0))
    above, below = y0 - tag_height, y1
    top = above if above >= 0 else below if below + tag_height <= height else max(y0, 0.0)
    color = mark.color
    draw.rectangle((left, top, left + tag_width, top + tag_height), fill=color)
    draw.text((left + pad, top + pad / 2), mark.text, fill=_ink_on(color), font=font)


def _ink_on(color: str) -> str:
    red, green, blue = (int(color[start : start + 2], 16) for start in (1, 3, 5))
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 130 else "white"


@cache
def label_font(size: int) -> ImageFont.FreeTypeFont:
    """Return the bold font for labels: DejaVu, which comes with matplotlib and covers Greek, Cyrillic and more."""
    import matplotlib  # for its font only, and slow to import

    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans-Bold.ttf"), size)
