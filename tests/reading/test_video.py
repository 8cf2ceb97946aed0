"""Videos are read frame by frame in a process of their own, and whatever that meets concerns the one file."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from ampnet.errors import ImageError
from ampnet.reading.video import EXTENSIONS, Frame, is_video, open_video, video_info
from ampnet.reading.video_clock import Sampling
from tests.clips import CODECS, brightness, frames_of, write_clip, write_timed

pytestmark = pytest.mark.slow

PATIENCE = 600
"""Seconds until something that happens at once has surely happened, even on a busy machine."""


def is_running(process):
    """Whether a process exists and has not ended."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_for_end(process):
    deadline = time.monotonic() + PATIENCE
    while is_running(process):
        assert time.monotonic() < deadline, f"process {process} still runs"
        time.sleep(0.01)


def test_all_extensions_are_tested():
    assert {f".{extension}" for extension in CODECS} == EXTENSIONS
    assert is_video(Path("a/B.MP4"))
    assert not is_video(Path("mp4"))


@pytest.mark.parametrize("extension", CODECS)
def test_every_format_is_read_whole(tmp_path, extension):
    clip = write_clip(tmp_path / f"clip.{extension}")
    frames = frames_of(clip)
    assert [frame.number for frame in frames] == list(range(40))
    assert {frame.image.shape for frame in frames} == {(48, 64, 3)}
    apart = 0.041 if extension in ("mpg", "mpeg") else 0.001  # a time stamp is for all small frames of a packet
    assert [frame.seconds for frame in frames] == pytest.approx([number / 25 for number in range(40)], abs=apart)
    assert brightness(frames[30].image) - brightness(frames[10].image) == pytest.approx(40, abs=3)
    assert video_info(clip).seconds == pytest.approx(1.6, abs=0.1)


def test_frames_can_be_left_out(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4")
    whole = [brightness(frame.image) for frame in frames_of(clip)]
    assert [frame.number for frame in frames_of(clip, sampling=Sampling(15))] == [0, 15, 30]
    found = frames_of(clip, sampling=Sampling(10), after=10)
    assert [frame.number for frame in found] == [20, 30]
    assert [brightness(frame.image) for frame in found] == whole[20:40:10]
    everything = frames_of(clip, sampling=Sampling(15), is_all=True)
    assert [frame.number for frame in everything if frame.is_sampled] == [0, 15, 30]
    assert len(everything) == 40


def test_only_the_frames_between_two_times_are_given(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4")
    found = frames_of(clip, sampling=Sampling(first=0.5, last=0.7))
    assert [frame.number for frame in found] == [13, 14, 15, 16, 17]
    assert found[0].seconds == pytest.approx(0.52)
    cut = tmp_path / "cut.avi"
    cut.write_bytes(write_clip(tmp_path / "whole.avi").read_bytes()[:50_000])
    assert len(frames_of(cut, sampling=Sampling(last=0.4))) == 10  # the missing end does not matter


def test_colours_are_rgb(tmp_path):
    write_timed(tmp_path / "red.mp4", [0], [np.full((64, 64, 3), (255, 0, 0), np.uint8)])
    (frame,) = frames_of(tmp_path / "red.mp4")
    red, green, blue = frame.image.reshape(-1, 3).mean(axis=0)
    assert red > 200
    assert max(green, blue) < 50


@pytest.mark.parametrize(
    "name", [b"caf\xe9.mp4", b"caf\xc3\xa9 100%d.mp4", b"a\nb.mp4", b"x" * 250 + b".mp4", b"-i.mp4"]
)
def test_a_name_may_have_any_bytes(tmp_path, name):
    clip = tmp_path / os.fsdecode(name)
    shutil.copy(write_clip(tmp_path / "clip.mp4", frames=5), clip)
    assert len(frames_of(clip)) == 5


def make_pipe(path):
    os.mkfifo(path)


def make_socket(path):
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(path))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (make_pipe, "a pipe"),
        (make_socket, "No such device"),
        (lambda path: path.symlink_to("/dev/zero"), "a device"),
        (Path.mkdir, "a folder"),
        (lambda path: path.symlink_to(path), "symbolic links"),
        (lambda path: path.symlink_to("gone"), "No such file"),
        (lambda path: path.write_bytes(b""), "not a video"),
        (lambda path: path.write_text("milk, eggs"), "not a video"),
    ],
)
def test_what_is_no_video_is_refused_with_its_reason(tmp_path, monkeypatch, make, reason):
    monkeypatch.chdir(tmp_path)  # the name of a socket is short
    make(Path("clip.mp4"))
    with pytest.raises(ImageError, match=reason) as told:
        frames_of(Path("clip.mp4"))
    assert str(told.value).startswith("cannot read clip.mp4: ")


def test_a_playlist_that_calls_itself_a_video_opens_no_other_file(tmp_path):
    write_clip(tmp_path / "private.avi")
    (tmp_path / "list.avi").write_text("ffconcat version 1.0\nfile private.avi\n")
    (tmp_path / "stream.mp4").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nprivate.avi\n#EXT-X-ENDLIST\n")
    for name in ("list.avi", "stream.mp4"):
        with pytest.raises(ImageError, match="not a video"):
            frames_of(tmp_path / name)


@pytest.mark.parametrize("extension", CODECS)
def test_a_cut_video_is_an_error_after_its_last_frame(tmp_path, extension):
    data = write_clip(tmp_path / f"whole.{extension}", frames=100).read_bytes()
    for share in (0.1, 0.5):
        cut = tmp_path / f"cut.{extension}"
        inside = int(len(data) * share) // 2048 * 2048 + 777  # a stream that ends between two packets shows no cut
        cut.write_bytes(data[:inside])
        found: list[Frame] = []
        with pytest.raises(ImageError, match=r"cut short, after frame|not a video"), open_video(cut) as video:
            found.extend(video.frames())
        has_table_at_end = extension in ("mp4", "m4v", "mov")
        assert len(found) <= (0 if has_table_at_end else 100 * share) + 10


def test_a_frame_of_too_many_pixels_is_refused(tmp_path):
    write_timed(tmp_path / "wall.avi", [0], [np.zeros((6000, 6000, 3), np.uint8)], "mjpeg", pixels="yuvj420p")
    assert (tmp_path / "wall.avi").stat().st_size < 2e6
    with pytest.raises(ImageError, match="6000 x 6000 pixels a frame are more than"):
        frames_of(tmp_path / "wall.avi")


def test_frames_are_the_same_with_any_number_of_threads(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4")

    def decoded(threads):
        with open_video(clip, threads=threads) as video:
            return [frame.image.tobytes() for frame in video.frames()]

    assert decoded(1) == decoded(4)


def test_a_crash_of_the_decoder_is_an_error_of_that_video(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", size_wh=(640, 480))
    with open_video(clip) as video:
        frames = video.frames()
        assert next(frames).number == 0
        os.kill(video.process_id, signal.SIGSEGV)
        with pytest.raises(ImageError, match=r"clip\.mp4: its decoder crashed \(SIGSEGV\)"):
            list(frames)
    assert len(frames_of(clip)) == 40


def test_a_decoder_that_hangs_is_ended(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", size_wh=(640, 480))
    with open_video(clip, time_limit=PATIENCE) as video:
        frames = video.frames()
        next(frames)
        video.time_limit = 0.2
        os.kill(video.process_id, signal.SIGSTOP)
        with pytest.raises(ImageError, match=r"decoding it takes more than 0\.2 s"):
            list(frames)
    assert not is_running(video.process_id)


def test_a_reader_that_stops_early_leaves_no_process(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4")
    with open_video(clip) as video:
        next(video.frames())
    assert not is_running(video.process_id)


def test_the_decoder_ends_with_its_parent_even_if_that_is_killed(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", size_wh=(640, 480))
    code = (
        "import sys, time; from pathlib import Path; from ampnet.reading.video import open_video\n"
        "with open_video(Path(sys.argv[1])) as video:\n"
        "    print(video.process_id, flush=True)\n"
        "    time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, clip], stdout=subprocess.PIPE, text=True)
    decoder = int(parent.stdout.readline())
    assert is_running(decoder)
    parent.kill()
    parent.communicate()
    wait_for_end(decoder)


def test_the_decoder_loads_nothing_from_the_folder_that_it_runs_in(tmp_path, monkeypatch):
    clip = write_clip(tmp_path / "clip.mp4", frames=3)
    (tmp_path / "struct.py").write_text("raise SystemExit('a stranger')")
    (tmp_path / "av.py").write_text("raise SystemExit('a stranger')")
    (tmp_path / "json.py").write_text("raise SystemExit('a stranger')")
    monkeypatch.chdir(tmp_path)
    assert len(frames_of(clip)) == 3


def test_a_video_of_many_frames_stays_within_the_decoder_s_memory(tmp_path):
    grey = np.full((360, 640, 3), 90, np.uint8)
    clip = write_timed(tmp_path / "clip.mp4", [number / 25 for number in range(200)], [grey] * 200)
    assert len(frames_of(clip, threads=2)) == 200  # converters that pile up end at about 118
