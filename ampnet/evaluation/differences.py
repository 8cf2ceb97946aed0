"""Which images contenders can be compared on, and which to show of those that one gets right and the other wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ampnet.errors import DataError
from ampnet.evaluation.comparison import NO_ANSWER, Answers
from ampnet.evaluation.predictions import PredictionTable, SplitImages

SHOWN = 24
"""Maximum number of images."""


@dataclass(frozen=True)
class Shown:
    """One image to show."""

    row: int
    """Its position among the compared images."""
    true: str
    first: str
    """The first contender's answer; of several runs, the most frequent one and how many gave it."""
    second: str
    first_is_right: bool
    """Else the second is, and the first is wrong."""


def choose_differences(
    labels: NDArray[np.int64],
    first: Answers,
    second: Answers,
    class_names: Sequence[str],
    candidates: NDArray[np.int64],
    seed: int = 0,
    most: int = SHOWN,
) -> list[Shown]:
    """Draw images that only one contender gets right: as many of each kind as there are, up to half of all.

    Of contenders with several runs, those come first about which the runs of the two differ most.

    Args:
        labels: ``(N,)`` true classes.
        candidates: positions of the images that can be pictured.
        seed: random seed; the draw is uniform among images that differ equally.

    Returns:
        Those that the first gets right, then those that the second does.
    """
    shuffled = np.random.default_rng(seed).permutation(candidates)
    lead = (np.mean(first == labels, axis=0) - np.mean(second == labels, axis=0))[shuffled]
    sides = [shuffled[np.argsort(-sign * lead, kind="stable")][: int((sign * lead > 0).sum())] for sign in (1, -1)]
    counts = [max(most // 2, most - len(other)) for other in reversed(sides)]
    return [
        Shown(
            row=row,
            true=class_names[labels[row]],
            first=_most_frequent(first[:, row], class_names),
            second=_most_frequent(second[:, row], class_names),
            first_is_right=is_first,
        )
        for side, count, is_first in zip(sides, counts, (True, False), strict=True)
        for row in side[:count].tolist()
    ]


def _most_frequent(answers: NDArray[np.int64], class_names: Sequence[str]) -> str:
    codes, counts = np.unique(answers, return_counts=True)
    code = int(codes[counts.argmax()])
    name = class_names[code] if code >= 0 else NO_ANSWER
    return name if len(answers) == 1 else f"{name} ({counts.max()}/{len(answers)})"


@dataclass(frozen=True, eq=False)
class SameImages:
    """The images that all tables have, and each table's answers for them."""

    images: SplitImages
    """N images; their classes are the shared ones, then further ones that only answers name."""
    rows: NDArray[np.int64]
    """``(N,)`` their positions among the images of the split."""
    answers: Mapping[str, NDArray[np.int64]]
    """``(N,)`` predicted classes of each table; -1 without a prediction."""
    left_out: tuple[str, ...]
    """Classes of the data that some table does not have; their images are left out."""


def same_images(images: SplitImages, tables: Mapping[str, PredictionTable]) -> SameImages:
    """Find the images that all tables have.

    A table may have its classes in another order, lack some, and have others.

    Args:
        images: all images of the split, in the data set's classes.
        tables: predictions, by a name for messages.

    Raises:
        DataError: tables hold different images, or share fewer than two classes.
    """
    own = images.class_names
    shared = [name for name in own if all(name in table.class_names for table in tables.values())]
    if len(shared) < 2:
        raise DataError(
            f"{_listed(list(tables))} and the data share fewer than two classes; choose others that know the same"
        )
    further = sorted({name for table in tables.values() for name in _answered(table) if name not in shared})
    rows = np.flatnonzero(np.isin(images.labels, [own.index(name) for name in shared]))
    kept = images.subset(rows).with_classes(shared, further)
    return SameImages(
        images=kept,
        rows=rows,
        answers={name: _answers(name, table, kept, shared) for name, table in tables.items()},
        left_out=tuple(name for name in own if name not in shared),
    )


def _answers(name: str, table: PredictionTable, kept: SplitImages, shared: Sequence[str]) -> NDArray[np.int64]:
    """Translate a table's answers for the images that are kept."""
    theirs = table.class_names
    rows = np.flatnonzero(np.isin(table.labels, [theirs.index(shared_name) for shared_name in shared]))
    table_images = table.images.subset(rows)
    same_labels = [theirs[code] for code in table_images.labels] == [kept.class_names[code] for code in kept.labels]
    if table_images.names != kept.names or not same_labels:
        raise DataError(f"{name} was given other images than the rest; compare predictions for the same split")
    codes = {theirs.index(class_name): code for code, class_name in enumerate(kept.class_names) if class_name in theirs}
    return np.array([codes.get(answer, -1) for answer in table.answers[rows].tolist()], dtype=np.int64)


def _answered(table: PredictionTable) -> list[str]:
    return [table.class_names[code] for code in np.unique(table.answers[table.scored]).tolist()]


def _listed(names: list[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
