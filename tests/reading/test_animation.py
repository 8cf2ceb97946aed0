"""A GIF with several frames is a video with the delays as its clock; one with a single frame is a photo."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from ampnet.errors import ImageError
from ampnet.reading.video import is_video
from cli import app
from tests.clips import brightness, frames_of
from tests.small_checkpoint import small_checkpoint

DELAYS = (40, 250, 1000, 30, 120)
"""Milliseconds that each frame is shown."""

TIMES = [0.0, 0.04, 0.29, 1.29, 1.32]
"""Seconds at which each is shown first: the sums of the delays before it."""


def write_gif(path: Path, delays: tuple[int, ...] = DELAYS, mode: str = "RGB") -> Path:
    """Write grey frames, each lighter than the one before; a single delay gives a single frame."""
    frames = [Image.fromarray(np.full((48, 64, 3), 40 + 30 * i, np.uint8)).convert(mode) for i in range(len(delays))]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=list(delays), loop=0)
    return path


@pytest.mark.parametrize("mode", ["RGB", "L", "P"])
def test_the_frames_of_an_animation_have_the_times_of_its_delays(tmp_path, mode):
    path = write_gif(tmp_path / "clip.GIF", mode=mode)
    assert is_video(path)
    frames = frames_of(path)
    assert [frame.seconds for frame in frames] == pytest.approx(TIMES, abs=0.005)
    assert [brightness(frame.image) for frame in frames] == pytest.approx([40, 70, 100, 130, 160], abs=3)


@pytest.mark.parametrize(
    "content", [b"", b"GIF89a", b"GIF89a" + bytes(7), b"GIF89a\x01\0\x01\0\0\0\0!\xfe\x05ab", b"milk, eggs", None]
)
def test_what_is_no_animation_is_a_photo(tmp_path, content):
    path = write_gif(tmp_path / "photo.gif", (100,))
    if content is not None:
        path.write_bytes(content)
    assert not is_video(path)
    assert not is_video(tmp_path / "missing.gif")


def test_an_animation_that_is_cut_short_is_said(tmp_path):
    path = write_gif(tmp_path / "clip.gif")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ImageError, match="it is cut short, after frame 5"):
        frames_of(path)


def test_an_animation_cut_after_its_first_frame_is_no_photo(tmp_path):
    path = write_gif(tmp_path / "clip.gif")
    content = path.read_bytes()
    second = content.index(b"\x21\xf9", content.index(b"\x21\xf9") + 1)  # the second frame's extension
    for length in (second, second + 3):
        path.write_bytes(content[:length])
        assert is_video(path)
        with pytest.raises(ImageError, match="it is cut short, after frame 1"):
            frames_of(path)


def test_what_follows_the_trailer_of_an_animation_does_not_matter(tmp_path):
    path = write_gif(tmp_path / "clip.gif")
    path.write_bytes(path.read_bytes() + b"sent by my phone")
    assert len(frames_of(path)) == 5


def test_damage_within_a_frame_or_between_two_is_said(tmp_path):
    path = write_gif(tmp_path / "clip.gif")
    content = path.read_bytes()
    third = [place for place in range(len(content)) if content.startswith(b"\x21\xf9", place)][2]
    image = content.index(b",", third + 8)
    codes = image + 10 + (3 << ((content[image + 9] & 7) + 1) if content[image + 9] & 0x80 else 0)
    path.write_bytes(content[: codes + 2] + b"\xff" * 8 + content[codes + 10 :])
    with pytest.raises(ImageError, match="its frame 2 is damaged"):
        frames_of(path)
    path.write_bytes(content[:third] + b"\x99" + content[third + 1 :])
    with pytest.raises(ImageError, match="is damaged"):
        frames_of(path)


@pytest.mark.slow
def test_a_table_tells_videos_from_photos(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small_checkpoint(tmp_path)
    Image.new("RGB", (48, 48)).save("photo.png")
    write_gif(tmp_path / "clip.gif")
    Path("broken.mp4").write_text("milk, eggs")
    words = ["predict", "photo.png", "clip.gif", "broken.mp4", "gone.mp4", "--every", "1", "--csv", "faces.csv", "-q"]
    assert CliRunner().invoke(app, [*words, "--checkpoint", ".", "--gpus", "0"]).exit_code == 1
    with Path("faces.csv").open(newline="") as file:
        rows = [(row["image"], row["video"], row["seconds"], row["status"]) for row in csv.DictReader(file)]
    assert rows == [
        ("photo.png", "", "", "no face"),
        *(("clip.gif", "clip.gif", str(seconds), "no face") for seconds in TIMES),
        ("broken.mp4", "broken.mp4", "", "unreadable"),
        ("gone.mp4", "gone.mp4", "", "unreadable"),
    ]
