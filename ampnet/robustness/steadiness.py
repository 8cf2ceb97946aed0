"""How steady answers are: labels and probabilities before and after changes of a photo that should not matter.

Metamorphic tests (Chen et al. 1998): no labels are needed, since the answer to the changed photo is compared with the
answer to the photo itself. The first six changes leave what people see as it is; the others go further.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Image: TypeAlias = NDArray[np.uint8]


@dataclass(frozen=True)
class PhotoChange:
    """One change of a photo."""

    name: str
    about: str
    apply: Callable[[Image], Image]
    """Maps an ``(H, W, 3)`` RGB photo to another."""
    is_slight: bool = True
    """Whether it counts in the mean of the slight changes."""


def saved_as_jpeg(image: Image, quality: int) -> Image:
    """Save a photo as JPEG of a quality, and read it again."""
    _, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.ascontiguousarray(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), dtype=np.uint8)[..., ::-1])


def moved(image: Image, pixels: float) -> Image:
    """Move a photo's content right and down; its border is repeated."""
    height, width = image.shape[:2]
    matrix = np.array([[1.0, 0.0, pixels], [0.0, 1.0, pixels]])
    flags = cv2.INTER_NEAREST if pixels == round(pixels) else cv2.INTER_CUBIC
    result = cv2.warpAffine(image, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(result, dtype=np.uint8)


def scaled(image: Image, factor: float) -> Image:
    """Resize a photo."""
    height, width = (max(round(side * factor), 1) for side in image.shape[:2])
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, (width, height), interpolation=way), dtype=np.uint8)


def brightened(image: Image, factor: float) -> Image:
    """Multiply a photo's values."""
    return np.asarray(np.rint(image * np.float32(factor)).clip(0, 255), dtype=np.uint8)


def with_contrast(image: Image, factor: float) -> Image:
    """Scale a photo's values about their mean."""
    mean = np.float32(image.mean())
    return np.asarray(np.rint(mean + (image - mean) * np.float32(factor)).clip(0, 255), dtype=np.uint8)


CHANGES = (
    PhotoChange("jpeg-95", "saved again as JPEG, quality 95", lambda image: saved_as_jpeg(image, 95)),
    PhotoChange("jpeg-80", "saved again as JPEG, quality 80", lambda image: saved_as_jpeg(image, 80)),
    PhotoChange("moved", "moved by 1 px", lambda image: moved(image, 1)),
    PhotoChange("scaled", "scaled by 0.97", lambda image: scaled(image, 0.97)),
    PhotoChange("brighter", "brightness + 10%", lambda image: brightened(image, 1.1)),
    PhotoChange("less-contrast", "contrast - 15%", lambda image: with_contrast(image, 0.85)),
    PhotoChange("half-pixel", "resampled half a pixel further", lambda image: moved(image, 0.5), is_slight=False),
    PhotoChange("mirrored", "mirrored", lambda image: np.ascontiguousarray(image[:, ::-1]), is_slight=False),
    PhotoChange("flat", "contrast x 0.3", lambda image: with_contrast(image, 0.3), is_slight=False),
    PhotoChange("dark", "brightness x 0.25", lambda image: brightened(image, 0.25), is_slight=False),
)
"""All changes; :data:`LANDMARKS` is the one that no photo shows."""

LANDMARKS = "landmarks"
"""Name of the last row: the detector's landmarks moved at random, by :data:`JITTER`."""

JITTER = 0.01
"""Standard deviation of that movement on each axis, relative to the larger side of the face's box: the detector's own
landmarks move as much when a photo is scaled by 0.97."""


@dataclass(frozen=True, eq=False)
class Answer:
    """The answer of the whole path about a photo's face."""

    probabilities: NDArray[np.floating]
    """``(K,)``."""
    landmarks: NDArray[np.floating]
    """``(5, 2)`` in pixels of the photo."""
    side: float
    """Larger side of the face's box in those pixels."""


Answers: TypeAlias = Callable[[Sequence[Image]], Sequence[Answer | None]]
"""The whole path: maps photos to the answer about each one's face, or None for a photo without a face."""

AtLandmarks: TypeAlias = Callable[[Image, NDArray[np.floating]], NDArray[np.floating]]
"""The path after detection: maps a photo and ``(5, 2)`` landmarks to ``(K,)`` probabilities."""

PERCENTILE = 95


@dataclass(frozen=True)
class ChangeRates:
    """What one change did to the answers for N photos with a face."""

    name: str
    about: str
    changed: float
    """Fraction of the faces found again that got another label."""
    moved: float
    """95th percentile of the change of the first label's probability."""
    lost: int
    """Photos in which no face was found any more."""


@dataclass(frozen=True)
class Steadiness:
    """The rates of all changes, and the means over the slight ones."""

    photos: int
    """Photos in which a face was found."""
    without_face: int
    rows: tuple[ChangeRates, ...]

    def mean_of_slight(self) -> tuple[float, float]:
        """Return the mean rate of changed labels, and the mean 95th percentile, over the slight changes."""
        slight = {change.name for change in CHANGES if change.is_slight}
        rows = [row for row in self.rows if row.name in slight]
        return float(np.mean([row.changed for row in rows])), float(np.mean([row.moved for row in rows]))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        changed, moved = self.mean_of_slight()
        return asdict(self) | {"mean_of_slight": {"changed": changed, "moved": moved}}


Pairs: TypeAlias = list[tuple[NDArray[np.floating], NDArray[np.floating] | None]]
"""The probabilities of each face before and after a change; None: no face was found any more."""


def measure_steadiness(
    photos: Iterable[Image],
    answers: Answers,
    at_landmarks: AtLandmarks,
    seed: int = 0,
    advance: Callable[[int], None] = lambda _count: None,
) -> Steadiness:
    """Compare the answers to photos with those to changed copies of them.

    Args:
        photos: ``(H, W, 3)`` RGB uint8.
        answers: the whole path.
        at_landmarks: the path after detection, for the last row.
        seed: decides how landmarks are moved.
        advance: called with 1 after each photo.

    Returns:
        The rates over all photos in which a face is found.
    """
    rng = np.random.default_rng(seed)
    pairs: dict[str, Pairs] = {name: [] for name in (*(change.name for change in CHANGES), LANDMARKS)}
    found = without_face = 0
    for photo in photos:
        before, *after = answers([photo, *(change.apply(photo) for change in CHANGES)])
        if before is None:
            without_face += 1
        else:
            found += 1
            jittered = before.landmarks + rng.normal(0, JITTER * before.side, (5, 2))
            probabilities = [None if answer is None else answer.probabilities for answer in after]
            for name, changed in zip(pairs, (*probabilities, at_landmarks(photo, jittered)), strict=True):
                pairs[name].append((before.probabilities, changed))
        advance(1)
    about = {change.name: change.about for change in CHANGES}
    about[LANDMARKS] = f"landmarks moved by {JITTER:.0%} of the face"
    return Steadiness(found, without_face, tuple(_rates(name, about[name], pairs[name]) for name in pairs))


def _rates(name: str, about: str, pairs: Pairs) -> ChangeRates:
    both = [(before, after) for before, after in pairs if after is not None]
    if not both:
        return ChangeRates(name, about, 0.0, 0.0, len(pairs))
    before, after = (np.array(part) for part in zip(*both, strict=True))  # (N, K) each
    label, rows = before.argmax(axis=1), np.arange(len(both))
    moved = np.abs(after[rows, label] - before[rows, label])
    changed = float((after.argmax(axis=1) != label).mean())
    return ChangeRates(name, about, changed, float(np.percentile(moved, PERCENTILE)), len(pairs) - len(both))
