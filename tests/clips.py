"""Small videos, for tests of what reads them."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

from ampnet.reading.video import Frame, open_video
from ampnet.results.video_writer import writing_video

PORTRAIT = Path(__file__).parent / "samples" / "portrait.jpg"

CODECS = {
    "mp4": "mpeg4",
    "m4v": "mpeg4",
    "mov": "mpeg4",
    "avi": "mjpeg",
    "mkv": "libvpx",
    "webm": "libvpx",
    "mpg": "mpeg1video",
    "mpeg": "mpeg2video",
    "wmv": "wmv2",
    "mts": "libx264",
    "m2ts": "libx264",
    "ts": "libx264",
    "3gp": "libx264",
    "flv": "flv",
    "ogv": "libvpx",
    "mxf": "mpeg2video",
}
"""A codec that PyAV can write, for each extension that counts as a video."""

OPTIONS = {f"mpeg{kind}": {"bf": "0"} for kind in ("4", "1video", "2video")} | {"libvpx": {"cpu-used": "8"}}
"""Of encoders: without frames that are sent before those they follow; the fastest of the good ones."""

FORMATS = {"m4v": "mp4", "mkv": "matroska", "mpg": "mpeg", "mpeg": "mpeg", "wmv": "asf", "ogv": "ogg"} | dict.fromkeys(
    ("mts", "m2ts", "ts"), "mpegts"
)
"""FFmpeg's names of the containers, where they differ from the extension."""


def write_timed(
    path: Path,
    times: Sequence[float],
    images: Iterable[np.ndarray],
    codec: str = "libx264",
    time_base: Fraction = Fraction(1, 90_000),
    pixels: str = "yuv420p",
    rate: Fraction | int = 30,
    container_options: dict[str, str] | None = None,
    aspect: Fraction | None = None,
) -> Path:
    """Write images that are shown at given seconds; the extension decides the container.

    Args:
        path: the file.
        times: when each is shown.
        images: ``(H, W, 3)`` RGB.
        codec: FFmpeg's name of the encoder.
        time_base: unit of the time stamps that the encoder gets.
        pixels: FFmpeg's name of the pixel format.
        rate: frames a second that the header states.
        container_options: of the container.
        aspect: width of a pixel divided by its height.
    """
    extension = path.suffix[1:]
    kind = FORMATS.get(extension, extension)
    with av.open(str(path), "w", format=kind, options=container_options or {}) as container:
        stream: Any = None
        for seconds, image in zip(times, images, strict=True):
            if stream is None:
                stream = container.add_stream(codec, rate=rate, options=OPTIONS.get(codec, {}))
                stream.height, stream.width, stream.pix_fmt = image.shape[0], image.shape[1], pixels
                stream.codec_context.time_base = time_base
                if codec.startswith(("mpeg", "wmv", "flv", "libvpx", "mjpeg")):
                    stream.bit_rate = 2_000_000
                if aspect is not None:
                    stream.codec_context.sample_aspect_ratio = aspect
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            frame.pts, frame.time_base = round(seconds / time_base), time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_clip(path: Path, frames: int = 40, size_wh: tuple[int, int] = (64, 48), noise: int = 40) -> Path:
    """Write a video of grey frames at 25 a second, each lighter than the one before.

    Args:
        path: its extension decides the format.
        frames: at most 100.
        size_wh: width and height.
        noise: strength of the noise in them, without which a frame takes hardly any bytes.
    """
    codec = CODECS[path.suffix[1:]]
    random = np.random.default_rng(0)
    images = [
        (random.integers(0, noise + 1, (size_wh[1], size_wh[0], 3)) + 2 * number).astype(np.uint8)
        for number in range(frames)
    ]
    times = [number / 25 for number in range(frames)]
    pixels = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    return write_timed(path, times, images, codec, Fraction(1, 25), pixels, rate=25)


def frames_of(path: Path, **options: Any) -> list[Frame]:
    """Return all frames of a video; options as for :func:`ampnet.reading.video.open_video`."""
    with open_video(path, **options) as video:
        return list(video.frames())


def brightness(image: np.ndarray) -> float:
    """Return the mean of all pixels; :func:`write_clip` adds 2 with each frame."""
    return float(image.mean())


def write_frames(path: Path, images: Iterable[np.ndarray], rate: float = 10.0) -> Path:
    """Write images as an MP4 file of ours, at an even rate."""
    with writing_video(path) as video:
        for number, image in enumerate(images):
            video.add(image, number / rate)
    return path


def write_face_then_wall(path: Path, frames: int, side: int) -> Path:
    """Write a video at 10 frames a second: a face for this many square frames, then a grey wall for as many."""
    with Image.open(PORTRAIT) as portrait:
        face = np.asarray(portrait.convert("RGB").resize((side, side)))
    return write_frames(path, [face] * frames + [np.full_like(face, 90)] * frames)
