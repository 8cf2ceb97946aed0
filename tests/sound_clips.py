"""Small videos with a tone, for tests of what becomes of the sound."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

RATE = 48_000


def write_clip_with_tone(
    path: Path,
    seconds: float = 2.0,
    sound: str = "aac",
    video: str = "mpeg4",
    hertz: float = 440.0,
    fps: int = 10,
    tone_from: float = 0.0,
    frames_from: float = 0.0,
) -> Path:
    """Write a grey video with a tone; the extension decides the container.

    Args:
        path: the file.
        seconds: its length.
        sound: codec of the tone.
        video: codec of the frames.
        hertz: the tone.
        fps: frames per second.
        tone_from: seconds at which the tone begins.
        frames_from: seconds at which the frames begin.
    """
    with av.open(str(path), "w") as container:
        pictures: Any = container.add_stream(video, rate=fps)
        pictures.width, pictures.height, pictures.pix_fmt = 96, 64, "yuv420p"
        track: Any = container.add_stream(sound, rate=RATE, layout="mono")
        track.bit_rate = 96_000
        kind = {"pcm_s16le": "s16", "libmp3lame": "fltp", "mp2": "s16"}.get(sound, "fltp")
        resampler = av.AudioResampler(format=kind, layout="mono", rate=RATE)
        for number in range(round(seconds * fps)):
            frame = av.VideoFrame.from_ndarray(np.full((64, 96, 3), 5 * number % 250, np.uint8), format="rgb24")
            frame.pts, frame.time_base = number + round(frames_from * fps), Fraction(1, fps)
            container.mux(pictures.encode(frame.reformat(format="yuv420p")))
            start = number * RATE // fps
            times = np.arange(start, (number + 1) * RATE // fps) / RATE
            tone = (8000 * np.sin(2 * np.pi * hertz * times) * (times >= tone_from)).astype(np.int16)[None]
            part = av.AudioFrame.from_ndarray(tone, format="s16", layout="mono")
            part.sample_rate, part.pts, part.time_base = RATE, start, Fraction(1, RATE)
            for converted in resampler.resample(part):
                container.mux(track.encode(converted))
        container.mux(pictures.encode(None))
        container.mux(track.encode(None))
    return path


def heard(path: Path) -> tuple[str, float, float]:
    """Return the codec of a video's sound, its length in seconds, and its loudest frequency in hertz."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        frames = list(container.decode(stream))
        samples = np.concatenate([frame.to_ndarray()[0] for frame in frames]).astype(float)
        rate, codec = frames[0].sample_rate, stream.codec_context.name
    spectrum = np.abs(np.fft.rfft(samples))
    return codec, len(samples) / rate, float(np.fft.rfftfreq(len(samples), 1 / rate)[spectrum.argmax()])


def onset_of_tone(path: Path) -> float:
    """Return when the sound of a video becomes loud, in seconds on the clock of its frames."""
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            samples = np.abs(frame.to_ndarray()[0].astype(float))
            loud = np.flatnonzero(samples > (0.1 if frame.format.name.startswith("flt") else 3000))
            if loud.size:
                return float((frame.pts or 0) * (frame.time_base or 0)) + float(loud[0]) / frame.sample_rate
    raise AssertionError("no sound")
