"""Changes of a photo that should not change the answer, applied to the whole photo before a face is looked for.

Metamorphic tests (Chen et al. 1998): no labels are needed, since the answer to the changed photo is compared with the
answer to the photo itself. The first six leave what people see as it is; the others are further than that.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Image: TypeAlias = NDArray[np.uint8]


@dataclass(frozen=True)
class Change:
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
    Change("jpeg-95", "saved again as JPEG, quality 95", lambda image: saved_as_jpeg(image, 95)),
    Change("jpeg-80", "saved again as JPEG, quality 80", lambda image: saved_as_jpeg(image, 80)),
    Change("moved", "moved by 1 px", lambda image: moved(image, 1)),
    Change("scaled", "scaled by 0.97", lambda image: scaled(image, 0.97)),
    Change("brighter", "brightness + 10%", lambda image: brightened(image, 1.1)),
    Change("less-contrast", "contrast - 15%", lambda image: with_contrast(image, 0.85)),
    Change("half-pixel", "resampled half a pixel further", lambda image: moved(image, 0.5), is_slight=False),
    Change("mirrored", "mirrored", lambda image: np.ascontiguousarray(image[:, ::-1]), is_slight=False),
    Change("flat", "contrast x 0.3", lambda image: with_contrast(image, 0.3), is_slight=False),
    Change("dark", "brightness x 0.25", lambda image: brightened(image, 0.25), is_slight=False),
)
"""All changes; :data:`LANDMARKS` is the one that no photo shows."""

LANDMARKS = "landmarks"
"""Name of the last row: the detector's landmarks moved at random, by :data:`JITTER`."""

JITTER = 0.01
"""Standard deviation of that movement on each axis, relative to the larger side of the face's box: the detector's own
landmarks move as much when a photo is scaled by 0.97."""
