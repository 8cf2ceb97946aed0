"""Watching a camera: a video file stands for the camera, and a recorder of what is shown for the window."""

from contextlib import nullcontext
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from ampnet.errors import UsageError
from ampnet.media.drawing import annotate
from ampnet.media.images import resize
from ampnet.reading.image_files import read_image
from ampnet.recognition.predictor import Predictor
from ampnet.results.results import Predictions
from ampnet.settings import PredictConfig
from ampnet.settings.labels import EXPRESSIONS
from ampnet.summary.faces_file import read_settings, settings_path
from pipelines.camera import run, watch
from tests.clips import frames_of, write_timed
from tests.prepared_faces import SAMPLES
from tests.small_checkpoint import small_checkpoint

FRAMES = 4


class Recorder:
    """A screen that keeps what is shown, and whose user presses q at one of the pictures."""

    def __init__(self, until: int = 1000):
        self.shown: list[Any] = []
        self._until = until

    def show(self, image):
        self.shown.append(image)
        return len(self.shown) < self._until


@pytest.fixture(scope="module")
def predictor():
    return Predictor()


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("camera") / "clip.avi"
    portrait = resize(read_image(SAMPLES / "portrait.jpg"), (300, 320))
    times = [number / 25 for number in range(FRAMES)]
    return write_timed(path, times, [portrait] * FRAMES, "mjpeg", Fraction(1, 25), "yuvj420p", 25)


def test_each_frame_is_shown_with_its_faces_and_recorded(predictor, clip):
    screen, result = Recorder(), Predictions(EXPRESSIONS, clip, "a@1234abcd")
    assert watch(predictor, frames_of(clip), screen, [result], "camera 0") is False  # the frames ended, not the user
    assert len(screen.shown) == FRAMES
    first = frames_of(clip)[0].image
    faces = predictor.predict(first)
    assert [face.label for face in faces] == ["happiness"]
    assert np.array_equal(screen.shown[0], annotate(first, [face.mark for face in faces], faces.model))
    (summary,) = result.listed
    assert (summary.name, summary.frames, summary.faces) == ("camera 0", FRAMES, FRAMES)


def test_the_user_ends_it_and_the_frame_that_was_shown_counts(predictor, clip):
    screen, result = Recorder(until=2), Predictions(EXPRESSIONS, clip, "a@1234abcd")
    assert watch(predictor, frames_of(clip), screen, [result], "camera 0") is True
    assert len(screen.shown) == 2
    assert result.labels == {"happiness": 2}


def test_a_camera_s_table_has_the_decimal_mark_and_the_settings_of_its_own_run(clip, tmp_path, monkeypatch):
    monkeypatch.setattr("pipelines.camera.require_display", lambda: None)
    monkeypatch.setattr("pipelines.camera.open_camera", lambda _: nullcontext(frames_of(clip)))
    monkeypatch.setattr("pipelines.camera.Window", Window)
    csv, model = tmp_path / "faces.csv", small_checkpoint(tmp_path / "mine")
    settings_path(csv).write_text('{"ampnet": "0.1", "model": "other", "sha256": "0", "rate": 6.0, "smooth": 2.0}')
    with pytest.raises(UsageError, match=r"faces\.csv\.json"):
        run(PredictConfig(camera=0, csv=csv, checkpoint=model, gpus=0), quiet=True)
    run(PredictConfig(camera=0, csv=csv, checkpoint=model, gpus=0, decimal=",", force=True), quiet=True)
    header, *rows = csv.read_text(encoding="utf-8-sig").splitlines()
    assert header.startswith("image;video;frame;seconds;")
    assert [row.split(";")[:4] for row in rows] == [
        ["camera 0", "camera 0", str(frame), seconds] for frame, seconds in enumerate(("0,0", "0,04", "0,08", "0,12"))
    ]
    settings = read_settings(csv)
    assert settings is not None
    assert (settings.model, settings.rate, settings.smooth) == ("mine", None, 0.0)


def test_the_rows_of_a_killed_run_are_to_be_renamed_as_nothing_resumes_them(tmp_path, monkeypatch):
    monkeypatch.setattr("pipelines.camera.require_display", lambda: None)
    left = tmp_path / "faces.csv.1a2b3c4d.partial"
    left.write_text("image\ncamera 0\n")
    with pytest.raises(UsageError, match=r"faces\.csv\.1a2b3c4d\.partial is what a run that was killed left"):
        run(PredictConfig(camera=0, csv=tmp_path / "faces.csv"), quiet=True)
    assert left.exists()


class Window(Recorder):
    """What `run` opens."""

    def __init__(self, title: str) -> None:
        super().__init__()

    def close(self) -> None:
        """Close it."""
