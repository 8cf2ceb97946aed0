"""The robustness suite: what is done to a face at each severity, and the random numbers that decide it.

After ImageNet-C (Hendrycks and Dietterich 2019, arXiv:1903.12261): every corruption has five severities, and a
corrupted face depends on nothing but its pixels, its landmarks, its name and the seed. Severities share their random
numbers, so that a curve over them shows one object growing, not five different ones.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ampnet.errors import ConfigError
from ampnet.faces.alignment import Image
from ampnet.faces.geometry import Points
from ampnet.files.printable import printable
from ampnet.robustness import degradations, occluders

SEVERITIES = (1, 2, 3, 4, 5)

ALL, NONE = "all", "none"


SUITE_VERSION = 1
"""Counts every change of a level or a function: results of different versions are not compared."""

Apply = Callable[[Image, Points, float, np.random.Generator], Image]


@dataclass(frozen=True)
class Corruption:
    """One way to make a face harder to read."""

    name: str
    group: str
    levels: tuple[float, float, float, float, float]
    """Of severity 1 to 5, in the unit that docs/robustness.md lists."""
    apply: Apply
    """``apply(image, landmarks, level, rng)``."""


def _occluder(shape: occluders.Shape) -> Apply:
    return lambda image, landmarks, level, rng: occluders.occlude(image, landmarks, shape, level, rng)


def _plain(function: Callable[[Image, float], Image]) -> Apply:
    return lambda image, _landmarks, level, _rng: function(image, level)


def _random(function: Callable[[Image, float, np.random.Generator], Image]) -> Apply:
    return lambda image, _landmarks, level, rng: function(image, level, rng)


_ALL = (
    Corruption("sunglasses", "occlusion", (0.16, 0.22, 0.30, 0.40, 0.52), _occluder(occluders.sunglasses)),
    Corruption("mask", "occlusion", (0.15, 0.30, 0.45, 0.60, 0.78), _occluder(occluders.mask)),
    Corruption("eye", "occlusion", (0.18, 0.26, 0.34, 0.42, 0.52), _occluder(occluders.one_eye)),
    Corruption("nose", "occlusion", (0.18, 0.26, 0.34, 0.42, 0.52), _occluder(occluders.nose)),
    Corruption("hand", "occlusion", (2.3, 1.9, 1.5, 1.1, 0.7), _occluder(occluders.hand)),
    Corruption("block", "occlusion", (0.1, 0.2, 0.3, 0.4, 0.5), _occluder(occluders.block)),
    Corruption("gaussian-blur", "blur", (2, 4, 6, 8, 11), _plain(degradations.gaussian_blur)),
    Corruption("motion-blur", "blur", (10, 18, 26, 36, 48), _random(degradations.motion_blur)),
    Corruption("gaussian-noise", "noise", (0.08, 0.12, 0.18, 0.26, 0.38), _random(degradations.gaussian_noise)),
    Corruption("salt-pepper", "noise", (0.03, 0.06, 0.09, 0.17, 0.27), _random(degradations.salt_pepper)),
    Corruption("darkness", "light", (1, 2, 3, 4, 5), _plain(degradations.darkness)),
    Corruption("over-exposure", "light", (0.5, 1, 1.5, 2.25, 3), _plain(degradations.over_exposure)),
    Corruption("low-contrast", "light", (0.4, 0.3, 0.2, 0.1, 0.05), _plain(degradations.low_contrast)),
    Corruption("jpeg", "quality", (25, 18, 15, 10, 7), _plain(degradations.jpeg)),
    Corruption("low-resolution", "quality", (48, 36, 28, 20, 14), _plain(degradations.low_resolution)),
    Corruption("shift", "framing", (4, 8, 16, 24, 36), _random(degradations.shift)),
    Corruption("scale", "framing", (0.04, 0.11, 0.20, 0.30, 0.45), _random(degradations.scale)),
    Corruption("rotation", "framing", (2, 5, 10, 15, 25), _random(degradations.rotation)),
)

SUITE = {corruption.name: corruption for corruption in _ALL}
"""All corruptions by name, in the order of every table and plot."""

CORRUPTIONS = {
    group: tuple(name for name, corruption in SUITE.items() if corruption.group == group)
    for group in dict.fromkeys(corruption.group for corruption in _ALL)
}
"""Names by group, likewise."""


def read_corruptions(text: str) -> tuple[str, ...]:
    """Parse a comma-separated list of corruptions and groups, returned in the suite's order.

    Args:
        text: names, groups, ``all``, or ``none``, which measures uncorrupted faces only.

    Raises:
        ConfigError: a name is unknown, or the list is empty.
    """
    wanted = {name.strip().lower() for name in text.split(",")} - {""}
    known = [ALL, NONE, *CORRUPTIONS, *SUITE]
    if not wanted or not wanted <= set(known) or (NONE in wanted and len(wanted) > 1):
        unknown = ", ".join(sorted(wanted.difference(known))) or text  # first in the message, which may be cut
        raise ConfigError(f"cannot use corruptions {printable(unknown, 60)!r}; choose from {', '.join(known)}")
    return tuple(name for name, corruption in SUITE.items() if wanted & {name, corruption.group, ALL})


def face_generator(seed: int, corruption: str, name: str) -> np.random.Generator:
    """Start the random numbers of one face under one corruption, whatever is computed before, beside or after it.

    Args:
        name: the face's name in data_label.txt.
    """
    key = hashlib.blake2b(f"{seed}/{corruption}/{name}".encode(errors="surrogateescape"), digest_size=16).digest()
    return np.random.Generator(np.random.SFC64(list(np.frombuffer(key, dtype=np.uint32).tolist())))


def corrupt(image: Image, landmarks: Points, corruption: str, severity: int, seed: int, name: str) -> Image:
    """Corrupt a prepared face.

    Args:
        image: ``(224, 224)`` grey or ``(224, 224, 3)`` BGR uint8.
        landmarks: ``(5, 2)`` in its pixels, as they were found on the clean image.
        corruption: one of :data:`SUITE`.
        severity: 1 to 5.

    Returns:
        The same shape; ``image`` is not changed.
    """
    chosen = SUITE[corruption]
    return chosen.apply(image, landmarks, chosen.levels[severity - 1], face_generator(seed, corruption, name))


def texture_of(corruption: str, seed: int, name: str) -> str:
    """Return the texture that covers a face under one of the occlusions."""
    return occluders.draw_texture(face_generator(seed, corruption, name))
