"""Images in a tar file: written with the same bytes for the same images, read at a known place.

Any webdataset reader streams these files. Ours does not walk through a tar: the table beside it says where each image
is, so that one seek finds it, in any order, and nothing else in the file is ever read.
"""

import os
import tarfile
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from ampnet.errors import ImageError
from ampnet.files.opening import open_regular
from ampnet.media.decoding import MAX_BYTES

BLOCK = 512
"""Bytes of a member's header, and of what its content is padded to."""

MAX_TAR = 1 << 40

_NAME, _SIZE, _KIND, _MAGIC = slice(0, 100), slice(124, 136), slice(156, 157), slice(257, 262)


def write_tar(file: BinaryIO, images: Sequence[tuple[str, bytes]]) -> list[int]:
    """Write images as members without their owner, time or permissions.

    Returns:
        Where the content of each image begins, in bytes.
    """
    offsets, place = list[int](), 0
    for name, content in images:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        header = member.tobuf(tarfile.PAX_FORMAT)
        offsets.append(place + len(header))
        padding = bytes(-len(content) % BLOCK)
        place += file.write(header) + file.write(content) + file.write(padding)
    file.write(bytes(-(place + 2 * BLOCK) % tarfile.RECORDSIZE + 2 * BLOCK))
    return offsets


class TarImages:
    """Reads images out of one tar file, which stays open."""

    def __init__(self, path: Path) -> None:
        """Open the file.

        Raises:
            DataError: it is missing or no regular file; the message is the reason alone.
        """
        self.file = open_regular(path, MAX_TAR)
        weakref.finalize(self, self.file.close)

    def read(self, name: str, offset: int, size: int) -> bytes:
        """Read one image.

        Raises:
            ImageError: at that place is no file of that name and size. The message is the reason alone.
        """
        if not (offset >= BLOCK and 0 <= size <= MAX_BYTES):
            raise ImageError("its place in the tar file is out of bounds")
        try:
            found = os.pread(self.file.fileno(), BLOCK + size, offset - BLOCK)
        except (OSError, OverflowError) as error:
            raise ImageError(f"the tar file cannot be read there ({error})") from error
        if len(found) != BLOCK + size:
            raise ImageError("the tar file ends before it")
        if not _is_header_of(found[:BLOCK], name, size):
            raise ImageError("the tar file holds something else at its place")
        return found[BLOCK:]

    def close(self) -> None:
        """Close the file."""
        self.file.close()


def _is_header_of(header: bytes, name: str, size: int) -> bool:
    """Return whether a header announces that file; names that a header cannot hold are in an extra one before it."""
    stored = header[_NAME].rstrip(b"\0")
    has_name = stored == name.encode("utf-8", "surrogateescape") or not name.isascii() or len(name) > 100
    is_file = header[_MAGIC] == b"ustar" and header[_KIND] in (b"0", b"\0")
    return has_name and is_file and header[_SIZE].rstrip(b"\0 ") == b"%011o" % size
