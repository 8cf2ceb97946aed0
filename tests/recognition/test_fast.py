"""Every frame of a video gets the answer of full detection where most of its faces are followed."""

import numpy as np
import pytest

from ampnet import Predictor
from benchmarks.video_rate import compared, render
from tests.clips import write_timed

pytestmark = pytest.mark.slow
FRAMES, HEIGHT, WIDTH = 20, 816, 1451


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Two people who move, come nearer and smile, larger than the detector looks at."""
    images = [image[:, : WIDTH // 2 * 2] for image in render(FRAMES, HEIGHT)]
    return write_timed(tmp_path_factory.mktemp("clips") / "clip.mp4", [number / 30 for number in range(FRAMES)], images)


def test_fast_answers_are_those_of_full_detection_in_the_pixels_of_the_whole_frame(clip):
    pytest.importorskip("scipy")
    predictor = Predictor()
    expected = predictor.predict_many(clip, every=1)
    predictor.fast = True
    found = predictor.predict_many(clip, every=1, track=True, people=2)
    assert [one.frame for one in found] == list(range(FRAMES))
    assert {one.photo.size_hw for one in found} == {(HEIGHT, WIDTH // 2 * 2)}
    count, in_both, same, within = compared(expected, found)
    assert (count, in_both) == (2 * FRAMES, "100.0%")
    assert float(same[:-1]) >= 95  # one face that changes its expression a frame earlier or later
    assert within < 0.15
    for here, there in zip(found, expected, strict=True):
        assert {face.track for face in here} == {face.person for face in here} == {1, 2}
        for face in here:
            near = min(there, key=lambda other: float(np.abs(other.box - face.box).max()))
            assert np.abs(near.box - face.box).max() < 0.06 * (face.box[2] - face.box[0])
            assert np.abs(near.landmarks - face.landmarks).max() < 0.05 * (face.box[2] - face.box[0])
    assert found[7].plot().shape == (HEIGHT, WIDTH // 2 * 2, 3)  # decoded again, whole
