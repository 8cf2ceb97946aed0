"""Why a file's content is not used: formats that are not read, endless scans, damage that decoders pass over."""

import re

MAX_SCANS = 100
"""Scans of a progressive JPEG. Usual are 10; each takes a few bytes, and as much time as the first."""

_FOREIGN = {
    b"\x00\x00\x00\x0cjP  ": "a JPEG 2000 picture",
    b"\xff\x4f\xff\x51": "a JPEG 2000 picture",
    b"\x00\x00\x00\x0cJXL ": "a JPEG XL picture",
    b"\xff\x0a": "a JPEG XL picture",
    b"8BPS": "a Photoshop document",
    b"\x00\x00\x01\x00": "an icon",
    b"DDS ": "a DDS texture",
    b"\x0a\x05\x01": "a PCX picture",
    b"v/1\x01": "an OpenEXR picture",
    b"FUJIFILMCCD-RAW": "a camera's raw file",
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a zip archive",
    b"\x1f\x8b": "a gzip archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
}
"""What is recognised but not read, by the first bytes."""

_TEXT = {
    b"<!doctype html": "a web page",
    b"<html": "a web page",
    b"<svg": "an SVG drawing",
    b"<?xml": "an XML document",
}

_SCAN, _END = b"\xff\xda", b"\xff\xd9"  # markers of JPEG
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # one with a length, or the end; not a stuffed byte, not a restart
_FEW = 4  # bytes; some cameras leave as many behind the last block
_LEFT_OVER = re.compile(r"(\d+) extraneous bytes before marker 0x(..)")
_CUT_OFF = ("premature end of data segment", "bad Huffman code")


def unreadable_format(data: bytes) -> str:
    """Say what a file is whose content no decoder here recognises."""
    start = data[:256].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    kind = next((name for mark, name in _FOREIGN.items() if data.startswith(mark)), None)
    kind = kind or ("a camera's raw file" if data[4:11] == b"ftypcrx" else None)
    kind = kind or next((name for mark, name in _TEXT.items() if start.startswith(mark)), None)
    cure = "unpack it" if kind and kind.endswith("archive") else "save it as JPEG or PNG"
    return f"it is {kind}; {cure}" if kind else "not an image, or a damaged one"


def jpeg_damage(complaint: str, data: bytes) -> str | None:
    """Return the damage that a decoder's complaint about a JPEG means; None for what leaves the picture whole.

    libjpeg fills in for blocks that are lost, and continues. Flipped bits that leave the code valid stay unnoticed.

    Args:
        complaint: libjpeg's first warning, or its error.
    """
    left_over = _LEFT_OVER.search(complaint)
    if left_over is None:
        return next((f"damaged inside ({fault})" for fault in _CUT_OFF if fault in complaint), None)
    count, marker = int(left_over[1]), left_over[2]
    if count <= _FEW or (marker == "d9" and _is_padding(data, count)):
        return None
    return f"damaged inside ({count:,} bytes that belong to no block)"


def _is_padding(data: bytes, count: int) -> bool:
    end = data.rfind(_END)
    return end >= count and len(set(data[end - count : end])) == 1


def has_many_scans(jpeg: bytes) -> bool:
    """Return whether a JPEG has more than :data:`MAX_SCANS` scans."""
    if jpeg.count(_SCAN) <= MAX_SCANS:
        return False
    scans, place = 0, 2
    while (marker := _MARKER.search(jpeg, place)) is not None and marker[0] != _END:  # a video may follow the end
        scans += marker[0] == _SCAN
        place = marker.end() + int.from_bytes(jpeg[marker.end() : marker.end() + 2], "big")
    return scans > MAX_SCANS
