"""Faces keep their number from frame to frame, and their probabilities can be averaged over time."""

import math
from dataclasses import replace

import numpy as np
import pytest

from ampnet.results.timeline import MAX_POINTS, MAX_TRACKS, Timeline
from ampnet.results.tracking import FaceTracker
from tests.some_results import some_face

pytest.importorskip("scipy")


def numbers(faces):
    return [face.track for face in faces]


def test_faces_that_move_and_change_places_in_the_list_keep_their_numbers():
    tracker = FaceTracker()
    assert numbers(tracker.follow(0.0, [some_face(), some_face(shift=100)])) == [1, 2]
    assert numbers(tracker.follow(0.2, [some_face(shift=103), some_face(shift=4)])) == [2, 1]
    assert numbers(tracker.follow(0.4, [some_face(shift=8), some_face(shift=300), some_face(shift=106)])) == [1, 3, 2]


def test_a_face_that_was_away_for_a_moment_keeps_its_number_and_after_a_second_gets_a_new_one():
    tracker = FaceTracker()
    tracker.follow(0.0, [some_face()])
    assert numbers(tracker.follow(0.4, [])) == []
    assert numbers(tracker.follow(0.8, [some_face()])) == [1]
    assert numbers(tracker.follow(2.0, [some_face()])) == [2]


def test_a_face_elsewhere_is_another_one():
    tracker = FaceTracker()
    tracker.follow(0.0, [some_face()])
    assert numbers(tracker.follow(0.2, [some_face(shift=50)])) == [2]


def test_without_smoothing_the_answer_is_the_frames_own():
    tracker = FaceTracker()
    tracker.follow(0.0, [some_face("anger")])
    (face,) = tracker.follow(0.2, [some_face("fear")])
    assert (face.label, face.scores) == ("fear", some_face("fear").scores)


def test_smoothing_is_an_exponential_mean_of_the_past():
    tracker = FaceTracker(smooth=0.5)
    (first,) = tracker.follow(0.0, [some_face("anger")])
    assert first.scores == pytest.approx(some_face("anger").scores)
    (second,) = tracker.follow(0.25, [some_face("fear")])
    kept = math.exp(-0.5)
    assert second.scores["anger"] == pytest.approx(kept * 0.4 + (1 - kept) * 0.1)
    assert second.scores["fear"] == pytest.approx(kept * 0.1 + (1 - kept) * 0.4)
    assert (second.label, second.probability) == ("anger", second.scores["anger"])
    assert sum(second.scores.values()) == pytest.approx(1.0)


def test_a_timeline_stays_bounded_and_is_drawn():
    timeline = Timeline()
    face = some_face()
    for frame in range(2 * MAX_POINTS + 100):
        timeline.add(frame / 10, [replace(face, track=1)])
    for track in range(2, 3 * MAX_TRACKS):
        timeline.add(track / 10, [replace(face, track=track)])
    assert len(timeline._points) <= MAX_TRACKS
    assert len(timeline._points[1]) <= MAX_POINTS
    picture = timeline.plot("clip\x1b.mp4")
    assert picture.dtype == np.uint8
    assert picture.shape[2] == 3
    assert picture.std() > 10
