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

CORRUPTIONS: dict[str, tuple[str, ...]] = {
    "occlusion": ("sunglasses", "mask", "eye", "nose", "hand", "block"),
    "blur": ("gaussian-blur", "motion-blur"),
    "noise": ("gaussian-noise", "salt-pepper"),
    "light": ("darkness", "over-exposure", "low-contrast"),
    "quality": ("jpeg", "low-resolution"),
    "framing": ("shift", "scale", "rotation"),
}
"""Names by group, in the order of every table and plot."""

SEVERITIES = (1, 2, 3, 4, 5)

ALL, NONE = "all", "none"


def read_corruptions(text: str) -> tuple[str, ...]:
    """Parse a comma-separated list of corruptions and groups, returned in the suite's order.

    Args:
        text: names, groups, ``all``, or ``none``, which measures uncorrupted faces only.

    Raises:
        ConfigError: a name is unknown, or the list is empty.
    """
    wanted = {name.strip().lower() for name in text.split(",")} - {""}
    known = {ALL, NONE, *CORRUPTIONS, *(name for names in CORRUPTIONS.values() for name in names)}
    if not wanted or not wanted <= known or (NONE in wanted and len(wanted) > 1):
        unknown = ", ".join(sorted(wanted - known)) or text  # first in the message, which may be cut
        choices = ", ".join([ALL, NONE, *CORRUPTIONS, *(name for names in CORRUPTIONS.values() for name in names)])
        raise ConfigError(f"cannot use corruptions {printable(unknown, 60)!r}; choose from {choices}")
    return tuple(name for group, names in CORRUPTIONS.items() for name in names if wanted & {name, group, ALL})


SUITE_VERSION = 1
"""Counts every change of a level or a function: results of different versions are not compared."""

Apply = Callable[[Image, Points, float, np.random.Generator], Image]


@dataclass(frozen=True)
class Corruption:
    """One way to make a face harder to read."""

    name: str
    group: str
    levels: tuple[float, float, float, float, float]
    """Of severity 1 to 5."""
    unit: str
    """What a level measures."""
    apply: Apply
    """``apply(image, landmarks, level, rng)``."""


def _occluder(shape: occluders.Shape) -> Apply:
    return lambda image, landmarks, level, rng: occluders.occlude(image, landmarks, shape, level, rng)


def _plain(function: Callable[[Image, float], Image]) -> Apply:
    return lambda image, _landmarks, level, _rng: function(image, level)


def _random(function: Callable[[Image, float, np.random.Generator], Image]) -> Apply:
    return lambda image, _landmarks, level, rng: function(image, level, rng)


_HALF_HEIGHT = "half the height, in eye distances"
_RADIUS = "radius, in eye distances"

_LEVELS: dict[str, tuple[tuple[float, float, float, float, float], str, Apply]] = {
    "sunglasses": ((0.16, 0.22, 0.30, 0.40, 0.52), _HALF_HEIGHT, _occluder(occluders.sunglasses)),
    "mask": ((0.15, 0.30, 0.45, 0.60, 0.78), "part of the way from mouth to eyes", _occluder(occluders.mask)),
    "eye": ((0.18, 0.26, 0.34, 0.42, 0.52), _RADIUS, _occluder(occluders.one_eye)),
    "nose": ((0.18, 0.26, 0.34, 0.42, 0.52), _RADIUS, _occluder(occluders.nose)),
    "hand": ((2.3, 1.9, 1.5, 1.1, 0.7), "distance from the face's centre, in eye distances", _occluder(occluders.hand)),
    "block": ((0.1, 0.2, 0.3, 0.4, 0.5), "share of the face", _occluder(occluders.block)),
    "gaussian-blur": ((2, 4, 6, 8, 11), "standard deviation, px", _plain(degradations.gaussian_blur)),
    "motion-blur": ((10, 18, 26, 36, 48), "length, px", _random(degradations.motion_blur)),
    "gaussian-noise": (
        (0.08, 0.12, 0.18, 0.26, 0.38),
        "standard deviation, of 1",
        _random(degradations.gaussian_noise),
    ),
    "salt-pepper": ((0.03, 0.06, 0.09, 0.17, 0.27), "share of the pixels", _random(degradations.salt_pepper)),
    "darkness": ((1, 2, 3, 4, 5), "stops", _plain(degradations.darkness)),
    "over-exposure": ((0.5, 1, 1.5, 2.25, 3), "stops", _plain(degradations.over_exposure)),
    "low-contrast": ((0.4, 0.3, 0.2, 0.1, 0.05), "contrast that is left", _plain(degradations.low_contrast)),
    "jpeg": ((25, 18, 15, 10, 7), "quality", _plain(degradations.jpeg)),
    "low-resolution": ((48, 36, 28, 20, 14), "side of the frame, px", _plain(degradations.low_resolution)),
    "shift": ((4, 8, 16, 24, 36), "distance, px", _random(degradations.shift)),
    "scale": ((0.04, 0.11, 0.20, 0.30, 0.45), "change", _random(degradations.scale)),
    "rotation": ((2, 5, 10, 15, 25), "degrees", _random(degradations.rotation)),
}

SUITE: dict[str, Corruption] = {
    name: Corruption(name, group, *_LEVELS[name]) for group, names in CORRUPTIONS.items() for name in names
}
"""All corruptions by name, in order."""


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
