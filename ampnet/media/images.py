"""Resizing, and JPEG encoding."""

import cv2
import numpy as np
from numpy.typing import NDArray

from ampnet.errors import ImageError

Image = NDArray[np.uint8]

JPEG_QUALITY = 99
"""Quality of prepared faces, at which a network says of them what it says of the pixels before (docs/data.md)."""


def reduce(image: Image, longest_side: int) -> Image:
    """Shrink an image by area averaging to a maximum side; smaller images are returned unchanged."""
    height, width = image.shape[:2]
    scale = longest_side / max(height, width)
    if scale >= 1:
        return image
    return resize(image, (max(round(height * scale), 1), max(round(width * scale), 1)))


def resize(image: Image, size_hw: tuple[int, int]) -> Image:
    """Resize an image, with area averaging on axes that shrink and cubic interpolation on axes that grow."""
    image = _halved(image, size_hw)
    (height, width), (new_height, new_width) = image.shape[:2], size_hw
    shrunk = _resized_by(cv2.INTER_AREA, image, (min(height, new_height), min(width, new_width)))
    return _resized_by(cv2.INTER_CUBIC, shrunk, size_hw)


def look_up(image: Image, table: NDArray[np.floating]) -> Image:
    """Map each value of an image by a table of 256, rounded and kept within [0, 255]."""
    return np.asarray(cv2.LUT(image, np.rint(table.clip(0, 255)).astype(np.uint8)), dtype=np.uint8)


def encode_jpeg(image: Image, quality: int = JPEG_QUALITY) -> bytes:
    """Encode RGB as JPEG without chroma subsampling (4:4:4); grey images get one channel."""
    grey = np.array_equal(image[..., 0], image[..., 1]) and np.array_equal(image[..., 1], image[..., 2])
    pixels = image[..., 0] if grey else image[..., ::-1]  # OpenCV wants BGR
    options = [cv2.IMWRITE_JPEG_QUALITY, quality]
    if not grey:
        options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    written, data = cv2.imencode(".jpg", np.ascontiguousarray(pixels), options)
    if not written:
        raise ImageError(f"cannot encode an image of shape {image.shape} as JPEG")
    return data.tobytes()


def encode_small(image: Image, most: int) -> bytes:
    """Encode RGB without loss as PNG if that takes at most so many bytes, else as JPEG."""
    _, data = cv2.imencode(".png", np.ascontiguousarray(image[..., ::-1]))
    return data.tobytes() if data.size <= most else encode_jpeg(image)


def _halved(image: Image, size_hw: tuple[int, int]) -> Image:
    """Halve an image as long as four of its pixels or more become one on each axis: the same averages in half the time.

    OpenCV is as fast by itself where the sizes divide.
    """
    height, width = image.shape[:2]
    while (
        min(height // size_hw[0], width // size_hw[1]) >= 4
        and (height % size_hw[0] or width % size_hw[1])
        and not (height % 2 or width % 2)
    ):
        height, width = height // 2, width // 2
        image = _resized_by(cv2.INTER_AREA, image, (height, width))
    return image


def _resized_by(interpolation: int, image: Image, size_hw: tuple[int, int]) -> Image:
    if image.shape[:2] == size_hw:
        return image
    return np.asarray(cv2.resize(image, size_hw[::-1], interpolation=interpolation), dtype=np.uint8)
