"""Where the tags of faces go, so that they hide neither each other nor the faces."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

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
        boxes: box of each tag's face.
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
