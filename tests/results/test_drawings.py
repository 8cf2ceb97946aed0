"""The annotated copy of a video shows the frames that were asked for, with their own faces and sound."""

import numpy as np
import pytest

from ampnet.reading.photo import Photo
from ampnet.reading.reader import QueuedPhoto
from ampnet.reading.sources import Source
from ampnet.results.drawings import Drawings
from ampnet.results.photo_result import PhotoResult
from ampnet.settings.labels import EXPRESSIONS
from tests.clips import frames_of
from tests.some_results import some_face
from tests.sound_clips import onset_of_tone, write_clip_with_tone

pytestmark = pytest.mark.slow

WALL = np.full((64, 96, 3), 90, np.uint8)


def draw(drawings, source, first, frames, faces=(), asked=lambda number: True):
    """Draw frames of a clip with 10 frames a second, as the reader gives them for `--from`."""
    for number in range(first, first + frames):
        shown = Photo.of_frame(source.path, WALL, number, number / 10)
        result = PhotoResult(shown, faces, EXPRESSIONS) if asked(number) else None
        drawings.add(QueuedPhoto(shown, source, is_sampled=asked(number)), result)


def test_a_copy_from_a_later_second_begins_there_with_the_sound_of_its_own_frames(tmp_path):
    clip = write_clip_with_tone(tmp_path / "clip.mp4", 6.0, tone_from=4.5)
    drawn = tmp_path / "drawn.mp4"
    source = Source(clip, drawn)
    with Drawings() as drawings:
        draw(drawings, source, first=30, frames=30)
    assert dict(drawings.videos) == {"H.264, sound kept": 1}
    seconds = [frame.seconds for frame in frames_of(drawn)]
    assert (seconds[0], seconds[-1]) == pytest.approx((0.0, 2.9), abs=0.001)
    assert onset_of_tone(drawn) == pytest.approx(1.5, abs=0.05)


def test_before_its_first_classified_frame_a_video_shows_no_faces_of_the_one_before(tmp_path):
    first, second = (
        Source(write_clip_with_tone(tmp_path / f"{name}.mp4", 0.5), tmp_path / f"{name}_drawn.mp4") for name in "ab"
    )
    with Drawings() as drawings:
        draw(drawings, first, first=0, frames=3, faces=[some_face()])
        draw(drawings, second, first=3, frames=3, asked=lambda number: number == 5)
    before, *_ = frames_of(tmp_path / "b_drawn.mp4")
    assert np.abs(before.image.astype(int) - 90).max() < 10
