"""The common form of all raw data sets: labelled images, classes, and notes for the user."""

import math
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np

from ampnet.errors import ImageError
from ampnet.files.printable import one_line
from ampnet.media.decoding import Decoded
from ampnet.reading.contents import Content, FileContent, PixelContent
from ampnet.reading.photo import Photo

Box = tuple[float, float, float, float]

BOX_MARGIN = 0.25
"""Margin around a labelled face box, as a fraction of its width and height on each side."""


@dataclass(eq=False)
class PartContent:
    """The part of an image around its labelled face; where it is, is known once it has been decoded."""

    whole: Content
    box: Box
    origin_xy: tuple[int, int] = (0, 0)
    """Top left corner in the whole image, in pixels of that."""
    whole_hw: tuple[int, int] = (0, 0)
    """Size of the whole image."""

    def decode(self, enough_side: int | None) -> Decoded:
        """See :class:`ampnet.reading.contents.Content`.

        Raises:
            ImageError: the image cannot be read, or the box lies outside it.
        """
        decoded = self.whole.decode(None)
        image, (height, width) = decoded.image, decoded.size_hw
        left, top, right, bottom = _around(self.box, (height, width))
        if right <= left or bottom <= top:
            raise ImageError(f"the face box {self.box} lies outside the image")
        self.origin_xy, self.whole_hw = (left, top), (height, width)
        y, x = image.shape[0] / height, image.shape[1] / width  # below 1 for very large images
        rows, columns = slice(int(top * y), math.ceil(bottom * y)), slice(int(left * x), math.ceil(right * x))
        part = PixelContent(np.ascontiguousarray(image[rows, columns])).decode(enough_side)
        return Decoded(part.image, (bottom - top, right - left))


@dataclass(frozen=True, eq=False)
class Picture:
    """An image of a data set, or the part around its labelled face; decoded when its pixels or its place are needed."""

    photo: Photo
    part: PartContent | None = None
    """What the photo is decoded from, if it is a part."""

    @property
    def origin_xy(self) -> tuple[int, int]:
        """Top left corner of what the photo shows in the whole image, in pixels of that.

        Raises:
            ImageError: the image cannot be read.
        """
        _ = self.photo.size_hw
        return (0, 0) if self.part is None else self.part.origin_xy

    @property
    def whole_hw(self) -> tuple[int, int]:
        """Height and width of the whole image in pixels.

        Raises:
            ImageError: the image cannot be read.
        """
        size_hw = self.photo.size_hw
        return size_hw if self.part is None else self.part.whole_hw


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
    """Number of votes for each answer in :attr:`RawDataSet.vote_columns`; empty without votes."""

    @property
    def path(self) -> Path:
        """Path of the image file."""
        return self.root / self.relative

    @property
    def stem(self) -> str:
        """File name without extension, from which the prepared name is derived."""
        stem = PurePosixPath(self.relative).stem
        return f"{stem}_{self.face_id}" if self.face_id else stem

    def content(self) -> Content:
        """Return what the image is decoded from."""
        return FileContent(self.path)

    def picture(self) -> Picture:
        """Return the image, or the part around its labelled face, to be decoded when its pixels are needed."""
        if self.box is None:
            return Picture(Photo(one_line(self.path), self.content()))
        part = PartContent(self.content(), self.box)
        return Picture(Photo(one_line(self.path), part), part)


def _around(box: Box, whole_hw: tuple[int, int]) -> tuple[int, int, int, int]:
    x0, y0, x1, y1 = box
    dx, dy = BOX_MARGIN * (x1 - x0), BOX_MARGIN * (y1 - y0)
    left, top, right, bottom = (round(value) for value in (x0 - dx, y0 - dy, x1 + dx, y1 + dy))
    return max(left, 0), max(top, 0), min(right, whole_hw[1]), min(bottom, whole_hw[0])


@dataclass(frozen=True)
class RawDataSet:
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
