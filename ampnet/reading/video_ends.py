"""Detection of video files that were cut short, for the containers whose decoders would not notice.

MP4, Matroska, Flash video and MXF state their length, with which the times of their packets are compared. FFmpeg
estimates the length of MPEG streams and Ogg from their last bytes, and forgets that of a shortened AVI or Windows Media
file, so a tenth of one looks complete. These are checked by their structure (ISO/IEC 13818-1, sections 2.4 and 2.5;
RFC 3533, section 6; GIF89a, sections 18 to 27; ASF specification, section 3.2; RIFF's length).
"""

import struct
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
    """Count a GIF's whole frames, and return how they end: with the trailer, within a block, or with no block at all.

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


_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_BROADCAST = 1

_PACK, _END = b"\0\0\1\xba", b"\0\0\1\xb9"
_RIFF, _UNKNOWN = b"RIFF", 0xFFFFFFF0
_GIF = b"GIF8"
_OGG, _OGG_HEADER = b"OggS", 27
_TRANSPORT = b"\x47"
_TRANSPORT_LAYOUTS = ((0, 188), (4, 192))
"""Place of the first packet's mark, and length of a packet; cameras put a time stamp before each."""
_TAIL = 1 << 18  # several packs; each has at most 64 KiB, and usually 2


def is_cut(file: BinaryIO) -> bool:
    """Return whether a video file ends before its container says; False if the container does not say.

    Args:
        file: an open video; its position is the start again afterwards.
    """
    size = file.seek(0, 2)
    file.seek(0)
    head = file.read(1 << 16)
    cut = False
    if head.startswith(_ASF):
        cut = _is_cut_asf(head, size)
    elif head.startswith(_PACK):
        file.seek(max(size - _TAIL, 0))
        cut = _is_cut_program_stream(file.read(_TAIL))
    elif head.startswith(_RIFF) and len(head) > 8:
        (stated,) = struct.unpack_from("<I", head, 4)
        cut = size < 8 + stated < _UNKNOWN
    elif head.startswith(_GIF):
        file.seek(0)
        cut = follow_blocks(file)[1] == "cut"
    elif head.startswith(_OGG):
        file.seek(max(size - _TAIL, 0))
        cut = _is_cut_ogg(file.read(_TAIL))
    else:
        for start, length in _TRANSPORT_LAYOUTS:
            marks = head[start : start + 8 * length : length]
            if len(marks) == 8 and marks == _TRANSPORT * 8:
                cut = size % length != 0
    file.seek(0)
    return cut


def _is_cut_asf(head: bytes, size: int) -> bool:
    start = head.find(_FILE_PROPERTIES)
    if start < 0 or len(head) < start + 92:
        return False
    (stated,) = struct.unpack_from("<Q", head, start + 40)
    (flags,) = struct.unpack_from("<I", head, start + 88)
    return not flags & _BROADCAST and size < stated  # a broadcast's length was unknown when its header was written


def _is_cut_ogg(tail: bytes) -> bool:
    """Return whether the last page is torn, or not marked as the last of its stream."""
    start = tail.rfind(_OGG)
    page = tail[start:]
    if start < 0 or len(page) < _OGG_HEADER or len(page) < _OGG_HEADER + page[26]:
        return True
    length = _OGG_HEADER + page[26] + sum(page[_OGG_HEADER : _OGG_HEADER + page[26]])
    is_last = bool(page[5] & 4)
    return not is_last or len(page) < length


def _is_cut_program_stream(tail: bytes) -> bool:
    """Follow the packets from the first pack to the end, which a whole file reaches exactly."""
    position = tail.find(_PACK)
    if position < 0:
        return False
    while position < len(tail):
        packet = tail[position : position + 14]
        if packet[:3] != _PACK[:3] or packet[:4] == _END:
            return False  # padding, or whatever else is behind the last packet
        if len(packet) < 14:
            return packet[:4] == _PACK or len(tail) < position + _length(packet)
        position += _length(packet)
    return position > len(tail)


def _length(packet: bytes) -> int:
    if packet[:4] == _PACK:
        is_mpeg2 = packet[4] >> 6 == 1
        return 14 + (packet[13] & 7) if is_mpeg2 else 12
    return 6 + int.from_bytes(packet[4:6], "big")
