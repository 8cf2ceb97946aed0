"""Which images to show of those that one contender gets right and the other wrong."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ampnet.evaluation.comparison import NO_ANSWER, Answers

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
        class_names: K names.
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
