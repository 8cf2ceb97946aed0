"""Covering faces in copies for others."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Generic, Literal, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from ampnet.media.images import Image

Cover = Literal["blur", "box"]

MARGIN = 0.4
"""How much wider and higher than the face's box the cover is, on each side, in shares of the box."""

FRAMES_AROUND = 8
"""A face that is found in a frame is covered there in so many frames before and after it, too: it may be missed in
them, or move."""

_CELLS = 3
"""Cells across a blurred cover; nothing of a face is left at that."""

_GREY = 64

T = TypeVar("T")


def covered(image: Image, boxes: Iterable[NDArray[np.floating]], how: Cover) -> Image:
    """Return a copy of an image in which faces are covered.

    Args:
        image: ``(H, W, 3)`` RGB uint8.
        boxes: the faces' x0, y0, x1, y1 in pixels.
        how: ``blur`` leaves a few cells of colour, ``box`` a grey rectangle.
    """
    result = image.copy()
    height, width = image.shape[:2]
    for box in boxes:
        x0, y0, x1, y1 = box.tolist()
        across, down = MARGIN * (x1 - x0), MARGIN * (y1 - y0)
        columns = np.clip(np.round([x0 - across, x1 + across]), 0, width).astype(int)
        rows = np.clip(np.round([y0 - down, y1 + down]), 0, height).astype(int)
        part = image[rows[0] : rows[1], columns[0] : columns[1]]
        if not part.size:
            continue
        cover: NDArray[np.uint8] | int = _GREY
        if how == "blur":
            cells = cv2.resize(part, (_CELLS, _CELLS), interpolation=cv2.INTER_AREA)
            cover = np.asarray(cv2.resize(cells, part.shape[1::-1], interpolation=cv2.INTER_NEAREST), np.uint8)
        result[rows[0] : rows[1], columns[0] : columns[1]] = cover
    return result


class HiddenFrames(Generic[T]):
    """Covers faces of a video in the frames around those in which they were found, in bounded memory.

    Args:
        how: see :func:`covered`.
    """

    def __init__(self, how: Cover) -> None:
        self._how = how
        self._waiting: deque[tuple[Image, T]] = deque()
        self._boxes: deque[list[NDArray[np.floating]]] = deque(maxlen=2 * FRAMES_AROUND + 1)

    def add(self, image: Image, boxes: Sequence[NDArray[np.floating]], about: T) -> Iterator[tuple[Image, T]]:
        """Add a frame, and return those that are complete: covered, with what was said about them.

        Args:
            about: anything.
        """
        self._waiting.append((image, about))
        self._boxes.append(list(boxes))
        if len(self._waiting) > FRAMES_AROUND:
            yield self._next()

    def rest(self) -> Iterator[tuple[Image, T]]:
        """Return the last frames."""
        while self._waiting:
            self._boxes.append([])
            yield self._next()

    def _next(self) -> tuple[Image, T]:
        image, about = self._waiting.popleft()
        return covered(image, (box for boxes in self._boxes for box in boxes), self._how), about
