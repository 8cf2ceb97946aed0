"""Image files as an attacker, or a bad disk, would hand them out."""

import io
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image


def saved(image: Image.Image, format_name: str, **options: Any) -> bytes:
    """Write a picture to memory."""
    whole = io.BytesIO()
    image.save(whole, format_name, **options)
    return whole.getvalue()


def claiming(width: int, height: int) -> bytes:
    """Make a JPEG whose header claims another size than its data have."""
    data = bytearray(saved(Image.new("RGB", (16, 16)), "JPEG"))
    frame = data.index(b"\xff\xc0")  # marker, length, precision, height, width
    data[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def with_scans(count: int, side: int = 64) -> bytes:
    """Make a progressive JPEG that repeats its last scan."""
    data = saved(Image.new("RGB", (side, side)), "JPEG", progressive=True)
    first = data.count(b"\xff\xda")
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * (count - first) + data[-2:]


def tiff_with_tile(side: int, tile: int) -> bytes:
    """Make a TIFF file of one compressed tile, which need not be smaller than the picture."""
    tags = {256: side, 257: side, 258: 8, 259: 5, 262: 1, 277: 1, 322: tile, 323: tile, 324: 200, 325: 8}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    header = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4)
    return header.ljust(200, b"\0") + bytes(8)


@contextmanager
def deep_folder(root: Path, depth: int) -> Iterator[Path]:
    """Make folders in folders, and remove them again: most programs that delete trees recurse."""
    path = os.fspath(root)
    for _ in range(depth):
        path += "/d"
        os.mkdir(path)  # noqa: PTH102 (a Path of 1,000 parts is slow to build)
    yield Path(path)
    for place in Path(path).iterdir():
        place.unlink()
    for _ in range(depth):
        os.rmdir(path)  # noqa: PTH106
        path = path[:-2]
