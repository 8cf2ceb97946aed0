"""The child process of :mod:`ampnet.reading.photo_decoders`: an untrusted photo affects only this process."""

from dataclasses import dataclass

from ampnet.files.isolated import Channel

READY, PIXELS, PROBLEM = 0, 1, 2
"""Kinds of an answer. The first is sent once, without a request; pixels come with height and width of their own and of
the whole photo, a problem with its reason."""


@dataclass(frozen=True)
class Order:
    """The parent's request."""

    max_pixels: int
    """Larger photos are refused."""


def main(order: Order, parent: Channel) -> None:
    """Decode photos until the parent has ended."""
    from ampnet.errors import ImageError
    from ampnet.reading.contents import BytesContent

    parent.send(READY)
    while True:
        _, (enough_side,), size = parent.receive()
        content = BytesContent(bytes(parent.take(size)), order.max_pixels)
        try:
            decoded = content.decode(enough_side or None)
        except ImageError as error:
            parent.send(PROBLEM, [str(error)])
            continue
        sizes = [*decoded.image.shape[:2], *decoded.size_hw, decoded.frames]
        parent.send(PIXELS, sizes, decoded.image.data.cast("B"))
        del content, decoded  # not while it waits for the next one
