"""Faces that are followed between the frames that the detector looks at are where it would have found them."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from ampnet.detection import following
from ampnet.detection.detector import FaceDetector
from ampnet.detection.face import landmark_distance
from ampnet.detection.finder import FaceFinder
from ampnet.detection.following import FollowingFinder
from ampnet.reading.photo import Photo
from ampnet.settings import DetectorConfig
from tests.people_clips import SCENES


class Counting(FaceDetector):
    """Counts the images that it looks at."""

    looked = 0

    def look(self, views, *arguments, **options):
        self.looked += len(views)
        return super().look(views, *arguments, **options)


@pytest.fixture
def detector():
    return Counting(DetectorConfig())


def frames_of(images, rate=30):
    return [Photo.of_frame(Path("clip.mp4"), image, number, number / rate) for number, image in enumerate(images)]


def moved(image, number):
    """Move, turn and enlarge a picture a little further with each frame."""
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), 0.4 * number, 1 + 0.004 * number)
    matrix[:, 2] += (2.0 * number, 0.7 * number)
    return cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)


@pytest.fixture(scope="module")
def two_people():
    return next(iter(SCENES["two sit, and smile"]())).image


def test_moving_faces_are_followed_to_where_the_detector_finds_them(detector, two_people):
    photos = frames_of([moved(two_people, number) for number in range(19)])
    followed = FollowingFinder(detector).find(photos)
    looks = detector.looked
    expected = FaceFinder(detector).find(photos)
    assert looks <= 0.3 * (detector.looked - looks)
    for here, there in zip(followed, expected, strict=True):
        assert len(here.faces) == len(there.faces) == 2
        for face in here.faces:
            same = min(there.faces, key=lambda other: landmark_distance(face, other))
            assert landmark_distance(face, same) < 0.06
            assert np.abs(face.box - same.box).max() < 0.1 * same.side


def test_where_somebody_comes_or_the_camera_cuts_the_detector_looks(detector, two_people):
    empty = np.full_like(two_people, 120)
    images = [two_people] * 4 + [empty] * 9 + [two_people[:, ::-1].copy()] * 5
    found = FollowingFinder(detector).find(frames_of(images))
    assert [len(one.faces) for one in found] == [2] * 4 + [0] * 9 + [2] * 5
    mirrored = FaceFinder(detector).find(frames_of(images[-1:]))[0]
    for one in found[13:]:
        for face in mirrored.faces:
            assert min(landmark_distance(face, other) for other in one.faces) < 0.02


def test_movements_are_measured_in_each_frame_s_grey_which_is_made_once(detector, two_people, monkeypatch):
    made = []
    monkeypatch.setattr(following, "_grey", lambda photo, grey=following._grey: made.append(photo.frame) or grey(photo))
    images = [two_people] * 4 + [np.full_like(two_people, 120)] * 4 + [two_people[:, ::-1].copy()] * 5
    FollowingFinder(detector).find(frames_of(images))
    assert detector.looked > 3  # the stretch was halved
    assert made
    assert len({*made}) == len(made)


def test_photos_and_frames_that_are_far_apart_are_all_looked_at(detector, two_people):
    photos = [
        *frames_of([two_people] * 3, rate=3),
        Photo.of_file(Path(__file__).parents[1] / "samples" / "portrait.jpg"),
    ]
    found = FollowingFinder(detector).find(photos)
    assert [len(one.faces) for one in found] == [2, 2, 2, 1]
    assert detector.looked >= 4


def test_of_32_frames_at_the_usual_rates_the_detector_looks_at_three(two_people):
    for rate in (24, 25, 30):
        detector = Counting(DetectorConfig())
        small = cv2.resize(two_people, None, None, 0.5, 0.5)  # one view for each look
        assert [len(one.faces) for one in FollowingFinder(detector).find(frames_of([small] * 32, rate))] == [2] * 32
        assert detector.looked == 3


def test_the_face_that_is_more_certain_comes_first_in_each_frame(monkeypatch, detector, two_people):
    scores = {0: (0.95, 0.75), 6: (0.75, 0.95)}  # of the left and the right one; halfway, 0.85 each
    whole = FaceFinder.find

    def scored(self, photos, most=None):
        found = []
        for photo, one in zip(photos, whole(self, photos, most), strict=True):
            left_first = sorted(one.faces, key=lambda face: face.box[0])
            faces = [replace(face, score=score) for face, score in zip(left_first, scores[photo.frame], strict=True)]
            found.append(replace(one, faces=tuple(sorted(faces, key=lambda face: -face.score))))
        return found

    monkeypatch.setattr(FaceFinder, "find", scored)
    found = FollowingFinder(detector).find(frames_of([two_people] * 7, rate=12))
    assert [round(one.faces[0].score, 2) for one in found] == [0.95, 0.92, 0.88, 0.85, 0.88, 0.92, 0.95]
    assert [round(one.faces[1].score, 2) for one in found] == [0.75, 0.78, 0.82, 0.85, 0.82, 0.78, 0.75]
