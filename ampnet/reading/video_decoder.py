"""The child process that decodes one video for :mod:`ampnet.reading.video`: a file affects only this process.

The parent hands over an open descriptor, so a name of any bytes will do.
"""

from dataclasses import dataclass

from ampnet.files.isolated import Channel
from ampnet.reading.video_messages import FrameSender, VideoRequest


@dataclass(frozen=True)
class Order(VideoRequest):
    """The parent's request."""


def main(order: Order, parent: Channel) -> None:
    """Decode a video and send its frames."""
    from ampnet.reading.video_decoding import decode  # loads FFmpeg, which the parent need not

    decode(order, FrameSender(parent))
