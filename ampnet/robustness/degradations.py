"""What is done to a face by bad photos and by a detector's errors: blur, noise, light, compression, framing.

Each function takes a face in the 224 x 224 frame, ``(224, 224)`` grey or ``(224, 224, 3)`` BGR uint8, and a level, and
returns the same shape. Levels in pixels refer to that frame. After the corruptions of ImageNet-C (Hendrycks and
Dietterich 2019, arXiv:1903.12261), which has images of the same size.

Errors of a detector move the image and leave the landmarks, as in practice: the frame is cut by the landmarks that were
found, and the network's regions are placed by them, so both are off by the same error.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from ampnet.faces.alignment import Image
from ampnet.media.images import look_up, resize

GAMMA = 2.2
"""Exponent from stored grey levels to light, roughly that of sRGB."""


def gaussian_blur(image: Image, sigma: float) -> Image:
    """Blur like a lens out of focus; the level is the standard deviation in pixels."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE), dtype=np.uint8)


def motion_blur(image: Image, length: float, rng: np.random.Generator) -> Image:
    """Blur along a random direction; the level is the length of the movement in pixels."""
    angle = rng.uniform(0, np.pi)
    side = 2 * int(np.ceil(length / 2)) + 3
    middle, reach = side / 2 - 0.5, length / 2
    ends = np.array([[-np.cos(angle), -np.sin(angle)], [np.cos(angle), np.sin(angle)]]) * reach + middle
    first, last = (tuple(point.tolist()) for point in np.rint(ends * 16).astype(int))
    kernel = np.zeros((side, side), dtype=np.uint8)
    cv2.line(kernel, first, last, 255, lineType=cv2.LINE_AA, shift=4)
    weights = kernel.astype(np.float32) / kernel.sum()
    return np.asarray(cv2.filter2D(image, -1, weights, borderType=cv2.BORDER_REPLICATE), dtype=np.uint8)


def gaussian_noise(image: Image, sigma: float, rng: np.random.Generator) -> Image:
    """Add normal noise to every value; the level is its standard deviation, as a share of the full range."""
    noise = rng.standard_normal(image.shape, dtype=np.float32)
    return _to_bytes(image + 255 * sigma * noise)


def salt_pepper(image: Image, share: float, rng: np.random.Generator) -> Image:
    """Replace pixels by black or white; the level is their share."""
    dice = rng.random(image.shape[:2], dtype=np.float32)
    noisy = image.copy()
    noisy[dice < share] = 0
    noisy[dice < share / 2] = 255
    return noisy


def jpeg(image: Image, quality: float) -> Image:
    """Compress and decompress; the level is JPEG's quality."""
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(quality)])
    mode = cv2.IMREAD_GRAYSCALE if image.ndim == 2 else cv2.IMREAD_COLOR
    return np.asarray(cv2.imdecode(data, mode), dtype=np.uint8)


def low_resolution(image: Image, side: float) -> Image:
    """Shrink the frame and enlarge it again; the level is its side in between, in pixels."""
    return resize(resize(image, (int(side), int(side))), image.shape[:2])


def darkness(image: Image, stops: float) -> Image:
    """Expose too short, in photographic stops: each halves the light. Levels are rounded as a camera stores them."""
    return look_up(image, np.arange(256) * 2 ** (-stops / GAMMA))


def over_exposure(image: Image, stops: float) -> Image:
    """Expose too long, in photographic stops: each doubles the light, and what is brighter than white is lost."""
    return look_up(image, np.arange(256) * 2 ** (stops / GAMMA))


def low_contrast(image: Image, contrast: float) -> Image:
    """Move every value towards the mean of its channel; the level is the contrast that is left."""
    mean = image.mean(axis=(0, 1), dtype=np.float32)
    return _to_bytes((image - mean) * np.float32(contrast) + mean)


def _to_bytes(values: NDArray[np.floating]) -> Image:
    return np.asarray(np.rint(values).clip(0, 255), dtype=np.uint8)


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
