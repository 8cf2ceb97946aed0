"""Network input for images of any size: scaled to a working size, padded to whole cells."""

from dataclasses import dataclass

from ampnet.media.images import Image, resize

CELL = 32
"""Sizes are padded to a multiple of the coarsest stride, so that images of similar size share a batch."""


@dataclass(frozen=True)
class Letterbox:
    """A scaled image, and its relation to the original.

    Attributes:
        image: ``(H, W, 3)`` RGB uint8 at the working size, before padding.
        padded_hw: height and width of the network's input, with the image in its top left corner.
        scale_xy: working pixels per source pixel, along x and y.
    """

    image: Image
    padded_hw: tuple[int, int]
    scale_xy: tuple[float, float]


def padded_size(image: Image, long_side: int) -> tuple[int, int]:
    """Return height and width of the network's input for an image scaled to ``long_side``."""
    height, width = scaled_size(image, long_side)
    return -(-height // CELL) * CELL, -(-width // CELL) * CELL


def letterbox(image: Image, long_side: int, larger: Image | None = None) -> Letterbox:
    """Scale an image's longer side to ``long_side``, keeping its aspect ratio to the nearest pixel.

    Args:
        long_side: length in pixels.
        larger: the same image at a size in between, which is scaled instead; it has fewer pixels to average.
    """
    height, width = image.shape[:2]
    new_height, new_width = scaled_size(image, long_side)
    scaled = resize(image if larger is None else larger, (new_height, new_width))
    return Letterbox(scaled, padded_size(image, long_side), (new_width / width, new_height / height))


def scaled_size(image: Image, long_side: int) -> tuple[int, int]:
    """Return height and width of an image scaled to ``long_side``."""
    height, width = image.shape[:2]
    scale = long_side / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))
