"""Tests whether a data set is the original: traits that its images share, and the known grey levels of originals."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from ampnet.files.printable import printable
from ampnet.media.alterations import DESCRIPTIONS

EXAMPLES = 5
"""Number of example images listed for each trait."""

MIN_IMAGES = 300
"""Minimum images for a comparison of grey levels with the original data set."""


class GreyLevels(NamedTuple):
    """Mean and standard deviation of the grey levels of all pixels in a data set."""

    mean: float
    spread: float


OF_FER2013, TOLERANCE = GreyLevels(129.4, 65.1), GreyLevels(10.0, 5.0)
"""Measured on all 35,887 images; none of 10,000 random samples of ``MIN_IMAGES`` images exceeded the tolerance."""

FER2013_LAYOUTS = ("fer2013", "ferplus", "ferplus-argmax")
"""FER+ uses FER-2013's images."""


@dataclass(frozen=True)
class TraitCount:
    """How many images of a data set have a trait."""

    images: int
    share: float
    """Fraction of the examined images, in [0, 1]."""
    examples: list[str]
    """Names of the first ``EXAMPLES`` of them."""


@dataclass
class SetTones:
    """Collects traits and grey levels of each image of a data set."""

    images: int = 0
    names: dict[str, list[str]] = field(default_factory=dict)
    """Trait -> images that have it."""
    levels: list[tuple[float, float]] = field(default_factory=list)
    """Mean and standard deviation of each image's grey levels."""

    def add(self, name: str, traits: Sequence[str], levels: tuple[float, float] | None = None) -> None:
        """Add an image.

        Args:
            levels: mean and standard deviation of its grey levels, if measured on source pixels.
        """
        self.images += 1
        for trait in traits:
            if trait in DESCRIPTIONS:  # a file of another version may hold others
                self.names.setdefault(trait, []).append(name)
        if levels is not None:
            self.levels.append(levels)

    def counts(self) -> dict[str, TraitCount]:
        """Count the images with each trait, the most common first."""
        ordered = sorted(self.names.items(), key=lambda entry: (-len(entry[1]), entry[0]))
        return {
            trait: TraitCount(len(names), len(names) / self.images, [printable(name) for name in names[:EXAMPLES]])
            for trait, names in ordered
        }

    def warnings(self, layout: str) -> list[str]:
        """List the signs that this is not the original data set, one sentence each.

        Args:
            layout: name of the data set's layout; empty if unknown.
        """
        shared = [
            f"{100 * count.share:.0f}% of the images {DESCRIPTIONS[trait]}: is this the original set?"
            for trait, count in self.counts().items()
            if count.share > 0.5
        ]
        return [*shared, *_other_levels(self.levels, layout)]


def pooled_levels(levels: Sequence[tuple[float, float]]) -> GreyLevels:
    """Pool the mean and standard deviation of each image into those of all pixels; images must be of equal size."""
    means, spreads = np.asarray(levels, dtype=np.float64).T
    return GreyLevels(float(means.mean()), float(np.sqrt((spreads**2).mean() + means.var())))


def _other_levels(levels: Sequence[tuple[float, float]], layout: str) -> list[str]:
    if layout not in FER2013_LAYOUTS or len(levels) < MIN_IMAGES:
        return []
    found, true = pooled_levels(levels), OF_FER2013
    if abs(found.mean - true.mean) <= TOLERANCE.mean and abs(found.spread - true.spread) <= TOLERANCE.spread:
        return []
    return [
        f"the grey levels have mean {found.mean:.0f} and spread {found.spread:.0f}, FER-2013's are {true.mean:.0f} and "
        f"{true.spread:.0f}: these images have been changed"
    ]
