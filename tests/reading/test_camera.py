"""The latest frame of a capture (a video file here), and what is said where there is no camera or display."""

import sys

import cv2
import pytest

from ampnet.errors import DataError
from ampnet.reading.camera import LatestFrames, open_camera, require_display
from tests.clips import brightness, write_clip

NO_CAMERA = 97


@pytest.fixture
def frames(tmp_path):
    frames = LatestFrames(cv2.VideoCapture(str(write_clip(tmp_path / "clip.avi", frames=20, noise=0))))
    yield frames
    frames.close()


def test_who_is_slow_gets_the_latest_frame_and_no_older_one(frames):
    frames.join()
    (frame,) = frames
    assert frame.number == 19
    assert brightness(frame.image) == pytest.approx(38, abs=3)


def test_frames_come_in_order_each_at_most_once_up_to_the_last(frames):
    numbers = [frame.number for frame in frames]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] == 19


def test_a_camera_that_is_not_there_is_named():
    with pytest.raises(DataError, match=f"cannot open camera {NO_CAMERA}; check"), open_camera(NO_CAMERA):
        pass


@pytest.mark.skipif(sys.platform != "linux", reason="other systems always have a display")
def test_without_a_display_no_window_is_tried(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(DataError, match="there is no display"):
        require_display()


@pytest.mark.skipif(sys.platform != "linux", reason="DISPLAY is of X11")
def test_a_display_that_does_not_answer_is_an_error_and_does_not_end_the_process(monkeypatch):
    monkeypatch.setenv("DISPLAY", ":9753")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(DataError, match="cannot open a window"):
        require_display()
