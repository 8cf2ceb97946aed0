"""Resizing, JPEG encoding, and Pillow's pictures as upright RGB, converted in bands without a second whole copy."""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from ampnet.errors import ImageError
from ampnet.media.sixteen_bits import GREY, grey_to_eight_bits

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


_BAND = 1_000_000  # pixels converted at once, with up to 16 bytes each
_ROTATIONS = {3: cv2.ROTATE_180, 6: cv2.ROTATE_90_CLOCKWISE, 8: cv2.ROTATE_90_COUNTERCLOCKWISE}
_MIRRORS = {2: 1, 4: 0}
_TRANSPARENT = ("RGBA", "LA", "PA", "La", "RGBa")


def to_array(picture: Pillow.Image) -> Image:
    """Convert a loaded picture to an ``(H, W, 3)`` RGB array.

    16-bit grey becomes 8 bits (see :mod:`ampnet.media.sixteen_bits`), transparency is composited over white.

    Raises:
        ImageError: its pixels have more than 16 bits.
    """
    picture = _eight_bit(picture)
    if picture.width * picture.height <= _BAND:
        return np.array(_band_to_rgb(picture), dtype=np.uint8)
    pixels = np.empty((picture.height, picture.width, 3), dtype=np.uint8)
    for band, top in _bands(picture):
        pixels[top : top + band.height] = np.asarray(_band_to_rgb(band))
    return pixels


def to_rgb(picture: Pillow.Image) -> Pillow.Image:
    """Convert a loaded picture to RGB, like :func:`to_array`."""
    picture = _eight_bit(picture)
    if _is_rgb(picture) or picture.width * picture.height <= _BAND:
        return _band_to_rgb(picture)
    rgb = Pillow.new("RGB", picture.size)
    for band, top in _bands(picture):
        rgb.paste(_band_to_rgb(band), (0, top))
    return rgb


def halved(picture: Pillow.Image) -> Pillow.Image:
    """Convert a loaded picture to RGB at half the width and height, rounded up."""
    picture = _eight_bit(picture)
    half = Pillow.new("RGB", (-(-picture.width // 2), -(-picture.height // 2)))
    for band, top in _bands(picture):
        half.paste(_band_to_rgb(band).reduce(2), (0, top // 2))
    return half


def turned(image: Image, orientation: int) -> Image:
    """Turn an image upright.

    Args:
        image: ``(H, W, 3)`` as stored.
        orientation: of the EXIF standard, 1 to 8; anything else means upright.
    """
    if orientation in _ROTATIONS:
        return np.asarray(cv2.rotate(image, _ROTATIONS[orientation]), dtype=np.uint8)
    if orientation in _MIRRORS:
        return np.asarray(cv2.flip(image, _MIRRORS[orientation]), dtype=np.uint8)
    if orientation in (5, 7):
        crossed = cv2.transpose(image)
        return np.asarray(cv2.flip(crossed, -1, crossed) if orientation == 7 else crossed, dtype=np.uint8)
    return image


def _bands(picture: Pillow.Image) -> Iterator[tuple[Pillow.Image, int]]:
    """Yield a picture in bands of an even number of rows, and the first row of each."""
    rows = max(_BAND // picture.width // 2 * 2, 2)
    for top in range(0, picture.height, rows):
        yield picture.crop((0, top, picture.width, min(top + rows, picture.height))), top


def _is_rgb(picture: Pillow.Image) -> bool:
    return picture.mode == "RGB" and "transparency" not in picture.info


def _band_to_rgb(band: Pillow.Image) -> Pillow.Image:
    if _is_rgb(band):
        return band
    if band.mode == "F":
        raise ImageError("floating-point pixels; save it with 8 or 16 bits")
    if band.mode in _TRANSPARENT or "transparency" in band.info:
        clear = band.convert("RGBA")
        white = Pillow.new("RGBA", clear.size, "white")
        return Pillow.alpha_composite(white, clear).convert("RGB")
    return band.convert("RGB")


def _eight_bit(picture: Pillow.Image) -> Pillow.Image:
    return grey_to_eight_bits(picture) if picture.mode in GREY else picture
