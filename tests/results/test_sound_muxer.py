"""Annotated videos are H.264 that browsers play, with the sound of the original."""

import shutil

import numpy as np
import pytest

from ampnet.errors import DataError
from ampnet.reading.video import open_video, video_info
from ampnet.results.video_writer import writing_video
from tests.browser import browser, needs_browser
from tests.clips import frames_of
from tests.limits import file_size_limit
from tests.sound_clips import heard, onset_of_tone, write_clip_with_tone

pytestmark = pytest.mark.slow

FRAMES = [np.full((64, 96, 3), 9 * number, np.uint8) for number in range(20)]


def write(path, sound_of=None, frames=FRAMES, rate=10.0, start=0.0):
    with writing_video(path, sound_of, start) as video:
        for number, frame in enumerate(frames):
            video.add(frame, number / rate)
    return video.what


@pytest.mark.parametrize(
    ("extension", "sound", "video"),
    [
        ("mp4", "aac", "mpeg4"),
        ("avi", "pcm_s16le", "mpeg4"),
        ("webm", "libopus", "libvpx"),
        ("wmv", "wmav2", "wmv2"),
        ("mpg", "mp2", "mpeg2video"),
        ("mov", "pcm_s16le", "mpeg4"),
        ("mkv", "aac", "mpeg4"),
        ("avi", "libmp3lame", "mpeg4"),
    ],
)
def test_the_sound_of_every_container_is_kept(tmp_path, extension, sound, video):
    fps = 25 if extension == "mpg" else 10
    clip = write_clip_with_tone(tmp_path / f"clip.{extension}", sound=sound, video=video, fps=fps)
    start = video_info(clip).start
    assert write(tmp_path / "out.mp4", clip, start=start) == "H.264, sound kept"
    codec, seconds, hertz = heard(tmp_path / "out.mp4")
    assert codec == ("mp3float" if sound == "libmp3lame" else "aac")
    assert seconds == pytest.approx(2.0, abs=0.15)
    assert hertz == pytest.approx(440, abs=3)
    assert video_info(tmp_path / "out.mp4").frames == 20
    assert {path.name for path in tmp_path.iterdir()} == {"out.mp4", clip.name}


@pytest.mark.parametrize(
    ("extension", "sound"), [("mkv", "aac"), ("mkv", "pcm_s16le"), ("ts", "aac"), ("webm", "libopus")]
)
def test_frames_keep_their_times_and_the_sound_stays_in_step_with_them(tmp_path, extension, sound):
    video = {"webm": "libvpx", "ts": "libx264"}.get(extension, "mpeg4")
    clip = write_clip_with_tone(tmp_path / f"clip.{extension}", 3.0, sound, video, tone_from=1.5, frames_from=0.5)
    uneven = [0, 0.1, 0.133, 0.5, 0.9, 1.0, 1.9, 2.0]
    with open_video(clip) as original, writing_video(tmp_path / "out.mp4", clip, original.info.start) as copy:
        for seconds in uneven:
            copy.add(FRAMES[0], seconds)
    assert [frame.seconds for frame in frames_of(tmp_path / "out.mp4")] == pytest.approx(uneven, abs=0.001)
    # A second after the first frame, as in the original; lossy codecs blur an onset.
    assert onset_of_tone(tmp_path / "out.mp4") == pytest.approx(1.0, abs=0.02)


def test_sound_beyond_the_last_frame_is_left_out(tmp_path):
    clip = write_clip_with_tone(tmp_path / "clip.mp4", seconds=6)
    write(tmp_path / "out.mp4", clip)
    assert heard(tmp_path / "out.mp4")[1] == pytest.approx(2.0, abs=0.15)


def test_a_video_without_sound_or_with_one_that_cannot_be_read_is_written_and_said(tmp_path):
    write(tmp_path / "silent.mp4")
    assert write(tmp_path / "out.mp4", tmp_path / "silent.mp4") == "H.264, no sound in the original"
    (tmp_path / "list.mp4").write_text("#EXTM3U\nsilent.mp4\n")
    assert write(tmp_path / "out2.mp4", tmp_path / "list.mp4") == "H.264, without the sound, which cannot be read"
    assert video_info(tmp_path / "out2.mp4").frames == 20


def test_the_index_is_at_the_front_so_that_playing_starts_before_the_end_arrives(tmp_path):
    write(tmp_path / "out.mp4")
    content = (tmp_path / "out.mp4").read_bytes()
    assert 0 < content.index(b"moov") < content.index(b"mdat")
    assert b"avc1" in content


@pytest.mark.parametrize(
    ("size_hw", "rate"), [((1, 1), 29.97), ((2, 300), 240.0), ((65, 49), 0.1), ((65, 49), 240.0), ((48, 1), 29.97)]
)
def test_any_size_and_rate_is_written(tmp_path, size_hw, rate):
    write(tmp_path / "out.mp4", frames=[np.full((*size_hw, 3), 90, np.uint8)] * 3, rate=rate)
    times = [frame.seconds for frame in frames_of(tmp_path / "out.mp4")]
    assert times == pytest.approx([0, 1 / rate, 2 / rate], abs=0.001)


@pytest.mark.parametrize("limit", [3_000, 60_000])
def test_a_disk_that_is_full_when_the_sound_is_added_is_one_error_and_leaves_nothing(tmp_path, limit):
    clip = write_clip_with_tone(tmp_path / "clip.mp4", seconds=4)
    random = np.random.default_rng(0)
    frames = [random.integers(0, 256, (96, 128, 3)).astype(np.uint8) for _ in range(20 if limit > 5_000 else 1)]
    with pytest.raises(DataError, match=r"cannot write .*out\.mp4.*free some space"), file_size_limit(limit):
        write(tmp_path / "out.mp4", clip, frames)
    assert {path.name for path in tmp_path.iterdir()} == {"clip.mp4"}


def test_where_x264_is_not_available_the_video_is_mpeg_4_with_its_sound(tmp_path, monkeypatch):
    monkeypatch.setattr("ampnet.results.video_writer.has_h264", lambda: False)
    clip = write_clip_with_tone(tmp_path / "clip.mp4")
    assert write(tmp_path / "out.mp4", clip) == "MPEG-4 Part 2, sound kept"
    assert b"mp4v" in (tmp_path / "out.mp4").read_bytes()
    assert [frame.seconds for frame in frames_of(tmp_path / "out.mp4")] == pytest.approx(
        [number / 10 for number in range(20)], abs=0.001
    )


@needs_browser
def test_a_browser_plays_it_with_sound(tmp_path):
    clip = write_clip_with_tone(tmp_path / "clip.avi", sound="pcm_s16le", video="mpeg4")
    folder = tmp_path / "page"
    folder.mkdir()
    write(folder / "out.mp4", clip)
    (folder / "page.html").write_text('<video id="v" src="out.mp4" preload="auto" muted></video>')
    with browser(tmp_path / "profile", "--autoplay-policy=no-user-gesture-required") as driver:
        driver.set_script_timeout(60)
        driver.get((folder / "page.html").as_uri())
        found = driver.execute_async_script(
            """const done = arguments[0], v = document.getElementById("v");
            const say = () => done({error: v.error && v.error.message, ready: v.readyState, seconds: v.duration,
                width: v.videoWidth, at: v.currentTime, sound: v.webkitAudioDecodedByteCount});
            v.onerror = say; v.onended = say; v.play().catch(say);"""
        )
    assert found["error"] is None
    assert found["ready"] >= 2
    assert found["seconds"] == pytest.approx(2.0, abs=0.1)
    assert found["at"] == pytest.approx(2.0, abs=0.1)
    assert found["width"] == 96
    assert found["sound"] > 0
    shutil.rmtree(tmp_path / "profile", ignore_errors=True)
