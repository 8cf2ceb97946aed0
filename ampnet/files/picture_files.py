"""Writing pictures that people look at: JPEG or PNG by the name, whole or not at all."""

from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL.PngImagePlugin import PngInfo

from ampnet.errors import UsageError
from ampnet.files.printable import printable
from ampnet.files.writing import atomic_write

FORMATS = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG"}
"""Extensions, in lower case, and Pillow's names of these formats."""


def save_picture(picture: NDArray[np.uint8], path: Path, comment: str = "") -> None:
    """Write an ``(H, W, 3)`` RGB picture; it appears whole or not at all, and replaces an existing file.

    Args:
        comment: goes into the file's metadata.

    Raises:
        DataError: it cannot be written.
        UsageError: the name does not end in one of :data:`FORMATS`.
    """
    if path.suffix.lower() not in FORMATS:
        raise UsageError(f"cannot write {printable(path)}: the name must end in {', '.join(FORMATS)}")
    about = PngInfo()
    about.add_itxt("Comment", comment)
    extra = {"pnginfo": about, "comment": comment.encode()} if comment else {}
    with atomic_write(path) as aside:
        options = {"quality": 92, "compress_level": 4}  # PNG's usual 6 takes twice as long for 5% fewer bytes
        Pillow.fromarray(picture).save(aside, format=FORMATS[path.suffix.lower()], **options, **extra)


def to_png(picture: NDArray[np.uint8]) -> bytes:
    """Return an ``(H, W, 3)`` RGB picture as the content of a PNG file."""
    content = BytesIO()
    Pillow.fromarray(picture).save(content, format="PNG")
    return content.getvalue()
