"""The child process that decodes one video for :mod:`ampnet.media.video`: whatever a file does to it stays in it.

The parent hands over an open descriptor, so a name of any bytes will do, and reads messages from the child's stdout. A
frame's pixels are in one of a few slots of shared memory, which the parent frees by a byte to the child's stdin; they
follow the message where there is no such memory, or a frame does not fit. So the child waits whenever the parent does,
and memory stays bounded. It ends with its parent: its stdin closes then.
"""

import fcntl
import mmap
import os
import resource
import struct
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import cv2

HEADER = struct.Struct("<BQQQd")
"""Kind of message, then three whole numbers and a float; their meaning depends on the kind."""

MAX_PIXELS = 1 << 25
"""Larger frames are refused; 8K video has 33 million pixels, a little less."""

MAX_MEMORY = 2 << 30
"""Bytes that this process may allocate, where the system can limit that: FFmpeg decodes a frame before it tells its
size. An 8K video takes about half of it."""

MAX_SLOTS = 16
"""Frames in shared memory."""

MAX_THREADS = 8
"""Decoding threads; each holds frames of its own."""

BEAT_SECONDS = 0.5
"""Time between two signs of life while frames are skipped."""

FORMATS = "mov,mp4,avi,matroska,webm,mpeg,mpegvideo,mpegts,asf"
"""FFmpeg's names of the containers that are opened."""
FFMPEG_OPTIONS = {"OPENCV_FFMPEG_CAPTURE_OPTIONS": f"format_whitelist;{FORMATS}|protocol_whitelist;file"}
"""Environment of the child: FFmpeg opens that one file, and only as a video. A playlist of FFmpeg's, whatever its name,
could otherwise make it read other files."""
_PIPE_BYTES = 1 << 20


class Kind(IntEnum):
    """What a message says."""

    INFO = 1
    """Number of frames by the header (0: unknown), 0, 0; frames per second (0: unknown)."""
    FRAME = 2
    """Number of the frame, height, width; the slot of its RGB pixels, or -1 if they follow."""
    BEAT = 3
    """Number of frames passed, 0, 0; 0."""
    END = 4
    """Number of frames decoded, 0, 0; 0."""
    NO_VIDEO = 5
    """It cannot be opened."""
    TOO_LARGE = 6
    """0, height, width; 0."""


@dataclass(frozen=True)
class Order:
    """What the parent wants."""

    descriptor: int
    """The open file."""
    memory: int
    """The shared memory's descriptor; -1: none."""
    memory_size: int
    """In bytes."""
    every: int
    """Send every Nth frame."""
    start: int
    """Number of the first frame to send."""
    only_info: bool
    """Send no frames at all."""
    threads: int
    """Decoding threads, of which :data:`MAX_THREADS` are used at most."""


def count_slots(memory_size: int, frame_size: int) -> int:
    """Return how many frames of a size, in bytes, are in shared memory at once; 0: none, they are sent."""
    slots = memory_size // frame_size
    return min(slots, MAX_SLOTS) if slots > 1 else 0


def main(order: Order) -> None:
    """Decode a video and write messages to stdout."""
    with suppress(OSError, ValueError):  # a lower limit is in force already
        resource.setrlimit(resource.RLIMIT_DATA, (MAX_MEMORY, MAX_MEMORY))
    out = os.dup(1)
    os.dup2(2, 1)  # nothing that a library prints gets between the messages
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with suppress(OSError):
            fcntl.fcntl(out, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    channel = _Channel(out, order.memory, order.memory_size)
    with suppress(BrokenPipeError):
        _decode(order, channel)


class _Channel:
    """What leads to the parent."""

    def __init__(self, out: int, memory: int, memory_size: int) -> None:
        self._out = out
        self._memory = mmap.mmap(memory, memory_size) if memory_size else None
        self._slots: list[Any] | None = None
        self._used = 0
        self._free = threading.Semaphore(0)
        threading.Thread(target=self._listen, daemon=True).start()

    def send(self, kind: Kind, first: int = 0, second: int = 0, third: int = 0, real: float = 0.0) -> None:
        """Send a message without pixels."""
        self._write(memoryview(HEADER.pack(kind, first, second, third, real)))

    def send_frame(self, number: int, bgr: Any) -> None:
        """Send a frame as OpenCV gives it, once there is a place for it."""
        import cv2

        height, width = bgr.shape[:2]
        if self._slots is None:
            self._slots = self._make_slots(bgr)
        if not self._slots or self._slots[0].shape != bgr.shape:
            self.send(Kind.FRAME, number, height, width, -1)
            return self._write(memoryview(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)).cast("B"))
        slot = self._used % len(self._slots)
        self._used += 1
        self._free.acquire()
        cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB, self._slots[slot])
        return self.send(Kind.FRAME, number, height, width, slot)

    def _make_slots(self, frame: Any) -> list[Any]:
        import numpy as np

        if self._memory is None:
            return []
        size, slots = frame.nbytes, count_slots(len(self._memory), frame.nbytes)
        if slots:
            self._free.release(slots)
        return [np.frombuffer(self._memory, np.uint8, size, slot * size).reshape(frame.shape) for slot in range(slots)]

    def _write(self, data: memoryview) -> None:
        while data:
            data = data[os.write(self._out, data) :]

    def _listen(self) -> None:
        while freed := os.read(0, 1):
            self._free.release(len(freed))
        os._exit(1)


def _decode(order: Order, channel: _Channel) -> None:
    import cv2

    threads = min(order.threads, MAX_THREADS)
    video = cv2.VideoCapture(f"/dev/fd/{order.descriptor}", cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, threads])
    if not video.isOpened():
        return channel.send(Kind.NO_VIDEO)
    height, width = (int(video.get(side)) for side in (cv2.CAP_PROP_FRAME_HEIGHT, cv2.CAP_PROP_FRAME_WIDTH))
    if height * width > MAX_PIXELS:
        return channel.send(Kind.TOO_LARGE, 0, height, width)
    frames, rate = video.get(cv2.CAP_PROP_FRAME_COUNT), float(video.get(cv2.CAP_PROP_FPS))
    channel.send(Kind.INFO, int(frames) if 0 < frames < 1e12 else 0, 0, 0, rate if 0 < rate < 1000 else 0.0)
    return None if order.only_info else _send_frames(video, order, channel)


def _send_frames(video: "cv2.VideoCapture", order: Order, channel: _Channel) -> None:
    number, beat = 0, time.monotonic()
    while video.grab():
        if number >= order.start and (number - order.start) % order.every == 0:
            found, frame = video.retrieve()
            if not found:
                break
            if frame.shape[0] * frame.shape[1] > MAX_PIXELS:
                return channel.send(Kind.TOO_LARGE, 0, *frame.shape[:2])
            channel.send_frame(number, frame)
            beat = time.monotonic()
        elif time.monotonic() - beat > BEAT_SECONDS:
            channel.send(Kind.BEAT, number)
            beat = time.monotonic()
        number += 1
    return channel.send(Kind.END, number)
