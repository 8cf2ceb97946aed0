"""The child process of :mod:`ampnet.results.video_writer` that adds the sound.

Whatever a file's sound does to it stays in it. It answers ``kept`` or ``none``.
"""

import heapq
import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from typing import Any

from ampnet.files.isolated import Channel
from ampnet.reading.video_messages import open_container

BIT_RATE = 160_000
"""Of sound that is encoded again, per second."""

RATE = 48_000
"""Its samples per second."""


@dataclass(frozen=True)
class MuxOrder:
    """The parent's request; names are in the current folder."""

    silent: str
    """The file with the frames."""
    target: str
    """The file to write."""
    source: int
    """Descriptor of the file with the sound; -1: none."""
    start: float
    """Seconds on that file's clock at which the first frame is shown."""


def main(order: MuxOrder, parent: Channel) -> None:
    """Write the file, and send whether the sound was kept."""
    parent.send(0, [mux(order)])


def mux(order: MuxOrder) -> str:
    """Write the file; return ``kept`` or ``none``."""
    av = _pyav()

    with av.open(f"file:{order.silent}", format="mp4") as silent:
        frames = silent.streams.video[0]
        seconds = float(frames.duration * frames.time_base) if frames.duration else float("inf")
        with av.open(f"file:{order.target}", "w", format="mp4", options={"movflags": "+faststart"}) as target:
            copied = target.add_stream_from_template(frames)
            streams = [_timed(_copied(silent, frames, copied), 0)]
            if order.source < 0:
                _write(target, streams)
                return "none"
            with os.fdopen(order.source, "rb") as file, open_container(file) as source:
                if source.streams.audio:
                    streams.append(_timed(_sound(source, target, order.start, seconds), 1))
                _write(target, streams)
                return "kept" if source.streams.audio else "none"


Timed = Iterator[tuple[float, int, int, Any]]


def _timed(packets: Iterator[Any], stream: int) -> Timed:
    for number, packet in enumerate(packets):
        yield float(packet.dts * packet.time_base), stream, number, packet


def _write(target: Any, streams: list[Timed]) -> None:
    """Write packets in the order of their time, so that memory stays bounded."""
    for *_, packet in heapq.merge(*streams):
        target.mux(packet)


def _copied(container: Any, stream: Any, copy: Any) -> Iterator[Any]:
    for packet in container.demux(stream):
        if packet.dts is not None:
            packet.stream = copy
            yield packet


def _sound(source: Any, target: Any, start: float, seconds: float) -> Iterator[Any]:
    """Give the packets of the first sound track from a time on, for some seconds, with their times from there.

    AAC and MP3 are copied, as browsers play them in MP4; all other sound becomes AAC.
    """
    stream = source.streams.audio[0]
    if _is_playable(stream.codec_context):
        copy = target.add_stream_from_template(stream)
        return _shifted(_copied(source, stream, copy), start, seconds)
    return _encoded(source, stream, target.add_stream("aac", rate=RATE, layout="stereo"), start, seconds)


def _is_playable(context: Any) -> bool:
    name = context.codec.canonical_name
    return name == "mp3" or (name == "aac" and context.extradata is not None)


def _shifted(packets: Iterator[Any], start: float, seconds: float) -> Iterator[Any]:
    for packet in packets:
        shift = round(start / float(packet.time_base))
        packet.dts -= shift
        packet.pts = packet.dts if packet.pts is None else packet.pts - shift
        if packet.pts < 0:
            continue
        if packet.pts * packet.time_base >= seconds:
            return
        yield packet


def _encoded(source: Any, stream: Any, encoder: Any, start: float, seconds: float) -> Iterator[Any]:

    encoder.bit_rate = BIT_RATE
    resampler = _pyav().AudioResampler(format="fltp", layout="stereo", rate=RATE, frame_size=1024)
    end = 0
    for frame in chain(source.decode(stream), [None]):
        for part in resampler.resample(frame):
            since_start = end if part.pts is None else round((float(part.pts * part.time_base) - start) * RATE)
            if since_start + part.samples <= 0:
                continue
            part.pts, part.time_base = max(since_start, end), Fraction(1, RATE)
            end = part.pts + part.samples
            yield from encoder.encode(part)
        if end >= seconds * RATE:
            break
    yield from encoder.encode(None)


def _pyav() -> Any:
    import av

    return av
