"""Joining tracks to people over absences and cuts: by place, size, and the picture around the face.

No face is identified: within one video of known people, where a person sits and what they wear are enough, and it
leaves nothing by which they could be found elsewhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ampnet.results.appearance import likeness

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
            looks: see :func:`ampnet.results.appearance.appearance`.
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
