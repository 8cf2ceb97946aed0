"""Pictures with and without colour."""

from typing import Literal

import cv2
import numpy as np

from ampnet.faces.alignment import Image

Color = Literal["rgb", "grey"]

GREY_TOLERANCE = 2.0
"""Largest mean difference between the colour channels of a grey picture (JPEG leaves some)."""


def is_grey(image: Image) -> bool:
    """Tell whether a picture carries no colour, whatever its file format says."""
    channels = image.astype(np.int16)
    return float((channels.max(axis=2) - channels.min(axis=2)).mean()) <= GREY_TOLERANCE


def to_grey(image: Image) -> Image:
    """Drop the colour of an RGB picture, with the luma weights of JPEG; it keeps three equal channels."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return np.repeat(np.asarray(grey, dtype=np.uint8)[..., None], 3, axis=2)
