"""The child process of :mod:`ampnet.media.video_sound`: whatever a file's sound does to it stays in it.

It prints ``kept`` or ``none``, and ends with its parent: its stdin closes then.
"""

import heapq
import os
import resource
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from typing import Any

from ampnet.media.video_decoder import FORMATS, MAX_MEMORY

BIT_RATE = 160_000
"""Of sound that is encoded anew, per second."""

RATE = 48_000
"""Its samples per second."""


@dataclass(frozen=True)
class MuxOrder:
    """What the parent wants; names are in the current folder."""

    silent: str
    """The file with the frames."""
    target: str
    """The file to write."""
    source: int
    """Descriptor of the file with the sound; -1: none."""


def main(order: MuxOrder) -> None:
    """Write the file and say what became of the sound."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with suppress(OSError, ValueError):  # a lower limit is in force already
        resource.setrlimit(resource.RLIMIT_DATA, (MAX_MEMORY, MAX_MEMORY))
    answer = mux(order)
    sys.stdout.write(answer)
    sys.stdout.flush()
    os._exit(0)  # the thread waits for the parent


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
            options = {"format_whitelist": FORMATS, "protocol_whitelist": "pipe"}
            with os.fdopen(order.source, "rb") as file, av.open(file, options=options) as source:
                if source.streams.audio:
                    streams.append(_timed(_sound(source, target, seconds), 1))
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


def _sound(source: Any, target: Any, seconds: float) -> Iterator[Any]:
    """Give the packets of the first sound track from the first frame on, for some seconds.

    AAC and MP3 are copied, as browsers play them in MP4; all other sound becomes AAC.
    """
    stream = source.streams.audio[0]
    pictures = source.streams.video[0] if source.streams.video else None
    start = pictures.start_time * pictures.time_base if pictures is not None and pictures.start_time else 0
    if _is_playable(stream.codec_context):
        copy = target.add_stream_from_template(stream)
        return _shifted(_copied(source, stream, copy), start, seconds)
    return _encoded(source, stream, target.add_stream("aac", rate=RATE, layout="stereo"), start, seconds)


def _is_playable(context: Any) -> bool:
    name = context.codec.canonical_name
    return name == "mp3" or (name == "aac" and context.extradata is not None)


def _shifted(packets: Iterator[Any], start: Any, seconds: float) -> Iterator[Any]:
    for packet in packets:
        shift = round(start / packet.time_base)
        packet.dts -= shift
        packet.pts = packet.dts if packet.pts is None else packet.pts - shift
        if packet.pts < 0:
            continue
        if packet.pts * packet.time_base >= seconds:
            return
        yield packet


def _encoded(source: Any, stream: Any, encoder: Any, start: Any, seconds: float) -> Iterator[Any]:

    encoder.bit_rate = BIT_RATE
    resampler = _pyav().AudioResampler(format="fltp", layout="stereo", rate=RATE, frame_size=1024)
    end = 0
    for frame in chain(source.decode(stream), [None]):
        for part in resampler.resample(frame):
            since_start = 0 if part.pts is None else round((part.pts * part.time_base - start) * RATE)
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


def _end_with_parent() -> None:
    os.read(0, 1)
    os._exit(1)
