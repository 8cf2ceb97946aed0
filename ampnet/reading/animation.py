"""Telling an animated GIF, which is read as a video, from one with a single frame, which is a photo.

The blocks are followed as the GIF89a specification (sections 18 to 27) says, without decoding any of them.
"""

from pathlib import Path
from typing import BinaryIO

from ampnet.errors import DataError
from ampnet.files.opening import open_regular

MAX_BYTES = 1 << 30
"""Larger files are taken for a single frame."""

_EXTENSION, _IMAGE = b"!", b","


def is_animated(path: Path) -> bool:
    """Return whether a GIF has more than one frame; False if it cannot be read, which its reader reports."""
    try:
        with open_regular(path, MAX_BYTES) as file:
            return _has_two_frames(file)
    except (DataError, OSError, IndexError):  # IndexError: it ends within a block
        return False


def _has_two_frames(file: BinaryIO) -> bool:
    head = file.read(13)
    if head[:6] not in (b"GIF87a", b"GIF89a"):
        return False
    _skip_colours(file, head[10])
    frames = 0
    while (kind := file.read(1)) in (_EXTENSION, _IMAGE):
        if kind == _IMAGE:
            frames += 1
            if frames == 2:
                return True
            _skip_colours(file, file.read(9)[8])
        file.seek(1, 1)  # the extension's label, or the size of the code words
        while length := file.read(1)[0]:
            file.seek(length, 1)
    return False


def _skip_colours(file: BinaryIO, flags: int) -> None:
    if flags & 0x80:
        file.seek(3 << ((flags & 7) + 1), 1)
