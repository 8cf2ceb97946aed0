"""How a face looks: grey or in colour, how bright, how blurred."""

from functools import reduce
from typing import Literal

import cv2
import numpy as np

from ampnet.faces.alignment import Image

Color = Literal["rgb", "grey"]

GREY_TOLERANCE = 2.0
"""Maximum mean difference between the channels of a grey image (JPEG compression causes some)."""


def is_grey(image: Image) -> bool:
    """Return whether an image has no colour, regardless of its number of channels."""
    channels = [image[..., channel] for channel in range(image.shape[2])]  # max(axis=2) takes 16 times as long
    return float((reduce(np.maximum, channels) - reduce(np.minimum, channels)).mean()) <= GREY_TOLERANCE


def to_grey(image: Image) -> Image:
    """Convert RGB to grey with JPEG's luma weights; the result has three equal channels."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return np.repeat(np.asarray(grey, dtype=np.uint8)[..., None], 3, axis=2)


_MARGIN = 0.1
_SHARE = 0.9


def brightness(face: Image) -> int:
    """Return the grey value that a tenth of a face exceeds.

    The brighter parts of a face distinguish dark photos from dark skin, which has lights, eyes and teeth.

    Args:
        face: ``(S, S, 3)`` RGB uint8 or ``(S, S)`` grey, in the network's frame; a tenth at each side is left out.

    Returns:
        0 to 255.
    """
    grey = np.asarray(face if face.ndim == 2 else cv2.cvtColor(face, cv2.COLOR_RGB2GRAY))
    margin = round(_MARGIN * len(grey))
    middle = grey[margin : len(grey) - margin, margin : len(grey) - margin]
    counts = np.bincount(middle.ravel(), minlength=256).cumsum()
    return int(np.searchsorted(counts, _SHARE * middle.size))


_SIDE = 96
_BORDER = 10
_SIGMA = 1.5


def blurriness(face: Image) -> float:
    """Blur a face once more and measure the share of its edges that stays (after Crete et al. 2007).

    Contrast and brightness hardly matter, as only the ratio of two gradient energies counts.

    Args:
        face: ``(S, S, 3)`` RGB uint8 or ``(S, S)`` grey, in the network's frame.

    Returns:
        A share in (0, 1]: about 0.4 for sharp faces of 48 pixels, 1 for a surface without edges.
    """
    small = cv2.resize(face, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    grey = np.asarray(small if small.ndim == 2 else cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), dtype=np.float32)
    middle = grey[_BORDER:-_BORDER, _BORDER:-_BORDER]
    blurred = np.asarray(cv2.GaussianBlur(middle, (0, 0), _SIGMA), dtype=np.float32)
    return min((_gradient_energy(blurred) + 1) / (_gradient_energy(middle) + 1), 1.0)


def _gradient_energy(grey: np.ndarray) -> float:
    return float(sum((np.diff(grey, axis=axis) ** 2).sum() for axis in (0, 1)))
