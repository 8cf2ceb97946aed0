"""Grey and colour images."""

from typing import Literal

import cv2
import numpy as np

from ampnet.faces.alignment import Image

Color = Literal["rgb", "grey"]

GREY_TOLERANCE = 2.0
"""Maximum mean difference between the channels of a grey image (JPEG compression causes some)."""


def is_grey(image: Image) -> bool:
    """Return whether an image has no colour, regardless of its number of channels."""
    channels = image.astype(np.int16)
    return float((channels.max(axis=2) - channels.min(axis=2)).mean()) <= GREY_TOLERANCE


def to_grey(image: Image) -> Image:
    """Convert RGB to grey with JPEG's luma weights; the result has three equal channels."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return np.repeat(np.asarray(grey, dtype=np.uint8)[..., None], 3, axis=2)
