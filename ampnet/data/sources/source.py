"""What every reader of a data set hands on: its images with split and class, and what there is to say of it."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np

from ampnet.errors import DataError, ImageError
from ampnet.media.images import Image, read_image, read_reduced, reduce

Box = tuple[float, float, float, float]

BOX_MARGIN = 0.25
"""What is shown around a labelled face box, as a share of its width and height on each side."""

FOLDS = 10
"""Parts into which the people of a set without official splits are divided."""


@dataclass(frozen=True, eq=False)
class Picture:
    """What one item shows: the whole image, or the part around its labelled face."""

    image: Image
    """``(h, w, 3)`` RGB, possibly reduced."""
    size_hw: tuple[int, int]
    """Its size in source pixels, before any reduction."""
    origin_xy: tuple[int, int]
    """Where it begins in the whole image, in source pixels."""
    whole_hw: tuple[int, int]
    """Size of the whole image in source pixels."""


@dataclass(frozen=True, slots=True)
class SourceImage:
    """One labelled face image of a data set as its owners hand it out."""

    root: Path
    """The raw folder."""
    relative: str
    """Path below it, with ``/``."""
    split: str
    """``train``, ``val``, ``test``, or empty where the set has no official splits."""
    class_name: str
    box: Box | None = None
    """``x0, y0, x1, y1`` of the labelled face in pixels, where the set names it; it may leave the image."""
    subject: str = ""
    """The person, where the set names them."""
    face_id: str = ""
    """Tells the faces of one image apart, where the set numbers them."""
    votes: tuple[float, ...] = ()
    """How many people gave each answer of :attr:`Source.vote_columns`; empty where nobody was asked."""

    @property
    def path(self) -> Path:
        """Give the image file."""
        return self.root / self.relative

    @property
    def stem(self) -> str:
        """Give the file's own name without extension, from which the prepared name is made."""
        stem = PurePosixPath(self.relative).stem
        return f"{stem}_{self.face_id}" if self.face_id else stem

    def read(self, longest_side: int | None = None) -> Picture:
        """Decode the image, or the part around its labelled face, upright RGB.

        Args:
            longest_side: most pixels along the longer side of the result; None keeps all.

        Raises:
            ImageError: it cannot be read, or the box shows nothing of it.
        """
        if self.box is None and longest_side is not None:
            image, size_hw = read_reduced(self.path, longest_side)
            return Picture(image, size_hw, (0, 0), size_hw)
        whole = read_image(self.path)
        whole_hw = whole.shape[0], whole.shape[1]
        if self.box is None:
            return Picture(whole, whole_hw, (0, 0), whole_hw)
        left, top, right, bottom = _around(self.box, whole_hw)
        if right <= left or bottom <= top:
            raise ImageError(f"cannot read {self.path}: the face box {self.box} lies outside the image")
        part = np.ascontiguousarray(whole[top:bottom, left:right])
        shown = part if longest_side is None else reduce(part, longest_side)
        return Picture(shown, (bottom - top, right - left), (left, top), whole_hw)


def _around(box: Box, whole_hw: tuple[int, int]) -> tuple[int, int, int, int]:
    x0, y0, x1, y1 = box
    dx, dy = BOX_MARGIN * (x1 - x0), BOX_MARGIN * (y1 - y0)
    left, top, right, bottom = (round(value) for value in (x0 - dx, y0 - dy, x1 + dx, y1 + dy))
    return max(left, 0), max(top, 0), min(right, whole_hw[1]), min(bottom, whole_hw[0])


@dataclass(frozen=True)
class Source:
    """A data set, listed."""

    layout: str
    class_names: tuple[str, ...]
    """In label order."""
    items: list[SourceImage]
    notes: list[str] = field(default_factory=list)
    """What a user should know: files left out, counts that differ from the published ones."""
    licence: str = ""
    """The owners' terms in one sentence; empty for a user's own folders."""
    vote_columns: tuple[str, ...] = ()
    """The answers that several people could give about an image: classes, ``unknown``, ``no_face``."""

    @property
    def has_splits(self) -> bool:
        """Whether the set says which images train and which test."""
        return any(item.split for item in self.items)

    @property
    def has_boxes(self) -> bool:
        """Whether the set says where the labelled faces are."""
        return any(item.box is not None for item in self.items)


def compare_counts(items: list[SourceImage], published: dict[str, int]) -> list[str]:
    """Say where a set's size differs from what its owners published.

    Args:
        published: images of each split; of the whole set under ``""``.
    """
    found = Counter(item.split for item in items)
    found[""] = len(items)
    return [
        f"{found[split]:,} images{f' in {split}' if split else ''} where the published set has {count:,}"
        for split, count in published.items()
        if found[split] != count
    ]


def compare_class_counts(items: list[SourceImage], published: dict[str, dict[str, int]]) -> list[str]:
    """Say where a split has its published size, but its classes have not.

    Args:
        published: images of each class of each split.
    """
    found = Counter((item.split, item.class_name) for item in items)
    return [
        f"{found[split, name]:,} images of {name} in {split} where the published set has {count:,}"
        for split, classes in published.items()
        if sum(found[split, name] for name in classes) == sum(classes.values())
        for name, count in classes.items()
        if found[split, name] != count
    ]


def fold_splits(subjects: list[str], fold: int) -> dict[str, str]:
    """Divide people into ten folds and those into splits, so that nobody is in two splits.

    Sorted by name, every tenth person belongs to one fold (the usual protocol for CK+; of JAFFE's ten women
    each is one). Fold ``fold`` tests, the next one validates, the other eight train.

    Args:
        subjects: names, repeated or not.
        fold: 0 to 9.

    Returns:
        The split of each person.

    Raises:
        DataError: there are fewer than three people.
    """
    people = sorted(set(subjects))
    if len(people) < 3:
        raise DataError(f"folds need three or more people, found {len(people)}")
    used = min(FOLDS, len(people))
    test, val = fold % used, (fold + 1) % used
    return {person: {test: "test", val: "val"}.get(position % used, "train") for position, person in enumerate(people)}
