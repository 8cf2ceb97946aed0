"""The common form of all raw data sets: labelled images, classes, and notes for the user."""

import math
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np

from ampnet.errors import ImageError
from ampnet.files.printable import printable
from ampnet.media.images import Image, reduce
from ampnet.reading.image_files import read_reduced

Box = tuple[float, float, float, float]

BOX_MARGIN = 0.25
"""Margin around a labelled face box, as a fraction of its width and height on each side."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A decoded image, or the part around its labelled face."""

    image: Image
    """``(h, w, 3)`` RGB, possibly reduced."""
    size_hw: tuple[int, int]
    """Size in source pixels, before any reduction."""
    origin_xy: tuple[int, int]
    """Top left corner in the whole image, in source pixels."""
    whole_hw: tuple[int, int]
    """Size of the whole image in source pixels."""


@dataclass(frozen=True, slots=True)
class SourceImage:
    """A labelled face image of a raw data set."""

    root: Path
    """The raw folder."""
    relative: str
    """Path relative to it, with ``/``."""
    split: str
    """``train``, ``val``, ``test``, or empty if the data set has no official splits."""
    class_name: str
    box: Box | None = None
    """``x0, y0, x1, y1`` of the labelled face in pixels, if the data set gives it; may exceed the image."""
    subject: str = ""
    """The person, if the data set identifies them."""
    face_id: str = ""
    """Number of the face, if the data set labels several faces in an image."""
    votes: tuple[float, ...] = ()
    """Number of votes for each answer in :attr:`Source.vote_columns`; empty without votes."""

    @property
    def path(self) -> Path:
        """Path of the image file."""
        return self.root / self.relative

    @property
    def stem(self) -> str:
        """File name without extension, from which the prepared name is derived."""
        stem = PurePosixPath(self.relative).stem
        return f"{stem}_{self.face_id}" if self.face_id else stem

    def read(self, longest_side: int | None = None) -> Picture:
        """Decode the image, or the part around its labelled face, as upright RGB.

        Args:
            longest_side: maximum length of the longer side in pixels; None for full size, or half of an image of more
                than 80 million pixels.

        Raises:
            ImageError: the image cannot be read, or the box lies outside it.
        """
        image, whole_hw = read_reduced(self.path, longest_side if self.box is None else None)
        if self.box is None:
            return Picture(image, whole_hw, (0, 0), whole_hw)
        left, top, right, bottom = _around(self.box, whole_hw)
        if right <= left or bottom <= top:
            raise ImageError(f"cannot read {printable(self.path)}: the face box {self.box} lies outside the image")
        y, x = image.shape[0] / whole_hw[0], image.shape[1] / whole_hw[1]  # below 1 for very large images
        rows, columns = slice(int(top * y), math.ceil(bottom * y)), slice(int(left * x), math.ceil(right * x))
        part = np.ascontiguousarray(image[rows, columns])
        shown = part if longest_side is None else reduce(part, longest_side)
        return Picture(shown, (bottom - top, right - left), (left, top), whole_hw)


def _around(box: Box, whole_hw: tuple[int, int]) -> tuple[int, int, int, int]:
    x0, y0, x1, y1 = box
    dx, dy = BOX_MARGIN * (x1 - x0), BOX_MARGIN * (y1 - y0)
    left, top, right, bottom = (round(value) for value in (x0 - dx, y0 - dy, x1 + dx, y1 + dy))
    return max(left, 0), max(top, 0), min(right, whole_hw[1]), min(bottom, whole_hw[0])


@dataclass(frozen=True)
class Source:
    """The listing of a raw data set."""

    layout: str
    class_names: tuple[str, ...]
    """In label order."""
    items: list[SourceImage]
    notes: list[str] = field(default_factory=list)
    """Messages for the user: files left out, counts that differ from the published ones."""
    licence: str = ""
    """Terms of use in one sentence; empty for a user's own data."""
    vote_columns: tuple[str, ...] = ()
    """Answers that annotators could give: classes, ``unknown``, ``no_face``."""

    @property
    def has_splits(self) -> bool:
        """Whether the data set has official splits."""
        return any(item.split for item in self.items)

    @property
    def has_boxes(self) -> bool:
        """Whether the data set has boxes of the labelled faces."""
        return any(item.box is not None for item in self.items)
