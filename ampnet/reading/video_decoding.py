"""Decoding one video with FFmpeg, in the process of :mod:`ampnet.reading.video_decoder`."""

import os
import re
import time
from collections.abc import Iterator
from typing import Any

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from ampnet.reading.video_clock import Clock, is_sampled
from ampnet.reading.video_ends import damaged_frame, is_cut
from ampnet.reading.video_messages import (
    MAX_PIXELS,
    MAX_THREADS,
    FrameSender,
    Kind,
    VideoRequest,
    open_container,
)

MAX_STRETCH = 4.0
"""Pixels that are more oblong are taken for square ones: such a header is wrong."""

MAX_FAILURES = 100
"""Reading ends after this many failures in a row."""

MAX_COUNTING = 0.5
"""Seconds for counting the packets of a video that states no number of frames."""

MIN_SLACK, RELATIVE_SLACK = 0.25, 0.001
"""Seconds, and fraction of the stated length, by which a whole video may be shorter than its container states."""

STATING_FORMATS = ("mov", "avi", "matroska", "asf", "flv", "mxf")
"""Containers that state how long they are; of the others, FFmpeg estimates it."""


class _Unusable(Exception):
    """The reason why a video, or its rest, cannot be used."""


def decode(order: VideoRequest, channel: FrameSender) -> None:
    """Send the frames that the parent asks for, and why there are not more."""
    decoding = _Decoding()
    try:
        decoding.run(order, channel)
    except _Unusable as reason:
        channel.send_problem(str(reason), decoding.number > 0)
    except MemoryError:  # FFmpeg's own is one, too
        channel.send_problem("its decoder ran out of memory", decoding.number > 0)
    except av.error.FFmpegError:
        what = "not a video, a damaged one, or one that was cut short before its index was written"
        channel.send_problem(what, decoding.number > 0)


class _Decoding:
    """Decodes one video, and notes whether it is whole."""

    def __init__(self) -> None:
        self.number = 0
        """Frames passed."""
        self._has_frames = False
        self._packets = 0
        """Packets of the video stream; so are the damaged ones."""
        self._damaged = 0
        """Those that could not be read or decoded, after the first frame."""
        self._reached = 0.0
        """Seconds of the container's clock to which the packets of all streams reach."""
        self._is_torn = False
        """Whether the last packet of all was shorter than it should be."""

    def run(self, order: VideoRequest, channel: FrameSender) -> None:
        """Send what the parent asks for.

        Raises:
            _Unusable: it, or its rest, is not a usable video.
        """
        with os.fdopen(order.descriptor, "rb") as file:
            has_cut_end = is_cut(file)
            with open_container(file) as container:
                stream = usable_video(container, max(min(order.threads, MAX_THREADS), 1))
                clock = Clock(float(1 / stream.average_rate) if stream.average_rate else 0.04)
                frames = self._timed(container, stream, clock)
                earliest = next(frames, None)
                if earliest is None:
                    raise _Unusable("it holds no decodable frame")
                count = self._count(container, stream, order.only_info)
                channel.send(Kind.INFO, count, _length(container), clock.start)
                if order.only_info:
                    return
                if self._send_frames(order, channel, earliest, frames, _stretch(stream)):
                    self._check_end(container, has_cut_end)
                    if "gif" in container.format.name and (broken := damaged_frame(file, channel.beat)) is not None:
                        raise _Unusable(f"its frame {broken} is damaged")
                channel.send(Kind.END)

    def _count(self, container: Any, stream: Any, reads_on: bool) -> int:
        """Estimate the number of frames: stated, or length times rate, but no more than the packets if these are few.

        Args:
            reads_on: whether packets may be read for that.
        """
        estimate = stream.frames or round(_length(container) * float(stream.average_rate or 0))
        end = time.monotonic() + MAX_COUNTING
        for packet in self._demuxed(container, stream) if reads_on and not stream.frames else ():
            if packet is None:
                estimate = min(estimate or self._packets, self._packets)
            elif time.monotonic() > end:
                break
        return int(estimate) if 0 < estimate < 1e12 else 0

    def _send_frames(
        self,
        order: VideoRequest,
        channel: FrameSender,
        current: tuple[float, Any],
        frames: Iterator[tuple[float, Any]],
        stretch: float,
    ) -> bool:
        """Send frames; return whether the end of the video was reached."""
        before: float | None = None
        while True:
            seconds, frame = current
            if seconds >= order.last:
                return False
            following = next(frames, None)
            after = None if following is None else following[0]
            sampled = is_sampled(self.number, before, seconds, after, order.every, order.rate)
            if seconds >= order.first and (order.is_all or (sampled and self.number > order.after)):
                channel.send_frame(self.number, seconds, sampled, *shown(frame, stretch, order.longest))
            else:
                channel.beat()
            self.number += 1
            if following is None:
                return True
            before, current = seconds, following

    def _timed(self, container: Any, stream: Any, clock: Clock) -> Iterator[tuple[float, Any]]:
        """Give the frames in the order in which they are shown, each with its time."""
        for packet in self._demuxed(container, stream):
            try:
                frames = stream.codec_context.decode(packet)
            except MemoryError:
                raise
            except av.error.EOFError:
                return
            except av.error.FFmpegError:
                self._damaged += self._has_frames  # a recording may begin within a group of pictures
                continue
            for frame in frames:
                self._has_frames = True
                stamp = frame.dts if frame.pts is None else frame.pts
                yield clock.seconds(None if stamp is None else float(stamp * stream.time_base)), frame

    def _demuxed(self, container: Any, stream: Any) -> Iterator[Any]:
        """Give the stream's packets, then None; what cannot be read is left out."""
        failures = 0
        while failures < MAX_FAILURES:
            try:
                for packet in container.demux():
                    failures = 0
                    if packet.size:  # none: the frame before is shown for longer
                        self._note(packet, stream)
                        if packet.stream_index == stream.index:
                            yield packet
                break
            except MemoryError:
                raise
            except av.error.FFmpegError:
                failures += 1
                self._is_torn = True
        yield None

    def _note(self, packet: Any, stream: Any) -> None:
        self._damaged += self._is_torn and self._has_frames  # but not torn at the end
        self._is_torn = packet.is_corrupt
        stamp = packet.dts if packet.pts is None else packet.pts
        if stamp is not None and packet.time_base:
            self._reached = max(self._reached, float((stamp + (packet.duration or 0)) * packet.time_base))
        if packet.stream_index == stream.index:
            self._packets += 1

    def _check_end(self, container: Any, has_cut_end: bool) -> None:
        """Judge by times and packets whether the video is whole: the number of frames in a header is often wrong."""
        stated = (container.duration or 0) / av.time_base if _states_length(container) else 0.0
        slack = max(MIN_SLACK, stated * RELATIVE_SLACK, 2 * self._reached / max(self._packets, 1))
        if stated - self._reached > slack:
            raise _Unusable(
                f"it is cut short, after frame {self.number}: it has {self._reached:.1f} of {stated:.1f} seconds"
            )
        if self._is_torn or has_cut_end:
            raise _Unusable(f"it is cut short, after frame {self.number}")
        if self._damaged:
            raise _Unusable(f"{self._damaged:,} of its {self._packets:,} packets are damaged")


def usable_video(container: Any, threads: int) -> Any:
    """Return the stream to decode, with its decoder open.

    Raises:
        _Unusable: there is none, or its codec is unknown.
    """
    stream = container.streams.best("video")
    if stream is None or stream.disposition & av.stream.Disposition.attached_pic:
        raise _Unusable("it holds only sound" if container.streams.audio else "it holds no video")
    codec = stream.codec_context
    if codec is None:
        av.logging.set_level(av.logging.INFO)  # the name is in FFmpeg's log only
        named = re.search(rf"Stream #0:{stream.index}\b.*?Video: ([^,\n]+)", container.dumps_format())
        raise _Unusable(f"its codec ({named[1] if named else 'unknown'}) cannot be decoded")
    if codec.width * codec.height > MAX_PIXELS:
        raise _too_large(codec.width, codec.height)
    codec.thread_count, codec.thread_type = threads, "AUTO"
    try:
        codec.open(strict=False)
    except av.error.FFmpegError as error:
        raise _Unusable(f"its codec ({codec.name}) cannot be decoded") from error
    return stream


_SCALER, _CONVERTER = VideoReformatter(), VideoReformatter()
"""One each for all frames: their threads' stacks count against the limit on memory, and a frame would keep its own.

To scale, then to convert takes a third of the time of both at once, and is nearer to the whole frame's RGB, reduced."""


def shown(frame: Any, stretch: float, longest: int = 0) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """Return a frame as it is shown, ``(h, w, 3)`` RGB, upright, with square pixels; and its whole height and width.

    Args:
        frame: as decoded.
        stretch: width of a pixel divided by its height.
        longest: reduce it to a longer side of so many pixels; 0: leave it.

    Raises:
        _Unusable: it has more than :data:`MAX_PIXELS`.
    """
    width = max(round(frame.width * stretch), 1)
    if width * frame.height > MAX_PIXELS:
        raise _too_large(width, frame.height)
    scale = min(longest / max(width, frame.height), 1.0) if longest else 1.0
    size = {"width": max(round(width * scale), 1), "height": max(round(frame.height * scale), 1)}
    small = _SCALER.reformat(frame, **size, format="yuv420p", interpolation="AREA") if scale < 1 else frame
    image, whole_hw = _CONVERTER.reformat(small, **size, format="rgb24").to_ndarray(), (frame.height, width)
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is not None:
        a, b, _, c, d = np.frombuffer(bytes(matrix), np.int32)[:5].tolist()  # x' = a x + c y, y' = b x + d y
        if abs(a) < abs(b):
            image, a, d, whole_hw = image.transpose(1, 0, 2), c, b, (width, frame.height)
        image = image[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1]
    return np.ascontiguousarray(image, dtype=np.uint8), whole_hw


def _too_large(width: int, height: int) -> "_Unusable":
    return _Unusable(f"{width} x {height} pixels a frame are more than {MAX_PIXELS:,}")


def _stretch(stream: Any) -> float:
    ratio = float(stream.sample_aspect_ratio or 1)
    return ratio if 1 / MAX_STRETCH <= ratio <= MAX_STRETCH else 1.0


def _states_length(container: Any) -> bool:
    return any(name in container.format.name.split(",") for name in STATING_FORMATS)


def _length(container: Any) -> float:
    return max((container.duration or 0) / av.time_base, 0.0)
