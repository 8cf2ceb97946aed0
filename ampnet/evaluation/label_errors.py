"""Which labels are probably wrong: confident learning (Northcutt, Jiang and Chuang 2021, JAIR 70:1373).

The probabilities must come from networks that have not seen the images. A class has its own threshold: the mean
probability of that class over the images that are labelled so. An image whose probability of another class reaches
that class's threshold, and most so of all classes, is suspected: it belongs there as clearly as most images of that
class do. Suspected labels are ranked by their normalised margin, the probability of the label minus that of the most
probable other class.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LabelDoubts:
    """Doubts about N labels."""

    order: NDArray[np.int64]
    """``(N,)`` positions: suspected labels first, the most doubtful first of all."""
    is_suspect: NDArray[np.bool_]
    """``(N,)``."""
    suggested: NDArray[np.int64]
    """``(N,)`` the class instead of a suspected label; of the others, the most probable class."""
    margins: Array
    """``(N,)`` probability of the label minus that of the most probable other class, in [-1, 1]."""


@dataclass(frozen=True)
class Found:
    """How many of the first names are wrong by a crowd."""

    names: int
    """First names on the list, of those that the crowd has decided about."""
    wrong: int
    """Of these, labels that are not the crowd's majority."""
    all_wrong: int
    """Of all labels."""

    @property
    def precision(self) -> float:
        """Share of the names whose label is wrong."""
        return self.wrong / self.names

    @property
    def recall(self) -> float:
        """Share of the wrong labels that are among the names."""
        return self.wrong / max(self.all_wrong, 1)


def doubt_labels(probabilities: NDArray[np.floating], labels: NDArray[np.int64]) -> LabelDoubts:
    """Rank labels by how probably they are wrong.

    Args:
        probabilities: ``(N, K)`` by networks that have not seen the images; N at least 1.
        labels: ``(N,)``.
    """
    p = probabilities.astype(np.float64)
    every = np.arange(len(labels))
    counts = np.bincount(labels, minlength=p.shape[1])
    of_label = p[every, labels]
    sums = np.bincount(labels, weights=of_label, minlength=p.shape[1])
    thresholds = np.where(counts > 0, sums / np.maximum(counts, 1), np.inf)
    confident = np.where(p >= thresholds, p, -1.0)
    best = confident.argmax(axis=1)
    is_suspect = (confident[every, best] >= 0) & (best != labels)
    others = p.copy()
    others[every, labels] = -1
    margins = of_label - others.max(axis=1)
    return LabelDoubts(
        order=np.lexsort((margins, ~is_suspect)),
        is_suspect=is_suspect,
        suggested=np.where(is_suspect, best, p.argmax(axis=1)).astype(np.int64),
        margins=margins,
    )


def check_doubts(
    order: NDArray[np.int64], labels: NDArray[np.int64], majority: NDArray[np.int64], names: tuple[int, ...]
) -> tuple[Found, ...]:
    """Count how many of the first names on a list a crowd calls wrong.

    Args:
        order: ``(N,)`` positions, most doubtful first.
        labels: ``(N,)``.
        majority: ``(N,)`` the crowd's majority; -1 where there is none, and the image is left out.
        names: lengths of the list; those beyond the decided images are left out.
    """
    decided = order[majority[order] >= 0]
    wrong = labels[decided] != majority[decided]
    return tuple(Found(n, int(wrong[:n].sum()), int(wrong.sum())) for n in names if n <= len(decided))
