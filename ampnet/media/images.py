"""Image files: strict decoding to upright RGB with clear error messages, resizing, and JPEG encoding."""

import os
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import UnidentifiedImageError

from ampnet.errors import DataError, ImageError

Image = NDArray[np.uint8]

EXTENSIONS = frozenset(
    (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".pgm", ".ppm", ".pnm")
)
"""Extensions, in lower case, of the files that count as images."""

MAX_PIXELS = 150_000_000
"""Larger images are refused: no camera produces them, but decompression bombs do."""

JPEG_QUALITY = 95
"""Quality of written images; colour is stored at full resolution (4:4:4)."""

_ORIENTATION_TAG = 0x0112
_TURNS: dict[int, Pillow.Transpose] = {
    2: Pillow.Transpose.FLIP_LEFT_RIGHT,
    3: Pillow.Transpose.ROTATE_180,
    4: Pillow.Transpose.FLIP_TOP_BOTTOM,
    5: Pillow.Transpose.TRANSPOSE,
    6: Pillow.Transpose.ROTATE_270,
    7: Pillow.Transpose.TRANSVERSE,
    8: Pillow.Transpose.ROTATE_90,
}
_SIXTEEN_BIT = ("I", "I;16", "I;16B", "I;16L", "I;16N")

# Exceptions that Pillow's decoders are known to raise on damaged files, including their own types.
_BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    ArithmeticError,
    LookupError,
    EOFError,
    MemoryError,
    struct.error,
    zlib.error,
    Pillow.DecompressionBombError,
    Pillow.DecompressionBombWarning,
)


def list_images(folder: Path) -> list[Path]:
    """Find the image files below a folder by extension, sorted by path.

    Symbolic links to folders are followed, each real folder once; hidden files and folders are skipped.

    Raises:
        DataError: the folder does not exist or cannot be listed.
    """
    return sorted(_walk(folder, set()), key=lambda path: path.as_posix())


def read_image(path: Path) -> Image:
    """Decode an image file to upright RGB.

    EXIF rotation is applied; 16-bit grey is scaled to 8 bits; grey, palette and CMYK images are converted to RGB;
    transparent images are composited over white. The first frame of an animation is used.

    Returns:
        ``(H, W, 3)`` uint8 RGB, C-contiguous.

    Raises:
        ImageError: the file is missing, empty, truncated, not an image, or has more than ``MAX_PIXELS`` pixels.
    """
    return _decode(path, longest_side=None)[0]


def read_reduced(path: Path, longest_side: int) -> tuple[Image, tuple[int, int]]:
    """Decode an image like :func:`read_image`, but no larger than needed.

    JPEG files are decoded at a half, quarter or eighth of their size if that suffices, which is several times faster.

    Args:
        path: the image file.
        longest_side: maximum length of the longer side of the result, in pixels.

    Returns:
        ``(h, w, 3)`` uint8 RGB, and height and width of the full upright image.

    Raises:
        ImageError: see :func:`read_image`.
    """
    return _decode(path, longest_side)


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
        with Pillow.open(path, formats=("JPEG",)) as image:
            fits = image.size == size_hw[::-1] and image.mode in ("L", "RGB") and _turn(image) is None
        return path.read_bytes() if fits else None
    except _BROKEN:
        return None


def _walk(folder: Path, seen: set[str]) -> list[Path]:
    real = os.path.realpath(folder)
    if real in seen:
        return []
    seen.add(real)
    found: list[Path] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir():
                    found.extend(_walk(Path(entry.path), seen))
                elif os.path.splitext(entry.name)[1].lower() in EXTENSIONS:  # noqa: PTH122 (a million of these)
                    found.append(Path(entry.path))
    except OSError as error:
        raise DataError(f"cannot list {folder}: {error.strerror or error}") from error
    return found


def _decode(path: Path, longest_side: int | None) -> tuple[Image, tuple[int, int]]:
    try:
        with Pillow.open(path) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise ImageError(f"cannot read {path}: {width} x {height} pixels are more than {MAX_PIXELS:,}")
            turn = _turn(image)
            if longest_side is not None and max(width, height) > longest_side:
                scale = longest_side / max(width, height)
                small = (max(round(width * scale), 1), max(round(height * scale), 1))
                image.draft(None, small)
                image.load()
                rgb = _resized(_to_rgb(image), small)
            else:
                rgb = _to_rgb(image)
            if turn is not None:
                rgb = rgb.transpose(turn)
                if turn in (_TURNS[5], _TURNS[6], _TURNS[7], _TURNS[8]):
                    width, height = height, width
            return np.array(rgb, dtype=np.uint8), (height, width)
    except _BROKEN as error:
        raise ImageError(f"cannot read {path}: {_reason(path, error)}") from error


def _resized_by(interpolation: int, image: Image, size_hw: tuple[int, int]) -> Image:
    if image.shape[:2] == size_hw:
        return image
    return np.asarray(cv2.resize(image, size_hw[::-1], interpolation=interpolation), dtype=np.uint8)


def _resized(image: Pillow.Image, size_wh: tuple[int, int]) -> Pillow.Image:
    return image if image.size == size_wh else image.resize(size_wh, Pillow.Resampling.BOX)


def _turn(image: Pillow.Image) -> Pillow.Transpose | None:
    try:
        return _TURNS.get(image.getexif().get(_ORIENTATION_TAG, 1))
    except _BROKEN:
        return None  # a damaged EXIF block does not make the image unusable


def _to_rgb(image: Pillow.Image) -> Pillow.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode in _SIXTEEN_BIT:
        return Pillow.fromarray(_eight_bit(np.asarray(image))).convert("RGB")
    if image.mode == "F":
        raise ValueError("floating-point pixels; save it with 8 or 16 bits")
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        clear = image.convert("RGBA")
        white = Pillow.new("RGBA", clear.size, "white")
        return Pillow.alpha_composite(white, clear).convert("RGB")
    return image.convert("RGB")


def _eight_bit(pixels: NDArray[np.integer]) -> Image:
    wide = pixels.astype(np.int64)
    if wide.min(initial=0) < 0 or wide.max(initial=0) > 0xFFFF:
        raise ValueError("pixels of more than 16 bits; save it with 8 or 16 bits")
    return ((wide + 128) // 257).astype(np.uint8)  # 257 = 65535 / 255


def _reason(path: Path, error: Exception | Warning) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "the file is empty" if path.stat().st_size == 0 else "not an image, or a damaged one"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
