"""Writing MP4 files with the times of their frames and the sound of another video; they appear whole, or not at all."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ampnet.errors import DataError, ImageError
from ampnet.files.isolated import Worker
from ampnet.files.opening import open_regular
from ampnet.files.printable import printable, reason_of
from ampnet.files.writing import atomic_write
from ampnet.reading.video import MAX_BYTES, video_info
from ampnet.reading.video_messages import MAX_MEMORY
from ampnet.results.sound_muxer import MuxOrder

TIME_BASE = Fraction(1, 60_000)
"""Seconds. Times are rounded to a multiple of it, which is exact for 24, 25, 30 and 30000/1001 frames a second; MPEG-4
Part 2 allows no unit much smaller."""

X264 = {"crf": "21", "preset": "veryfast"}
"""Quality (23 is x264's default, 18 looks lossless), and speed: two to three times the default, at 10% more bytes."""

MPEG4_BITS_PER_PIXEL = 4
"""Bits per second and pixel of MPEG-4 Part 2, which is written where x264 is not available."""

MUX_LIMIT = 3600.0
"""Seconds. Copying an hour of video takes a few; other sound is encoded at a few hundred times its pace."""

_HD_HEIGHT = 720


@cache
def has_h264() -> bool:
    """Return whether videos are written as H.264; not every build of PyAV holds x264."""
    import av

    return "libx264" in av.codecs_available


class VideoWriter:
    """Writes one MP4 file without sound; its first frame sets the size.

    Args:
        path: the file to write, which exists; it is opened here, so its name may have any bytes.
        target: how to name it in messages.
    """

    def __init__(self, path: Path, target: Path) -> None:
        self.frames = 0
        """Frames written."""
        self.what = ""
        """What the file holds, in words; set when it is complete."""
        self._path, self._target = path, target
        self._file: _File | None = None
        self._container: Any = None
        self._stream: Any = None
        self._converter: Any = None  # one for all frames, as each has threads
        self._last = -1

    def add(self, image: NDArray[np.uint8], seconds: float) -> None:
        """Append a frame.

        Args:
            image: ``(H, W, 3)`` RGB; one of another size than the first is resized to that.
            seconds: when it is shown; at least a tick later than the last one.

        Raises:
            DataError: the file cannot be written.
        """
        import av

        if self._stream is None:
            with _interrupted_later():  # what is half open cannot be closed
                self._open(image.shape[0], image.shape[1])
        is_hd = self._stream.height >= _HD_HEIGHT  # players expect what televisions use
        rgb = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        frame = self._converter.reformat(
            rgb, self._stream.width, self._stream.height, "yuv420p", dst_colorspace="ITU709" if is_hd else "ITU601",
            dst_color_range="MPEG",
        )  # fmt: skip
        self._last = max(round(seconds / TIME_BASE), self._last + 1)
        frame.pts, frame.time_base = self._last, TIME_BASE
        with _interrupted_later():
            self._container.mux(self._stream.encode(frame))
        self.frames += 1
        if self._file is not None and self._file.failure is not None:
            reason = reason_of(self._file.failure)
            raise DataError(
                f"cannot write {printable(self._target)}: {reason}; free some space or choose another folder"
            )

    def close(self) -> None:
        """Finish the file."""
        if self._file is not None:
            with _interrupted_later():
                with closing(self._file), closing(self._container):
                    self._container.mux(self._stream.encode(None))
                self._file = None

    def _open(self, height: int, width: int) -> None:
        import av

        self._file, self._converter = _File(self._path), av.video.reformatter.VideoReformatter()
        self._container = av.open(self._file, "w", format="mp4")
        stream = self._container.add_stream(*(("libx264", 30, X264) if has_h264() else ("mpeg4", 30)))
        stream.height, stream.width = (max(side // 2 * 2, 2) for side in (height, width))  # colours have half the size
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.time_base = TIME_BASE
        if not has_h264():
            context.bit_rate = MPEG4_BITS_PER_PIXEL * stream.height * stream.width
        matrix = 1 if stream.height >= _HD_HEIGHT else 6
        context.color_range, context.colorspace, context.color_primaries, context.color_trc = 1, matrix, matrix, matrix
        self._stream = stream


@contextmanager
def _interrupted_later() -> Iterator[None]:
    """Let Ctrl-C take effect at the end of the block: raised in a file that PyAV writes to, it would be lost."""
    if threading.current_thread() is not threading.main_thread() or not callable(signal.getsignal(signal.SIGINT)):
        yield
        return
    noted: list[tuple[Any, ...]] = []
    handler: Any = signal.signal(signal.SIGINT, lambda *given: noted.append(given))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        for given in noted[:1]:
            handler(*given)


class _File:
    """A file for PyAV, which would lose the reason of a failed write."""

    def __init__(self, path: Path) -> None:
        self.failure: OSError | None = None
        """Why the first failed write did; all later ones are left out."""
        self._file = path.open("wb", buffering=0)
        self.seek, self.tell, self.close = self._file.seek, self._file.tell, self._file.close

    def write(self, data: bytes) -> int:
        left = memoryview(data)
        try:
            while left and self.failure is None:
                left = left[self._file.write(left) :]
        except OSError as error:
            self.failure = error
        return len(data)


@contextmanager
def writing_video(path: Path, sound_of: Path | None = None, start: float = 0.0) -> Iterator[VideoWriter]:
    """Open a video file for atomic writing; it gets its name when it has been read again.

    Args:
        sound_of: any video with the sound to copy; if that cannot be read, it is left out.
        start: seconds on that video's clock at which the first frame is shown.

    Raises:
        DataError: the file cannot be written, or misses frames that were written: not every failure is reported by
            the disk.
    """
    with atomic_write(path) as aside:
        silent = aside.with_name(f"{aside.name}.silent")
        try:
            silent.touch()
            writer = VideoWriter(silent, path)
            try:
                yield writer
            finally:
                writer.close()
            _check(silent, path, writer.frames)
            sound = _add_sound(silent, aside, sound_of, start)
            _check(aside, path, writer.frames)
            writer.what = f"{'H.264' if has_h264() else 'MPEG-4 Part 2'}, {sound}"
        finally:
            with suppress(OSError):
                silent.unlink()


def _check(file: Path, path: Path, frames: int) -> None:
    try:
        written = video_info(file).frames
    except ImageError:
        written = 0
    if written != frames:
        raise DataError(
            f"cannot write {printable(path)}: {written} of {frames} frames arrived on the disk; free some space or "
            "choose another folder"
        )


def _add_sound(silent: Path, target: Path, sound_of: Path | None, start: float) -> str:
    """Write the frames of one file and the sound of another to a third, in sync; say whether the sound was kept."""
    words = {"kept": "sound kept", "none": "no sound in the original"}
    if sound_of is not None:
        with suppress(DataError):
            if answer := _mux(silent, target, sound_of, start):
                return words[answer]
    _mux(silent, target, None, 0.0)
    return words["none"] if sound_of is None else "without the sound, which cannot be read"


def _mux(silent: Path, target: Path, sound_of: Path | None, start: float) -> str:
    """Return ``kept`` or ``none``; empty if the process failed."""
    with ExitStack() as opened:
        source = -1 if sound_of is None else opened.enter_context(open_regular(sound_of, MAX_BYTES)).fileno()
        order = MuxOrder(silent.name, target.name, source, start)
        # In their folder, so that both names are plain, whatever the folder's is.
        folder = silent.absolute().parent
        worker = Worker(order, MAX_MEMORY, () if source < 0 else (source,), writes_files=True, folder=folder)
        with closing(worker), suppress(EOFError, OSError, ValueError):
            answer = worker.channel.receive(time.monotonic() + MUX_LIMIT).values
            return str(answer[0]) if answer in (["kept"], ["none"]) else ""
    return ""
