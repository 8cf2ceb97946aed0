"""A video that is written appears whole and checked, or not at all."""

import os
import signal
from contextlib import closing

import numpy as np
import pytest

from ampnet.errors import DataError
from ampnet.results import video_writer
from tests.clips import brightness, frames_of, write_frames
from tests.interrupts import interrupted_at_each_line
from tests.limits import file_size_limit

pytestmark = pytest.mark.slow


def grey(level, size_hw=(48, 64)):
    return np.full((*size_hw, 3), level, np.uint8)


def noise(frames):
    random = np.random.default_rng(0)
    return [random.integers(0, 256, (96, 128, 3)).astype(np.uint8) for _ in range(frames)]


@pytest.mark.parametrize("name", [b"clip.mp4", b"caf\xe9.mp4", b"a\nb%d.mp4", b"x" * 246 + b".mp4"])
def test_a_video_is_read_back_as_it_was_written(tmp_path, name):
    path = tmp_path / os.fsdecode(name)
    write_frames(path, [grey(10 * number) for number in range(20)])
    frames = frames_of(path)
    assert [round(brightness(frame.image), -1) for frame in frames] == [10 * number for number in range(20)]
    assert frames[15].seconds == pytest.approx(1.5)
    assert list(tmp_path.iterdir()) == [path]


def test_odd_sides_lose_a_row_and_frames_of_another_size_are_resized(tmp_path):
    write_frames(tmp_path / "clip.mp4", [grey(50, (49, 65)), grey(50, (20, 30)), grey(50, (98, 130))])
    assert [frame.image.shape for frame in frames_of(tmp_path / "clip.mp4")] == [(48, 64, 3)] * 3


@pytest.mark.parametrize("limit", [0, 2_000, 30_000])
def test_a_full_disk_is_one_error_and_leaves_nothing(tmp_path, limit, capfd):
    with pytest.raises(DataError, match=r"cannot write .*clip\.mp4.*free some space"), file_size_limit(limit):
        write_frames(tmp_path / "clip.mp4", noise(20))
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


def test_a_full_disk_keeps_the_video_that_was_there(tmp_path):
    write_frames(tmp_path / "clip.mp4", [grey(50)] * 3)
    before = (tmp_path / "clip.mp4").read_bytes()
    with pytest.raises(DataError), file_size_limit(2_000):
        write_frames(tmp_path / "clip.mp4", noise(20))
    assert (tmp_path / "clip.mp4").read_bytes() == before


def test_an_interruption_leaves_nothing(tmp_path):
    def interrupted_frames():
        yield grey(50)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_frames(tmp_path / "clip.mp4", interrupted_frames())
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def interruptible():
    """What Python does at Ctrl-C, though a shell that starts tests in the background turns it off."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("number", [0, 2])
def test_ctrl_c_in_the_middle_of_a_write_is_not_lost(tmp_path, monkeypatch, number):
    write, calls = video_writer._File.write, iter(range(1000))

    def interrupted(self, data):
        if next(calls) == number:
            os.kill(os.getpid(), signal.SIGINT)
        return write(self, data)

    monkeypatch.setattr(video_writer._File, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_frames(tmp_path / "clip.mp4", noise(40))
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_between_any_two_lines_of_the_writer_is_ctrl_c(tmp_path):
    def work():
        (tmp_path / "clip.mp4").touch()
        writer = video_writer.VideoWriter(tmp_path / "clip.mp4", tmp_path / "clip.mp4")
        with closing(writer), closing(writer):  # the first one may itself be interrupted
            writer.add(grey(50), 0.0)
            writer.add(grey(60), 0.1)

    ends = dict(interrupted_at_each_line(video_writer, work))
    assert len(ends) > 30
    assert {line: error for line, error in ends.items() if not isinstance(error, KeyboardInterrupt)} == {}
