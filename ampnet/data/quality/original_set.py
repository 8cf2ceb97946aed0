"""Is this the original set? Traits that its images share, and what is known of the true sets' grey levels."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ampnet.data.quality.photographs import DESCRIPTIONS

EXAMPLES = 5
"""Images that are named for each trait."""

LEAST_IMAGES = 300
"""Images from which a set's grey levels are compared with the true set's."""


@dataclass(frozen=True)
class GreyLevels:
    """Mean and standard deviation of the grey levels of all pixels of a set."""

    mean: float
    spread: float


@dataclass(frozen=True)
class KnownSet:
    """Facts about a data set as its owners hand it out."""

    name: str
    levels: GreyLevels
    """Measured on the whole set."""
    tolerance: GreyLevels
    """Largest differences that are still the true set, or a part of it."""


FER2013 = KnownSet("FER-2013", GreyLevels(129.4, 65.1), GreyLevels(10.0, 5.0))
"""Measured on all 35,887 images. Of 10,000 random parts of ``LEAST_IMAGES`` images none differed by more than the
tolerance."""

KNOWN_SETS = {"fer2013": FER2013, "ferplus": FER2013, "ferplus-argmax": FER2013}
"""By layout; FER+ has FER-2013's images."""


@dataclass(frozen=True)
class TraitCount:
    """How much of a set has one trait."""

    images: int
    share: float
    """Of all images that were examined, in [0, 1]."""
    examples: list[str]
    """Names of the first ``EXAMPLES`` of them."""


@dataclass
class SetTones:
    """Collects what was seen in each image of a set."""

    images: int = 0
    names: dict[str, list[str]] = field(default_factory=dict)
    """Trait -> images that have it."""
    levels: list[tuple[float, float]] = field(default_factory=list)
    """Mean and standard deviation of each image's grey levels."""

    def add(self, name: str, traits: Sequence[str], levels: tuple[float, float] | None = None) -> None:
        """Take in one image.

        Args:
            levels: mean and standard deviation of its grey levels, where they were measured on source pixels.
        """
        self.images += 1
        for trait in traits:
            self.names.setdefault(trait, []).append(name)
        if levels is not None:
            self.levels.append(levels)

    def counts(self) -> dict[str, TraitCount]:
        """Count the images with each trait, the commonest first."""
        ordered = sorted(self.names.items(), key=lambda entry: (-len(entry[1]), entry[0]))
        return {trait: TraitCount(len(names), len(names) / self.images, names[:EXAMPLES]) for trait, names in ordered}

    def doubts(self, layout: str) -> list[str]:
        """Say why this may not be the original set, a sentence each.

        Args:
            layout: as prepare names it; empty when unknown.
        """
        return [*_shared_traits(self.counts()), *_other_levels(self.levels, KNOWN_SETS.get(layout))]


def pooled_levels(levels: Sequence[tuple[float, float]]) -> GreyLevels:
    """Give mean and standard deviation over all pixels of equally large images from those of each image."""
    means, spreads = np.asarray(levels, dtype=np.float64).T
    return GreyLevels(float(means.mean()), float(np.sqrt((spreads**2).mean() + means.var())))


def _shared_traits(counts: dict[str, TraitCount]) -> list[str]:
    return [
        f"{100 * count.share:.0f} % of the images {DESCRIPTIONS[trait]}: is this the original set?"
        for trait, count in counts.items()
        if count.share > 0.5
    ]


def _other_levels(levels: Sequence[tuple[float, float]], known: KnownSet | None) -> list[str]:
    if known is None or len(levels) < LEAST_IMAGES:
        return []
    found, true = pooled_levels(levels), known.levels
    if (
        abs(found.mean - true.mean) <= known.tolerance.mean
        and abs(found.spread - true.spread) <= known.tolerance.spread
    ):
        return []
    return [
        f"the grey levels have mean {found.mean:.0f} and spread {found.spread:.0f}, {known.name}'s are "
        f"{true.mean:.0f} and {true.spread:.0f}: these images have been changed"
    ]
