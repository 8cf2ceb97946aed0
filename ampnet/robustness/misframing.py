"""Errors of a detector: the face is not where its landmarks say.

The image moves and the landmarks stay, as in practice: the frame is cut by the landmarks that were found, and the
network's regions are placed by them, so both are off by the same error.
"""

import cv2
import numpy as np

from ampnet.faces.alignment import Image


def shift(image: Image, distance: float, rng: np.random.Generator) -> Image:
    """Move the face in a random direction; the level is the distance in pixels of the 224 x 224 frame."""
    angle = rng.uniform(0, 2 * np.pi)
    return _moved(image, dx=distance * np.cos(angle), dy=distance * np.sin(angle))


def scale(image: Image, change: float, rng: np.random.Generator) -> Image:
    """Enlarge or shrink the face about the frame's centre; the level is the change, 0.1 for a tenth."""
    larger = rng.random() < 0.5
    return _moved(image, factor=1 + change if larger else 1 / (1 + change))


def rotation(image: Image, degrees: float, rng: np.random.Generator) -> Image:
    """Turn the face about the frame's centre, either way; the level is the angle in degrees."""
    return _moved(image, angle=degrees if rng.random() < 0.5 else -degrees)


def _moved(image: Image, angle: float = 0, factor: float = 1, dx: float = 0, dy: float = 0) -> Image:
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2 - 0.5, height / 2 - 0.5), angle, factor)
    matrix[:, 2] += np.array([dx, dy])
    moved = cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, dtype=np.uint8)
