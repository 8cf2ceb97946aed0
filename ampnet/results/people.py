"""The people of a video: tracks are joined over absences and cuts by place, size, and the picture around the face.

No face is identified: within one video of known people, where a person sits and what they wear are enough, and it
leaves nothing by which they could be found elsewhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ampnet.media.images import Image

_AROUND = (0.15, 0.4, 0.15, 0.6)
"""How far the picture reaches beyond the face's box: left, up, right, down, in widths and heights of the box."""

_ZONES = ((0.0, 0.25), (0.25, 0.7), (0.7, 1.0))
"""Parts of its height: hair, face, clothes."""

_BINS = (8, 12, 12)
"""Of lightness, green to red, blue to yellow (CIE Lab)."""

_SIZE = 48


def appearance(image: Image, box: NDArray[np.floating]) -> NDArray[np.float32]:
    """Describe the picture around a face (hair, clothes, the wall behind) by its colours, in three zones.

    Args:
        image: ``(H, W, 3)`` RGB uint8.
        box: the face's x0, y0, x1, y1 in its pixels.

    Returns:
        ``(96,)`` square roots of histograms that sum to 1; the dot product of two is their likeness, from 0 to 1.
    """
    height, width = image.shape[:2]
    x0, y0, x1, y1 = box.tolist()
    left, up, right, down = _AROUND
    w, h = x1 - x0, y1 - y0
    columns = np.clip([x0 - left * w, x1 + right * w], 0, width).astype(int)
    rows = np.clip([y0 - up * h, y1 + down * h], 0, height).astype(int)
    part = image[rows[0] : rows[1], columns[0] : columns[1]]
    if not part.size:
        return np.zeros(len(_ZONES) * sum(_BINS), np.float32)
    lab = cv2.cvtColor(cv2.resize(part, (_SIZE, _SIZE), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2LAB)
    histograms = []
    for top, bottom in _ZONES:
        zone = lab[round(top * _SIZE) : round(bottom * _SIZE)].reshape(-1, 3)
        for channel, bins in enumerate(_BINS):
            first, end = (0, 256) if channel == 0 else (64, 192)  # colours of people are not saturated
            levels = np.clip(zone[:, channel], first, end - 1).astype(int) - first
            counts = np.bincount(levels * bins // (end - first), minlength=bins)  # np.histogram: five times as long
            blurred = np.convolve(counts, [0.25, 0.5, 0.25], "same")
            histograms.append(blurred / max(blurred.sum(), 1))
    return np.sqrt(np.concatenate(histograms) / len(histograms)).astype(np.float32)


def likeness(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Return how alike two descriptions are, from 0 to 1."""
    return float(one @ other)


MAX_VIEWS = 12
"""Views that are remembered of a person: the last one of each of their last tracks."""

NEW_PERSON = 0.5
"""Below this value for all known people, a face is a new person's, if there may be more people."""

SHARPNESS = 8
"""Power of the likeness: people in one room are 0.9 alike, one person in two shots 0.96."""

PLACE_WEIGHT = 0.15
"""Share of place and size in the value; the rest is what the picture looks like, as a cut changes places."""


@dataclass(eq=False)
class _View:
    track: int
    box: NDArray[np.floating]
    """In heights of the frame."""
    look: NDArray[np.float32]


class People:
    """The people of one video, numbered from 1 in the order in which they appear."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._views: list[list[_View]] = []

    def recognise(
        self,
        boxes: Sequence[NDArray[np.floating]],
        looks: Sequence[NDArray[np.float32]],
        in_view: set[int],
        height: int,
    ) -> list[int | None]:
        """Return the people of new tracks; None for those beyond the limit.

        Args:
            boxes: x0, y0, x1, y1 in pixels.
            looks: see :func:`appearance`.
            in_view: people whose tracks go on, so that these are others.
            height: of the frame in pixels.
        """
        from scipy.optimize import linear_sum_assignment  # of an extra

        free = [person for person in range(1, len(self._views) + 1) if person not in in_view]
        room = self._most - len(self._views)
        values = np.zeros((len(boxes), len(free) + room))
        values[:, len(free) :] = NEW_PERSON
        for row, (box, look) in enumerate(zip(boxes, looks, strict=True)):
            for column, person in enumerate(free):
                values[row, column] = max(_value(box / height, look, view) for view in self._views[person - 1])
        found: list[int | None] = [None] * len(boxes)
        rows, columns = linear_sum_assignment(values, maximize=True)
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
            if column < len(free):
                found[row] = free[column]
            else:
                self._views.append([])
                found[row] = len(self._views)
        return found

    def forget(self, person: int, track: int) -> None:
        """Drop what a track showed of a person, as it turned out to be someone else's."""
        views = self._views[person - 1]
        views[:] = [view for view in views if view.track != track]

    def remember(
        self, person: int, track: int, box: NDArray[np.floating], look: NDArray[np.float32], height: int
    ) -> None:
        """Keep what a person looks like now; it replaces the earlier look of the same track."""
        views = self._views[person - 1]
        if views and views[-1].track == track:
            views[-1].box, views[-1].look = box / height, 0.8 * views[-1].look + 0.2 * look
        else:
            views.append(_View(track, box / height, look))
            del views[:-MAX_VIEWS]


def _value(box: NDArray[np.floating], look: NDArray[np.float32], view: _View) -> float:
    sizes = [float(one[3] - one[1]) for one in (box, view.box)]
    distance = float(np.hypot(*(box[:2] + box[2:] - view.box[:2] - view.box[2:]))) / 2 / max(*sizes, 1e-6)
    size = min(sizes) / max(*sizes, 1e-6)
    place = np.exp(-0.5 * distance**2) * size
    return float((1 - PLACE_WEIGHT) * likeness(look, view.look) ** SHARPNESS + PLACE_WEIGHT * place)
