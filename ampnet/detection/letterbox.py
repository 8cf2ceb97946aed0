"""How an image of any size enters the detector: scaled into a working range, padded to whole cells."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

SMALLEST_LONG_SIDE = 224
"""Images whose longer side is below this are enlarged to it: faces of 48-px data sets are found and relative_landmarks
better so, and it is the size of the prepared images."""
LARGEST_LONG_SIDE = 1280
"""Photos whose longer side is above this are shrunk to it; a 50-px face of a 4000-px photo is still found."""
OVERVIEW_LONG_SIDE = 320
"""Size of the second, coarse look at large images."""
OVERVIEW_FROM = 512
"""Working size above which there is a second look: the network takes faces beyond some 500 px to pieces."""
CELL = 32
"""Sizes are padded to a multiple of the coarsest stride, so that images of like size share a batch."""


@dataclass(frozen=True)
class Letterbox:
    """An image as the network sees it, with the way back.

    Attributes:
        image: ``(H, W, 3)`` RGB uint8 in the working size, not yet padded.
        padded_hw: height and width of the network's input that holds it in its top left corner.
        scale_xy: working pixels per source pixel, along x and y.
    """

    image: NDArray[np.uint8]
    padded_hw: tuple[int, int]
    scale_xy: tuple[float, float]


def working_sizes(image: NDArray[np.uint8]) -> list[int]:
    """Say at which longer sides an image is looked at: in the working range, and large ones in overview too."""
    side = min(max(*image.shape[:2], SMALLEST_LONG_SIDE), LARGEST_LONG_SIDE)
    return [side, OVERVIEW_LONG_SIDE] if side > OVERVIEW_FROM else [side]


def padded_size(image: NDArray[np.uint8], long_side: int) -> tuple[int, int]:
    """Give height and width of the network's input for an image brought to ``long_side``."""
    width, height = _scaled_size(image, long_side)
    return -(-height // CELL) * CELL, -(-width // CELL) * CELL


def letterbox(image: NDArray[np.uint8], long_side: int) -> Letterbox:
    """Bring an image's longer side to ``long_side``, keeping its shape to the pixel."""
    height, width = image.shape[:2]
    new_width, new_height = _scaled_size(image, long_side)
    small = image if (new_width, new_height) == (width, height) else resized(image, (new_width, new_height))
    return Letterbox(small, padded_size(image, long_side), (new_width / width, new_height / height))


def _scaled_size(image: NDArray[np.uint8], long_side: int) -> tuple[int, int]:
    height, width = image.shape[:2]
    scale = long_side / max(height, width)
    return max(1, round(width * scale)), max(1, round(height * scale))


def resized(image: NDArray[np.uint8], size_wh: tuple[int, int]) -> NDArray[np.uint8]:
    """Resize smoothly: cubic when enlarging, averaging areas when shrinking."""
    enlarging = size_wh[0] * size_wh[1] > image.shape[0] * image.shape[1]
    interpolation = cv2.INTER_CUBIC if enlarging else cv2.INTER_AREA
    return np.asarray(cv2.resize(image, size_wh, interpolation=interpolation), dtype=np.uint8)
