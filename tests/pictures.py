"""Pictures as OpenCV reads them."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray


def read_bgr(path: Path) -> NDArray[np.uint8]:
    """Read a picture that is there as ``(H, W, 3)`` BGR."""
    image = cv2.imread(str(path))
    assert image is not None
    return image.astype(np.uint8, copy=False)


def read_rgb(path: Path) -> NDArray[np.uint8]:
    """Read a picture that is there as ``(H, W, 3)`` RGB."""
    return read_bgr(path)[..., ::-1].copy()
