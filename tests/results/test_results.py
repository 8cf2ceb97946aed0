"""What a run has found is kept in bounded memory: the first files in full, all of them in numbers."""

from pathlib import Path

import pytest

from ampnet.results.results import MAX_LISTED, Predictions, VideoSummary
from ampnet.settings.labels import EXPRESSIONS
from tests.some_results import frame, photo


@pytest.fixture
def found():
    return Predictions(EXPRESSIONS, Path("a.pt"), "a@1234abcd")


def test_the_first_files_are_listed_and_all_are_counted(found):
    for number in range(MAX_LISTED + 50):
        found.add(photo(f"{number}.jpg", faces=2))
    assert [entry.name for entry in found.listed] == [f"{number}.jpg" for number in range(MAX_LISTED)]
    assert found.files == MAX_LISTED + 50
    assert found.labels == {"happiness": 2 * (MAX_LISTED + 50)}


def test_a_video_is_one_entry_however_long_it_is(found):
    for number in range(10_000):
        found.add(frame("clip.mp4", number, faces=number % 2))
    (video,) = found.listed
    assert isinstance(video, VideoSummary)
    assert (video.frames, video.frames_with_faces, video.faces) == (10_000, 5_000, 5_000)
    assert video.mean_scores() == pytest.approx({name: 0.4 if name == "happiness" else 0.1 for name in EXPRESSIONS})


def test_a_video_given_twice_and_what_breaks_one_off_are_entries_of_their_own(found):
    for result in (frame("a.mp4", 0), frame("a.mp4", 5), frame("a.mp4", 0), photo("a.mp4", 0, "it breaks off")):
        found.add(result)
    assert [getattr(entry, "frames", None) for entry in found.listed] == [2, 1, None]
    assert found.problems == ["it breaks off"]


def test_the_first_problems_are_told_and_the_others_are_counted(found):
    for number in range(MAX_LISTED + 7):
        found.add(photo(f"{number}.jpg", 0, f"cannot read {number}.jpg"))
    assert len(found.problems) == MAX_LISTED
    assert found.unlisted_problems == 7
    assert found.all_problems() == [*found.problems, "7 further inputs cannot be read"]
