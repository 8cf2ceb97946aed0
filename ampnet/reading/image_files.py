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


def read_image(path: Path | str) -> Image:
    """Decode an image file to upright RGB; see :func:`ampnet.media.decoding.decode`.

    Raises:
        ImageError: the file is missing, empty, not a regular file, truncated, not an image, or too large.
    """
    try:
        return decode(read_bytes(Path(path), MAX_BYTES)).image
    except DataError as error:
        raise ImageError(f"cannot read {printable(path)}: {error}") from error


def jpeg_as_is(path: Path, size_hw: tuple[int, int]) -> bytes | None:
    """Return a file's bytes if it is an upright JPEG of that size, else None: recompression would lose detail."""
    try:
        data = read_bytes(path, _LARGEST_AS_IS)
    except DataError:
        return None
    return data if is_plain_jpeg(data, size_hw) else None
