"""Telling whether a video file was cut short, for the containers whose decoders would not notice.

MP4, AVI and Matroska state their length, against which the decoded frames are counted. FFmpeg estimates the length of
an MPEG program stream from its last bytes, and forgets that of a shortened Windows Media file, so a tenth of either
looks complete. These are checked by their structure (ISO/IEC 13818-1, section 2.5; ASF specification, section 3.2).
"""

import struct
from typing import BinaryIO

_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_BROADCAST = 1

_PACK, _END = b"\0\0\1\xba", b"\0\0\1\xb9"
_TAIL = 1 << 18  # several packs; each has at most 64 KiB, and usually 2


def is_cut(file: BinaryIO) -> bool:
    """Return whether a video file ends before its container says; False if the container does not tell.

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
    file.seek(0)
    return cut


def _is_cut_asf(head: bytes, size: int) -> bool:
    start = head.find(_FILE_PROPERTIES)
    if start < 0 or len(head) < start + 92:
        return False
    (stated,) = struct.unpack_from("<Q", head, start + 40)
    (flags,) = struct.unpack_from("<I", head, start + 88)
    return not flags & _BROADCAST and size < stated  # a broadcast's length was unknown when its header was written


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
