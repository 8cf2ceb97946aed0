"""Image files as an attacker, or a bad disk, would hand them out."""

import io
import struct
import zlib

from PIL import Image


def claiming(width: int, height: int) -> bytes:
    """Make a JPEG whose header claims another size than its data have."""
    whole = io.BytesIO()
    Image.new("RGB", (16, 16)).save(whole, "JPEG")
    data = bytearray(whole.getvalue())
    frame = data.index(b"\xff\xc0")  # marker, length, precision, height, width
    data[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def png_chunk(kind: bytes, body: bytes) -> bytes:
    """Make one chunk of a PNG file."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
