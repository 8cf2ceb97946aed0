"""The child process that decodes one video for :mod:`ampnet.media.video`: whatever a file does to it stays in it.

The parent hands over an open descriptor, so a name of any bytes will do, and reads messages from the child's stdout: a
header (:data:`HEADER`), then, for a frame, its pixels. The pipe holds less than one frame, so the child waits whenever
the parent does, and memory stays bounded. It ends with its parent: its stdin closes then.
"""

import fcntl
import os
import resource
import struct
import sys
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

MAX_PIXELS = 1 << 26
"""Larger frames are refused: twice as many pixels as 8K video has."""

MAX_MEMORY = 6 << 30
"""Address space of this process in bytes; an 8K video with 16 reference frames needs half of it."""

MAX_THREADS = 8
"""Decoding threads; each holds frames of its own."""

BEAT_SECONDS = 0.5
"""Time between two signs of life while frames are skipped."""

_FORMATS = "mov,mp4,avi,matroska,webm,mpeg,mpegvideo,mpegts,asf"
_CAPTURE_OPTIONS = f"format_whitelist;{_FORMATS}|protocol_whitelist;file"
_PIPE_BYTES = 1 << 20


class Kind(IntEnum):
    """What a message says."""

    INFO = 1
    """Number of frames by the header (0: unknown), 0, 0; frames per second (0: unknown)."""
    FRAME = 2
    """Number of the frame, height, width; 0. RGB pixels follow."""
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
    every: int
    """Send every Nth frame."""
    start: int
    """Number of the first frame to send."""
    only_info: bool
    """Send no frames at all."""


def environment() -> dict[str, str]:
    """Return the environment that a child needs: FFmpeg opens that one file, and only as a video.

    A playlist of FFmpeg's, whatever its name, could otherwise make it read other files.
    """
    one_thread = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # for arithmetic, of which there is none
    return {**os.environ, **one_thread, "OPENCV_FFMPEG_CAPTURE_OPTIONS": _CAPTURE_OPTIONS}


def main(order: Order) -> None:
    """Decode a video and write messages to stdout."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with suppress(OSError, ValueError):  # a lower limit is in force already
        resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    out = os.dup(1)
    os.dup2(2, 1)  # nothing that a library prints gets between the messages
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with suppress(OSError):
            fcntl.fcntl(out, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    with suppress(BrokenPipeError):
        _decode(order, out)


def _decode(order: Order, out: int) -> None:
    import cv2

    threads = min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1, MAX_THREADS)
    video = cv2.VideoCapture(f"/dev/fd/{order.descriptor}", cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, threads])
    if not video.isOpened():
        return _send(out, Kind.NO_VIDEO)
    height, width = (int(video.get(side)) for side in (cv2.CAP_PROP_FRAME_HEIGHT, cv2.CAP_PROP_FRAME_WIDTH))
    if height * width > MAX_PIXELS:
        return _send(out, Kind.TOO_LARGE, 0, height, width)
    frames, rate = video.get(cv2.CAP_PROP_FRAME_COUNT), float(video.get(cv2.CAP_PROP_FPS))
    _send(out, Kind.INFO, int(frames) if 0 < frames < 1e12 else 0, 0, 0, rate if 0 < rate < 1000 else 0.0)
    if order.only_info:
        return None
    return _send_frames(video, order, out)


def _send_frames(video: "cv2.VideoCapture", order: Order, out: int) -> None:
    import cv2

    number, beat = 0, time.monotonic()
    rgb: Any = None
    while video.grab():
        if number >= order.start and (number - order.start) % order.every == 0:
            found, frame = video.retrieve()
            if not found:
                break
            height, width = frame.shape[:2]
            if height * width > MAX_PIXELS:
                return _send(out, Kind.TOO_LARGE, 0, height, width)
            rgb = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB, rgb if rgb is not None and rgb.shape == frame.shape else None)
            _send(out, Kind.FRAME, number, height, width)
            _write(out, memoryview(rgb).cast("B"))
        elif time.monotonic() - beat > BEAT_SECONDS:
            beat = time.monotonic()
            _send(out, Kind.BEAT, number)
        number += 1
    return _send(out, Kind.END, number)


def _send(out: int, kind: Kind, first: int = 0, second: int = 0, third: int = 0, real: float = 0.0) -> None:
    _write(out, memoryview(HEADER.pack(kind, first, second, third, real)))


def _write(out: int, data: memoryview) -> None:
    while data:
        data = data[os.write(out, data) :]


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(1)
