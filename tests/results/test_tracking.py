"""Faces keep their number from frame to frame, and their probabilities can be averaged over time."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ampnet.reading.contents import PixelContent
from ampnet.reading.photo import Photo
from ampnet.reading.sources import Source
from ampnet.results import tracking
from ampnet.results.people import appearance
from ampnet.results.photo_result import PhotoResult
from ampnet.results.timeline import MAX_POINTS, MAX_TRACKS, Timeline
from ampnet.results.tracking import FaceTracker, Tracking
from ampnet.settings.labels import EXPRESSIONS
from tests.people_clips import SCENES, count, faces_of
from tests.some_results import some_face

pytest.importorskip("scipy")


WALL = np.full((400, 400, 3), 120, np.uint8)


def follow(tracker, seconds, faces):
    return tracker.follow(seconds, faces, WALL)


def numbers(faces):
    return [face.track for face in faces]


def test_faces_that_move_and_change_places_in_the_list_keep_their_numbers():
    tracker = FaceTracker()
    assert numbers(follow(tracker, 0.0, [some_face(), some_face(shift=100)])) == [1, 2]
    assert numbers(follow(tracker, 0.2, [some_face(shift=103), some_face(shift=4)])) == [2, 1]
    assert numbers(follow(tracker, 0.4, [some_face(shift=8), some_face(shift=300), some_face(shift=106)])) == [1, 3, 2]


def test_a_face_that_was_away_for_a_moment_keeps_its_number_and_after_longer_gets_a_new_one():
    tracker = FaceTracker()
    follow(tracker, 60.0, [some_face()])
    assert numbers(follow(tracker, 60.4, [])) == []
    assert numbers(follow(tracker, 62.0, [some_face()])) == [1]
    assert numbers(follow(tracker, 64.6, [some_face()])) == [2]


def test_a_face_elsewhere_is_another_one():
    tracker = FaceTracker()
    follow(tracker, 0.0, [some_face()])
    assert numbers(follow(tracker, 0.2, [some_face(shift=11)])) == [2]  # 9 x 9 px of 719 in common


def test_a_face_in_another_picture_is_another_one():
    tracker = FaceTracker()
    follow(tracker, 0.0, [some_face()])
    (face,) = tracker.follow(0.2, [some_face()], WALL // 4)
    assert face.track == 2


def test_a_face_that_moves_is_expected_further_on_for_a_moment():
    tracker = FaceTracker()
    follow(tracker, 60.0, [some_face()])
    follow(tracker, 60.05, [some_face(shift=8)])  # 160 px a second, of which half counts
    assert numbers(follow(tracker, 60.25, [some_face(shift=24)])) == [1]  # 8 + 80 * 0.2
    assert numbers(follow(tracker, 62.25, [some_face(shift=80)])) == [1]  # 24 + 80 * 0.7


def test_a_face_of_a_crowd_is_compared_only_with_those_that_it_meets(monkeypatch):
    compared = []
    monkeypatch.setattr(tracking, "likeness", lambda one, other: compared.append(1) or float(one @ other))
    tracker = FaceTracker()
    crowd = [some_face(shift=22 * place) for place in range(15)]  # 2 px between faces of 20 px
    follow(tracker, 0.0, crowd)
    assert numbers(follow(tracker, 0.2, crowd)) == list(range(1, 16))
    assert len(compared) == 15


def test_without_smoothing_the_answer_is_the_frames_own():
    tracker = FaceTracker()
    follow(tracker, 0.0, [some_face("anger")])
    (face,) = follow(tracker, 0.2, [some_face("fear")])
    assert (face.label, face.scores) == ("fear", some_face("fear").scores)


def test_smoothing_is_an_exponential_mean_of_the_past():
    tracker = FaceTracker(smooth=0.5)
    (first,) = follow(tracker, 0.0, [some_face("anger")])
    assert first.scores == pytest.approx(some_face("anger").scores)
    (second,) = follow(tracker, 0.25, [some_face("fear")])
    kept = math.exp(-0.5)
    assert second.scores["anger"] == pytest.approx(kept * 0.4 + (1 - kept) * 0.1)
    assert second.scores["fear"] == pytest.approx(kept * 0.1 + (1 - kept) * 0.4)
    assert (second.label, second.probability) == ("anger", second.scores["anger"])
    assert sum(second.scores.values()) == pytest.approx(1.0)


def test_each_video_is_followed_on_its_own_and_a_photo_stays_as_it_is():
    def numbered(source, shown, *faces):
        result = PhotoResult(shown, faces, EXPRESSIONS)
        following.take(source, result)
        return numbers(result)

    def moment(seconds):
        return Photo.of_frame(Path("clip.mp4"), WALL[::2, ::2], 0, seconds, size_hw=(400, 400))

    following = Tracking(smooth=0.0)
    one, other, photo = (Source(name) for name in ("one.mp4", "other.mp4", "photo.jpg"))
    assert numbered(one, moment(0.0), some_face(), some_face(shift=300)) == [1, 2]
    assert numbered(one, moment(0.2), some_face(shift=300)) == [2]
    assert numbered(other, moment(0.4), some_face(shift=300)) == [1]
    assert numbered(photo, Photo("photo.jpg", PixelContent(WALL)), some_face()) == [None]


@pytest.mark.parametrize("smooth", [0.0, 0.5])
def test_only_scores_of_several_frames_are_said_to_be_averaged(smooth):
    result = PhotoResult(Photo("clip.mp4", PixelContent(WALL), frame=0, seconds=0.0), [some_face()], EXPRESSIONS)
    Tracking(smooth).take(Source("clip.mp4"), result)
    assert result.is_averaged == (smooth > 0)


def test_a_timeline_stays_bounded_and_is_drawn():
    timeline = Timeline()
    face = some_face()
    for frame in range(2 * MAX_POINTS + 100):
        timeline.add(frame / 10, [replace(face, track=1)])
    for track in range(2, 3 * MAX_TRACKS):
        timeline.add(track / 10, [replace(face, track=track)])
    assert len(timeline._lines) <= MAX_TRACKS
    assert len(timeline._lines[1].points) <= MAX_POINTS
    picture = timeline.plot("clip\x1b.mp4")
    assert picture.dtype == np.uint8
    assert picture.shape[2] == 3
    assert picture.std() > 10


def test_the_timeline_of_a_long_video_is_drawn_from_its_beginning():
    timeline = Timeline()
    for frame in range(3 * MAX_POINTS):
        timeline.add(frame / 6, [replace(some_face(), track=1)])
    picture = timeline.plot("clip.mp4").astype(int)
    coloured = np.flatnonzero(np.ptp(picture, axis=2).max(axis=0) > 60)
    assert coloured[0] < picture.shape[1] / 8


def test_the_timeline_shows_who_was_in_view_most_often(monkeypatch):
    monkeypatch.setattr("ampnet.results.timeline.MAX_SHOWN", 1)
    timeline = Timeline()
    for frame in range(MAX_POINTS + 2):  # more than are kept one by one
        timeline.add(frame / 6, [replace(some_face(), track=track) for track in (1, 2)[: 1 + (frame % 3 > 0)]])
    figures = []
    monkeypatch.setattr("matplotlib.axes.Axes.set_ylabel", lambda self, text: figures.append(text))
    timeline.plot("clip.mp4")
    assert figures == ["face 1"]


SWITCHES = {  # of tracks alone: an absence of more than 2.5 s and every cut begin a new one
    "one is away for 10 s": 1,
    "both are away, then sit as before": 2,
    "cuts to one, and back": 10,
    "three, with cuts": 13,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SCENES)
def test_people_keep_their_numbers_over_absences_crossings_and_cuts(name):
    moments = list(SCENES[name]())
    known = {person for moment in moments for person in moment.boxes}
    tracker = FaceTracker(people=len(known))
    tracks, people = [], []
    for moment in moments:
        names, faces = faces_of(moment)
        found = tracker.follow(moment.seconds, faces, moment.image)
        tracks += [(who, face.track) for who, face in zip(names, found, strict=True)]
        people += [(who, face.person) for who, face in zip(names, found, strict=True)]
    assert (count(people).switches, count(people).numbers) == (0, len(known))
    assert count(tracks).switches <= SWITCHES.get(name, 0)


def test_more_faces_than_people_get_no_person():
    tracker = FaceTracker(people=1)
    first, second = follow(tracker, 0.0, [some_face(), some_face(shift=100)])
    assert sorted([first.person or 0, second.person or 0]) == [0, 1]


def test_a_track_that_is_no_person_s_is_not_drawn_as_the_person_with_its_number():
    drawn = [replace(some_face(), track=track, person=person).mark.text for track, person in ((4, 2), (2, None))]
    assert drawn == ["P2 happiness 40%", "#2 happiness 40%"]
    assert some_face().mark.text == "happiness 40%"


def test_a_person_who_was_not_found_for_a_moment_is_not_the_one_beside_them_afterwards():
    tracker = FaceTracker(people=1)
    one, other = some_face(), some_face(shift=100)
    found = [follow(tracker, moment / 5, faces) for moment, faces in enumerate([[one, other], [other], [one, other]])]
    assert [[face.person for face in faces] for faces in (found[0], found[2])] == [[1, None], [1, None]]


def test_after_an_absence_people_who_look_alike_are_told_by_their_places():
    tracker = FaceTracker(people=2)
    follow(tracker, 0.0, [some_face(), some_face(shift=100)])
    back = follow(tracker, 10.0, [some_face(shift=95), some_face(shift=5)])
    assert [(face.track, face.person) for face in back] == [(3, 2), (4, 1)]


@pytest.mark.parametrize(("image", "people", "person"), [(WALL, 2, 1), (WALL // 4, 2, 2), (WALL // 4, 1, 1)])
def test_after_an_absence_a_face_in_another_picture_is_a_new_person_if_there_may_be_more(image, people, person):
    tracker = FaceTracker(people=people)
    follow(tracker, 0.0, [some_face()])
    (face,) = tracker.follow(10.0, [some_face()], image)
    assert face.person == person


def test_a_face_outside_the_frame_looks_like_nothing():
    assert not appearance(WALL, np.array([500.0, 20.0, 520.0, 40.0])).any()
