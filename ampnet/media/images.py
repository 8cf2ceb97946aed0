"""Image files: strict decoding to upright RGB with clear error messages, resizing, and JPEG encoding."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ampnet.errors import DataError, ImageError
from ampnet.files.listing import list_folder
from ampnet.files.opening import read_bytes
from ampnet.files.printable import printable
from ampnet.media.decoding import MAX_BYTES, decode, is_plain_jpeg
from ampnet.media.heif import readable_extensions

Image = NDArray[np.uint8]

EXTENSIONS = frozenset(
    (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".pgm", ".ppm", ".pnm")
)
"""Extensions, in lower case, of the files that count as images everywhere; see :func:`readable_images`."""

JPEG_QUALITY = 95
"""Quality of written images; colour is stored at full resolution (4:4:4)."""

_LARGEST_AS_IS = 1 << 20  # bytes; a 224 x 224 JPEG never needs as many


def readable_images() -> frozenset[str]:
    """Return the extensions of the files that count as images here: HEIC and AVIF photos, too, if they can be read."""
    return EXTENSIONS | readable_extensions()


def list_images(folder: Path) -> list[Path]:
    """List the image files below a folder, sorted by path; see :func:`ampnet.files.listing.list_folder`.

    Raises:
        DataError: the folder itself does not exist or cannot be listed.
    """
    listing = list_folder(folder, readable_images())
    if folder in listing.problems:
        raise DataError(listing.problems[folder])
    return listing.files


def read_image(path: Path) -> Image:
    """Decode an image file to upright RGB: :func:`read_reduced` at the largest size, without the full one."""
    return read_reduced(path)[0]


def read_reduced(
    path: Path, longest_side: int | None = None, enough_side: int | None = None
) -> tuple[Image, tuple[int, int]]:
    """Decode an image file to upright RGB, no larger than needed; see :func:`ampnet.media.decoding.decode`.

    Args:
        path: the image file.
        longest_side: maximum length of the longer side of the result, in pixels; None for full size, or half the width
            and height of an image of more than 80 million pixels.
        enough_side: length of the longer side that suffices, in pixels.

    Returns:
        ``(h, w, 3)`` uint8 RGB, C-contiguous, and height and width of the full upright image.

    Raises:
        ImageError: the file is missing, empty, not a regular file, truncated, not an image, or too large.
    """
    try:
        decoded = decode(read_bytes(path, MAX_BYTES), longest_side, enough_side=enough_side)
    except DataError as error:
        raise ImageError(f"cannot read {printable(path)}: {error}") from error
    return decoded.image, decoded.size_hw


def reduce(image: Image, longest_side: int) -> Image:
    """Shrink an image by area averaging to a maximum side; smaller images are returned unchanged."""
    height, width = image.shape[:2]
    scale = longest_side / max(height, width)
    if scale >= 1:
        return image
    return resize(image, (max(round(height * scale), 1), max(round(width * scale), 1)))


def resize(image: Image, size_hw: tuple[int, int]) -> Image:
    """Resize an image, with area averaging on axes that shrink and cubic interpolation on axes that grow."""
    (height, width), (new_height, new_width) = image.shape[:2], size_hw
    shrunk = _resized_by(cv2.INTER_AREA, image, (min(height, new_height), min(width, new_width)))
    return _resized_by(cv2.INTER_CUBIC, shrunk, size_hw)


def encode_jpeg(image: Image) -> bytes:
    """Encode RGB as JPEG at quality ``JPEG_QUALITY`` without chroma subsampling; grey images get one channel."""
    grey = np.array_equal(image[..., 0], image[..., 1]) and np.array_equal(image[..., 1], image[..., 2])
    pixels = image[..., 0] if grey else image[..., ::-1]  # OpenCV wants BGR
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    if not grey:
        options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    written, data = cv2.imencode(".jpg", np.ascontiguousarray(pixels), options)
    if not written:
        raise ImageError(f"cannot encode an image of shape {image.shape} as JPEG")
    return data.tobytes()


def jpeg_as_is(path: Path, size_hw: tuple[int, int]) -> bytes | None:
    """Return a file's bytes if it is an upright JPEG of that size, else None: recompression would lose detail."""
    try:
        data = read_bytes(path, _LARGEST_AS_IS)
    except DataError:
        return None
    return data if is_plain_jpeg(data, size_hw) else None


def _resized_by(interpolation: int, image: Image, size_hw: tuple[int, int]) -> Image:
    if image.shape[:2] == size_hw:
        return image
    return np.asarray(cv2.resize(image, size_hw[::-1], interpolation=interpolation), dtype=np.uint8)
