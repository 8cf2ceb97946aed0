"""Animated GIFs, which are read as videos: telling them from photos, and whether they are whole.

The blocks are followed as the GIF89a specification (sections 18 to 27) says, without decoding any of them.
"""

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Literal

from ampnet.errors import DataError
from ampnet.files.opening import open_regular

MAX_BYTES = 1 << 30
"""Larger files are taken for a single frame."""

_EXTENSION, _IMAGE, _TRAILER, _PADDING = b"!", b",", b";", b"\0"

End = Literal["whole", "cut", "damaged"]


def is_animated(path: Path) -> bool:
    """Return whether a GIF is to be read as a video: it has more than one frame, or ends where the second should be.

    False if it cannot be read, or not even its first frame is whole, which its reader reports.
    """
    try:
        with open_regular(path, MAX_BYTES) as file:
            frames, end = follow_blocks(file, 2)
    except (DataError, OSError):
        return False
    return frames > 1 or (frames == 1 and end != "whole")


def follow_blocks(file: BinaryIO, most: int | None = None) -> tuple[int, End]:
    """Count a GIF's whole frames, and tell how they end: with the trailer, within a block, or with no block at all.

    Args:
        file: at its start.
        most: stop after so many frames.
    """
    frames = 0
    try:
        head = file.read(13)
        if head[:6] not in (b"GIF87a", b"GIF89a"):
            return 0, "damaged"
        _skip_colours(file, head[10])
        while (kind := file.read(1)) != _TRAILER and frames != most:
            if kind not in (_EXTENSION, _IMAGE, _PADDING):
                return frames, "damaged" if kind else "cut"
            if kind == _IMAGE:
                _skip_colours(file, file.read(9)[8])
            if kind != _PADDING:
                file.seek(1, 1)  # the extension's label, or the size of the code words
                while length := file.read(1)[0]:
                    file.seek(length, 1)
            frames += kind == _IMAGE
    except IndexError:
        return frames, "cut"
    return frames, "whole"


def damaged_frame(file: BinaryIO, beat: Callable[[], None]) -> int | None:
    """Return the first frame whose code words cannot be read, which FFmpeg passes over; None if there is none.

    Args:
        file: a GIF, anywhere.
        beat: called after each frame.
    """
    from PIL import Image as Pillow  # other videos do without

    file.seek(0)
    number = 0
    try:
        with Pillow.open(file, formats=("GIF",)) as picture:
            while True:
                picture.seek(number)
                picture.load()
                number += 1
                beat()
    except EOFError:
        file.seek(0)
        return number if follow_blocks(file)[1] == "damaged" else None
    except MemoryError:
        raise
    except Exception:  # Pillow raises anything on damaged files
        return number


def _skip_colours(file: BinaryIO, flags: int) -> None:
    if flags & 0x80:
        file.seek(3 << ((flags & 7) + 1), 1)
