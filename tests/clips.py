"""Small videos, for tests of what reads them."""

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from ampnet.media.video_writer import writing_video

PORTRAIT = Path(__file__).parent / "samples" / "portrait.jpg"

CODECS = {
    "mp4": "mp4v",
    "m4v": "mp4v",
    "mov": "mp4v",
    "avi": "MJPG",
    "mkv": "VP80",
    "webm": "VP80",
    "mpg": "PIM1",
    "mpeg": "MPG2",
    "wmv": "WMV2",
}
"""A codec that OpenCV can write, for each extension that counts as a video."""


def write_clip(path: Path, frames: int = 40, size_wh: tuple[int, int] = (64, 48), noise: int = 40) -> Path:
    """Write a video of grey frames at 25 a second, each lighter than the one before.

    Args:
        path: its extension decides the format.
        frames: at most 100.
        size_wh: width and height.
        noise: strength of the noise in them, without which a frame takes hardly any bytes.
    """
    codec = cv2.VideoWriter.fourcc(*CODECS[path.suffix[1:]])
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, codec, 25.0, size_wh)
    assert writer.isOpened()
    random = np.random.default_rng(0)
    for number in range(frames):
        speckles = random.integers(0, noise + 1, (size_wh[1], size_wh[0], 3))
        writer.write((speckles + 2 * number).astype(np.uint8))
    writer.release()
    return path


def brightness(image: np.ndarray) -> float:
    """Return the mean of all pixels; :func:`write_clip` adds 2 with each frame."""
    return float(image.mean())


def write_face_then_wall(path: Path, frames: int, side: int) -> Path:
    """Write a video at 10 frames a second: a face for this many square frames, then a grey wall for as many."""
    with Image.open(PORTRAIT) as portrait:
        face = np.asarray(portrait.convert("RGB").resize((side, side)))
    with writing_video(path, rate=10.0) as video:
        for image in [face] * frames + [np.full_like(face, 90)] * frames:
            video.add(image)
    return path
