"""Whether a video was cut is told from its container, where that says so."""

import csv
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from ampnet.errors import ImageError
from ampnet.reading.video import is_video
from ampnet.reading.video_ends import is_cut
from cli import app
from tests.clips import brightness, frames_of, write_clip
from tests.small_checkpoint import small_checkpoint


@pytest.fixture(params=["mpg", "mpeg"])
def stream(request, tmp_path):
    return write_clip(tmp_path / f"clip.{request.param}").read_bytes()


@pytest.fixture
def windows_media(tmp_path):
    return write_clip(tmp_path / "clip.wmv").read_bytes()


@pytest.mark.parametrize("missing", [1, 2, 5, 100, 1000])
def test_a_program_stream_that_ends_within_a_packet_is_cut(stream, missing):
    assert not is_cut(BytesIO(stream))
    assert is_cut(BytesIO(stream[:-missing]))


@pytest.mark.parametrize("behind", [b"\0" * 2048, b"\0\0\1\xb9", b"\0\0\1\xb9\0\0\0", b"TAG"])
def test_an_end_code_padding_or_a_tag_behind_the_last_packet_is_no_cut(stream, behind):
    assert not is_cut(BytesIO(stream + behind))


def test_windows_media_states_its_size_unless_it_is_a_broadcast(windows_media):
    assert not is_cut(BytesIO(windows_media))
    assert is_cut(BytesIO(windows_media[:-1]))
    flags = windows_media.find(bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")) + 88
    broadcast = windows_media[:flags] + b"\1" + windows_media[flags + 1 :]
    assert not is_cut(BytesIO(broadcast[:-1]))


def test_other_files_are_not_judged():
    for content in (b"", b"\0", b"milk, eggs", b"\0\0\1\xba", bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")):
        assert is_cut(BytesIO(content)) == (content == b"\0\0\1\xba")


def test_the_file_is_left_at_its_start(stream):
    file = BytesIO(stream)
    is_cut(file)
    assert file.tell() == 0


@pytest.mark.parametrize("extension", ["ogv", "ts", "avi"])
def test_streams_that_are_whole_are_not_cut_and_shortened_ones_are(tmp_path, extension):
    content = write_clip(tmp_path / f"clip.{extension}").read_bytes()
    assert not is_cut(BytesIO(content))
    for missing in (1, 2, 5, 100, 1000):
        assert is_cut(BytesIO(content[:-missing]))


def test_a_camera_s_transport_stream_has_a_time_stamp_before_each_packet(tmp_path):
    plain = write_clip(tmp_path / "clip.ts").read_bytes()
    stamped = b"".join(b"\0\0\0\0" + plain[place : place + 188] for place in range(0, len(plain), 188))
    assert not is_cut(BytesIO(stamped))
    assert is_cut(BytesIO(stamped[:-10]))


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
