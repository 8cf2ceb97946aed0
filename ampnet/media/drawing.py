"""Drawing predictions on images: boxes, landmarks, and labels beside the faces, readable at any image size."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ampnet.media.images import to_array

Rectangle = tuple[float, float, float, float]
"""x0, y0, x1, y1 in pixels."""

_OWN_FACE = 0.3
"""Cost of a pixel of the own face that is hidden, where one of another tag costs 4 and one of another face 1."""


def place_tags(
    sizes: Sequence[tuple[float, float]], boxes: Sequence[Rectangle], picture_wh: tuple[int, int]
) -> list[tuple[float, float]]:
    """Choose a place for each tag: above its box, below, within its top or bottom, flush left or right.

    Tags are placed one after the other, each where it hides least; the first of equal places is taken.

    Args:
        sizes: width and height of each tag.
        picture_wh: width and height of the picture, inside which tags stay if they fit.

    Returns:
        x and y of each tag's top left corner.
    """
    faces = np.array(boxes, dtype=float).reshape(-1, 4)
    taken = np.zeros((0, 4))
    places = []
    for number, ((width, height), box) in enumerate(zip(sizes, boxes, strict=True)):
        best, least = (0.0, 0.0), float("inf")
        for x, y in _candidates(width, height, box, picture_wh):
            tag = np.array([x, y, x + width, y + height])
            hidden = _overlap(tag, faces)
            own = _OWN_FACE * float(hidden[number])
            hidden[number] = 0.0
            cost = 4 * float(_overlap(tag, taken).sum()) + float(hidden.sum()) + own
            if cost < least:
                best, least = (x, y), cost
            if cost == 0:
                break
        places.append(best)
        taken = np.vstack([taken, [*best, best[0] + width, best[1] + height]])
    return places


def _candidates(width: float, height: float, box: Rectangle, picture_wh: tuple[int, int]) -> list[tuple[float, float]]:
    x0, y0, x1, y1 = box
    most_x, most_y = max(picture_wh[0] - width - 1, 0.0), max(picture_wh[1] - height - 1, 0.0)
    rows = [y0 - height, y1, y0, y1 - height]
    columns = [x0, x1 - width, (x0 + x1 - width) / 2]
    places = [(x, y) for y in rows for x in columns]
    places += [(x1, y0), (x0 - width, y0), (x1, y1 - height), (x0 - width, y1 - height)]
    return [(min(max(x, 0.0), most_x), min(max(y, 0.0), most_y)) for x, y in places]


def _overlap(one: NDArray[np.floating], others: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the ``(N,)`` areas that a rectangle shares with others."""
    wide = np.minimum(one[2], others[:, 2]) - np.maximum(one[0], others[:, 0])
    high = np.minimum(one[3], others[:, 3]) - np.maximum(one[1], others[:, 1])
    return np.asarray(wide.clip(0) * high.clip(0))


COLORS = {
    "surprise": "#e69f00",
    "fear": "#cc79a7",
    "disgust": "#009e73",
    "happiness": "#f0e442",
    "sadness": "#0072b2",
    "anger": "#d55e00",
    "neutral": "#bbbbbb",
    "contempt": "#56b4e9",
}
"""Colours that people with any colour vision can distinguish (Okabe and Ito 2008, with grey for neutral)."""
OTHER_COLORS = tuple(COLORS.values())
UNSURE_COLOR = "#f2f2f2"

LEGIBLE_SIDE = 256
"""Length in pixels of the shorter side up to which :func:`enlarged` enlarges."""

_OUTLINE = "#101010"
_SMALLEST_FONT = 8


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
    probability: float | None = None
    """Length of the bar below the text, in [0, 1]; None: no bar."""
    class_names: tuple[str, ...] = ()
    """All classes that the label is one of; they have different colours."""

    @property
    def color(self) -> str:
        """Colour of the lines and the tag."""
        return color_of(self.label, self.class_names) if self.is_sure else UNSURE_COLOR

    def scaled(self, factor: float) -> "Mark":
        """Return it for an image that was enlarged."""
        return replace(self, box=self.box * factor, landmarks=self.landmarks * factor)


def annotate(image: NDArray[np.uint8], marks: Sequence[Mark], caption: str = "") -> NDArray[np.uint8]:
    """Draw each face's box, landmarks and tag on a copy of an image.

    Line width and font size scale with the image and the face, so that both a thumbnail and a 24-megapixel photo are
    readable. All lines have a dark rim, for any background. A tag stays inside the image, above or below its box or
    within, wherever it hides no other tag and least of the faces.

    Args:
        image: ``(H, W, 3)`` RGB.
        marks: the faces, drawn in this order.
        caption: a small line in the lower left corner; left out where the image has no room for it.
    """
    picture = Image.fromarray(image)
    draw = ImageDraw.Draw(picture)
    line = max(1, round(min(picture.size) / 320))
    rim = max(1, round(line / 2)) if min(picture.size) >= 160 else 0
    for mark in marks:
        x0, y0, x1, y1 = (float(value) for value in mark.box)
        x1, y1 = max(x1, x0), max(y1, y0)
        inset = rim if min(x1 - x0, y1 - y0) > 4 * (line + 2 * rim) else 0
        if inset:
            draw.rectangle((x0, y0, x1, y1), outline=_OUTLINE, width=line + 2 * rim)
        draw.rectangle((x0 + inset, y0 + inset, x1 - inset, y1 - inset), outline=mark.color, width=line)
        radius = max(1.0, (x1 - x0) / 50)
        for x, y in mark.landmarks.tolist():
            if rim and radius >= 1.5:
                _dot(draw, x, y, radius + rim, _OUTLINE)
            _dot(draw, x, y, radius, mark.color)
    tags = [_Tag(draw, picture.size, mark) for mark in marks]
    boxes = [_rectangle(mark.box) for mark in marks]
    places = place_tags([tag.size for tag in tags], boxes, picture.size)
    for tag, (left, top) in zip(tags, places, strict=True):  # on top of all boxes, so that no line crosses a tag
        tag.draw(draw, left, top)
    _write_caption(draw, picture.size, caption)
    return to_array(picture)


def enlarged(image: NDArray[np.uint8], marks: Sequence[Mark]) -> tuple[NDArray[np.uint8], list[Mark]]:
    """Enlarge a small image by a whole factor, so that there is room for letters.

    Returns:
        The image with a shorter side of at least :data:`LEGIBLE_SIDE` (as it is if it has that, or if the longer side
        would grow beyond ten times that), and its marks.
    """
    height, width = image.shape[:2]
    factor = min(-(-LEGIBLE_SIDE // min(height, width)), 10 * LEGIBLE_SIDE // max(height, width))
    if factor <= 1:
        return image, list(marks)
    large = Image.fromarray(image).resize((width * factor, height * factor), Image.Resampling.BICUBIC)
    return to_array(large), [mark.scaled(factor) for mark in marks]


def color_of(label: str, class_names: Sequence[str] = ()) -> str:
    """Return the colour of a class: fixed for the expressions; any other class has one that is left.

    Args:
        class_names: all classes, of which eight at most have different colours; without them, that of another class
            is derived from its name.
    """
    if label in COLORS or label not in class_names:
        return COLORS.get(label) or OTHER_COLORS[sum(label.encode()) % len(OTHER_COLORS)]
    left = [color for name, color in COLORS.items() if name not in class_names] or OTHER_COLORS
    return left[[name for name in class_names if name not in COLORS].index(label) % len(left)]


def ink_on(color: str) -> str:
    """Return black or white, whichever has more contrast on a colour given as ``#rrggbb``."""
    red, green, blue = (_linear(int(color[start : start + 2], 16) / 255) for start in (1, 3, 5))
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue  # as in WCAG 2
    return "#000000" if (luminance + 0.05) ** 2 > 1.05 * 0.05 else "#ffffff"


@cache
def label_font(size: int) -> ImageFont.FreeTypeFont:
    """Return the bold font for labels: DejaVu, which comes with matplotlib and covers Greek, Cyrillic and more."""
    return ImageFont.truetype(_font_file(), size)


def _font_file() -> str:
    import matplotlib  # for its font only, and slow to import

    return f"{matplotlib.get_data_path()}/fonts/ttf/DejaVuSans-Bold.ttf"


@cache
def _letters() -> frozenset[int]:
    from matplotlib.ft2font import FT2Font

    return frozenset(FT2Font(_font_file()).get_charmap())


def legible(text: str) -> str:
    """Write letters that the font lacks, such as Chinese ones, as their numbers in Unicode: boxes are all alike."""
    if text.isascii():
        return text
    return "".join(one if ord(one) in _letters() else one.encode("unicode_escape").decode("ascii") for one in text)


@contextmanager
def plain_texts() -> Iterator[None]:
    """Have matplotlib draw texts as they are: a name with two dollar signs is not a formula."""
    import matplotlib

    with matplotlib.rc_context({"text.parse_math": False}):
        yield


class _Tag:
    """The text of a mark and its bar, on the colour of its class."""

    def __init__(self, draw: ImageDraw.ImageDraw, picture_size: tuple[int, int], mark: Mark) -> None:
        width, shorter = picture_size[0], min(picture_size)
        face = float(mark.box[2] - mark.box[0])
        text = legible(mark.text)
        wanted = min(max(face / 7, 11.0, shorter / 70), max(11.0, shorter / 22))
        font = label_font(round(wanted))
        text_width = draw.textlength(text, font=font)
        if text_width > width * 0.94:
            font = label_font(max(_SMALLEST_FONT, int(font.size * width * 0.94 / text_width)))
        self._text = _shortened(draw, text, font, width * 0.98)
        self._mark, self._font = mark, font
        ascent, descent = font.getmetrics()
        self._pad = max(1, round(font.size / 5))
        self._bar = 0 if mark.probability is None else max(3, round(font.size / 4))
        text_width = min(draw.textlength(self._text, font=font), width - 2 * self._pad)
        self.size = (text_width + 2 * self._pad, ascent + descent + self._pad + self._bar + self._bar // 2)

    def draw(self, draw: ImageDraw.ImageDraw, left: float, top: float) -> None:
        """Draw it with its top left corner at a place."""
        (width, height), pad, color = self.size, self._pad, self._mark.color
        ink = ink_on(color)
        right, bottom = left + width, top + height
        draw.rectangle((left, top, right, bottom), fill=color, outline=_OUTLINE if self._font.size >= 11 else None)
        draw.text((left + pad, top + pad / 2), self._text, fill=ink, font=self._font)
        if self._mark.probability is not None:
            ends = left + pad, right - pad
            above, below = bottom - self._bar - self._bar // 2, bottom - self._bar // 2 - 1
            draw.rectangle((ends[0], above, ends[1], below), outline=ink)
            share = min(max(self._mark.probability, 0.0), 1.0)
            draw.rectangle((ends[0], above, ends[0] + share * (ends[1] - ends[0]), below), fill=ink)


def _write_caption(draw: ImageDraw.ImageDraw, size_wh: tuple[int, int], caption: str) -> None:
    (width, height), caption = size_wh, legible(caption)
    font = label_font(max(_SMALLEST_FONT + 2, round(min(size_wh) / 60)))
    if caption and draw.textlength(caption, font=font) + font.size < width and height > 6 * font.size:
        place = font.size / 2, height - font.size / 2
        rim = max(1, round(font.size / 8))
        draw.text(place, caption, fill="#ffffff", font=font, anchor="ls", stroke_width=rim, stroke_fill=_OUTLINE)


def _shortened(draw: ImageDraw.ImageDraw, text: str, font: ImageFont.FreeTypeFont, room: float) -> str:
    """Cut a class name, not the percentage behind it, where both do not fit."""
    name, space, percentage = text.rpartition(" ")
    while len(name) > 3 and draw.textlength(name + space + percentage, font=font) > room:
        name = name[:-1]
    if space and draw.textlength(name + space + percentage, font=font) <= room:
        return name + space + percentage
    text = name or text
    while len(text) > 1 and draw.textlength(text, font=font) > room:
        text = text[:-1]
    return text


def _rectangle(box: NDArray[np.floating]) -> Rectangle:
    x0, y0, x1, y1 = (float(value) for value in box)
    return x0, y0, x1, y1


def _dot(draw: ImageDraw.ImageDraw, x: float, y: float, radius: float, color: str) -> None:
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=color)


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)
