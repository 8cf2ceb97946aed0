"""Textures of the objects that cover a face: what a network must not mistake for skin."""

import cv2
import numpy as np
from numpy.typing import NDArray

from ampnet.faces.alignment import Image
from ampnet.faces.geometry import Points

TEXTURES = ("black", "flat", "skin", "stripes", "noise")
"""Black; one colour; the face's own skin, shaded; striped cloth; cloth with a random print."""

BLACK = 12
SHADING = 0.25
"""Largest relative change of the skin's brightness across the frame."""


def texture(name: str, image: Image, landmarks: Points, rng: np.random.Generator) -> Image:
    """Paint a texture that fills a face's frame.

    Args:
        name: one of :data:`TEXTURES`.
        image: the face, ``(H, W)`` or ``(H, W, 3)``; a grey one gets grey textures, from the same random numbers.
        landmarks: ``(5, 2)`` in its pixels.
        rng: decides colours, directions and prints.

    Returns:
        The shape of ``image``.
    """
    size = image.shape[:2]
    first, second = _colour(image, rng), _colour(image, rng)
    if name == "black":
        return np.full_like(image, BLACK)
    if name == "flat":
        return np.broadcast_to(first, image.shape)
    if name == "skin":
        return _shaded(_skin(image, landmarks), size, rng)
    if name == "stripes":
        period, angle = rng.uniform(10, 26), rng.uniform(0, np.pi)
        rows, columns = np.indices(size, dtype=np.float32)
        in_first = np.sin((columns * np.cos(angle) + rows * np.sin(angle)) * (2 * np.pi / period)) > 0
        return np.where(in_first if image.ndim == 2 else in_first[..., None], first, second)
    cells = int(rng.integers(14, 36))
    print_ = _like(rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8), image)
    return np.asarray(cv2.resize(print_, size[::-1], interpolation=cv2.INTER_NEAREST), dtype=np.uint8)


def _colour(image: Image, rng: np.random.Generator) -> NDArray[np.uint8]:
    return _like(rng.integers(30, 236, 3, dtype=np.uint8), image)


def _like(colours: NDArray[np.uint8], image: Image) -> NDArray[np.uint8]:
    """Reduce ``(..., 3)`` colours to grey levels for a grey image."""
    return colours if image.ndim == 3 else np.rint(colours.mean(axis=-1)).astype(np.uint8)


def _skin(image: Image, landmarks: Points) -> NDArray[np.float64]:
    """Take the median colour of the cheeks, halfway between each eye and the mouth corner below it."""
    cheeks = (np.asarray(landmarks)[[0, 1]] + np.asarray(landmarks)[[3, 4]]) / 2
    radius = max(image.shape[0] // 28, 1)
    height, width = image.shape[:2]
    samples = []
    for x, y in cheeks:
        column = int(np.clip(x, radius, width - radius - 1))
        row = int(np.clip(y, radius, height - radius - 1))
        patch = image[row - radius : row + radius + 1, column - radius : column + radius + 1]
        samples.append(patch.reshape(-1, *image.shape[2:]))
    return np.asarray(np.median(np.concatenate(samples), axis=0), dtype=np.float64)


def _shaded(colour: NDArray[np.float64], size: tuple[int, int], rng: np.random.Generator) -> Image:
    angle, strength = rng.uniform(0, 2 * np.pi), rng.uniform(SHADING / 2, SHADING)
    down, across = np.linspace(-1, 1, size[0])[:, None], np.linspace(-1, 1, size[1])[None, :]
    light = 1 + strength * (np.cos(angle) * across + np.sin(angle) * down)
    shaded = light * colour if colour.ndim == 0 else light[..., None] * colour
    return np.asarray(np.rint(shaded.clip(0, 255)), dtype=np.uint8)
