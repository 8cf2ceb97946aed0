"""The child process that decodes strangers' photos for :mod:`ampnet.service.decoders`: what they do to it stays here.

It reads the content of a photo from a socket, and writes a header and then RGB pixels, or the reason why there are
none. It ends when its parent does: the socket closes then.
"""

import resource
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass

REQUEST = struct.Struct("<Q")
"""Number of bytes of the photo, which follow."""

ANSWER = struct.Struct("<BQQQQ")
"""Kind; then height and width of the pixels that follow, and of the whole photo; of a problem: bytes of its text, 0, 0,
0."""

READY, PIXELS, PROBLEM = 0, 1, 2
"""Kinds of an answer; the first is sent once, without a request."""

MAX_MEMORY = 1_500_000_000
"""Bytes that this process may allocate, where the system can limit that; decoding refuses what would take more than a
billion, by an estimate."""


@dataclass(frozen=True)
class Order:
    """What the parent wants."""

    socket: int
    """Descriptor of the socket."""
    max_pixels: int
    """Larger photos are refused."""


def main(order: Order) -> None:
    """Decode photos until the parent closes the socket."""
    _limit()
    from ampnet.errors import ImageError
    from ampnet.media.decoding import decode

    with socket.socket(fileno=order.socket) as parent:
        parent.sendall(ANSWER.pack(READY, 0, 0, 0, 0))
        while (data := _receive(parent)) is not None:
            try:
                decoded = decode(bytes(data), max_pixels=order.max_pixels)
            except ImageError as error:
                reason = str(error).encode(errors="backslashreplace")
                parent.sendall(ANSWER.pack(PROBLEM, len(reason), 0, 0, 0) + reason)
                continue
            parent.sendall(ANSWER.pack(PIXELS, *decoded.image.shape[:2], *decoded.size_hw))
            parent.sendall(decoded.image.data.cast("B"))
            del data, decoded  # not while it waits for the next one


def _limit() -> None:
    """Bound what a photo that has taken over a decoder can do: memory, no files, no dump of the memory."""
    limits = {resource.RLIMIT_DATA: MAX_MEMORY, resource.RLIMIT_FSIZE: 0, resource.RLIMIT_CORE: 0}
    for limit, most in limits.items():
        with suppress(OSError, ValueError):  # a lower limit is in force already
            resource.setrlimit(limit, (most, most))


def _receive(parent: socket.socket) -> bytearray | None:
    header = _exactly(parent, REQUEST.size)
    return None if header is None else _exactly(parent, REQUEST.unpack(header)[0])


def _exactly(parent: socket.socket, count: int) -> bytearray | None:
    """Receive exactly this many bytes; None if the parent has exited."""
    data = bytearray(count)
    rest = memoryview(data)
    while rest:
        try:
            received = parent.recv_into(rest)
        except ConnectionError:
            return None
        if not received:
            return None
        rest = rest[received:]
    return data
