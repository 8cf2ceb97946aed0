"""Watching a camera: a video file stands for the camera, and a recorder of what is shown for the window."""

import cv2
import numpy as np
import pytest

from ampnet.media.drawing import annotate
from ampnet.media.images import resize
from ampnet.media.video import read_frames
from ampnet.reading.image_files import read_image
from ampnet.recognition.predictor import Predictor
from ampnet.results.results import Predictions
from ampnet.settings.labels import EXPRESSIONS
from pipelines.camera import watch
from tests.prepared_faces import SAMPLES

FRAMES = 4


class Recorder:
    """A screen that keeps what is shown, and whose user presses q at one of the pictures."""

    def __init__(self, until: int = 1000):
        self.shown, self._until = [], until

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
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25.0, (320, 300))
    for _ in range(FRAMES):
        writer.write(np.ascontiguousarray(portrait[:, :, ::-1]))
    writer.release()
    return path


def test_each_frame_is_shown_with_its_faces_and_recorded(predictor, clip):
    screen, result = Recorder(), Predictions(EXPRESSIONS, clip)
    assert watch(predictor, read_frames(clip), screen, [result], "camera 0") is False  # the frames ended, not the user
    assert len(screen.shown) == FRAMES
    first = next(iter(read_frames(clip))).image
    (faces,) = predictor.find_faces([first])
    assert [face.label for face in faces] == ["happiness"]
    assert np.array_equal(screen.shown[0], annotate(first, [face.mark for face in faces]))
    (summary,) = result.listed
    assert (str(summary.path), summary.frames, summary.faces) == ("camera 0", FRAMES, FRAMES)


def test_the_user_ends_it_and_the_frame_that_was_shown_counts(predictor, clip):
    screen, result = Recorder(until=2), Predictions(EXPRESSIONS, clip)
    assert watch(predictor, read_frames(clip), screen, [result], "camera 0") is True
    assert len(screen.shown) == 2
    assert result.labels == {"happiness": 2}
