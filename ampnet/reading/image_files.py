"""Image files: listing them, and strict decoding to upright RGB with clear error messages."""

from pathlib import Path

from ampnet.errors import DataError, ImageError
from ampnet.files.listing import list_folder
from ampnet.files.opening import read_bytes
from ampnet.files.printable import printable
from ampnet.media.decoding import MAX_BYTES, decode, is_plain_jpeg
from ampnet.media.heif import readable_extensions
from ampnet.media.images import Image

EXTENSIONS = frozenset(
    (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".pgm", ".ppm", ".pnm")
)
"""Extensions, in lower case, of the files that count as images everywhere; see :func:`readable_images`."""

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


def jpeg_as_is(path: Path, size_hw: tuple[int, int]) -> bytes | None:
    """Return a file's bytes if it is an upright JPEG of that size, else None: recompression would lose detail."""
    try:
        data = read_bytes(path, _LARGEST_AS_IS)
    except DataError:
        return None
    return data if is_plain_jpeg(data, size_hw) else None
