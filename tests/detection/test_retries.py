"""Retries, the filter of landmarks, the passes of large images, and which face counts."""

import csv
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import pytest

from ampnet.detection.any_size import AnySizeDetector
from ampnet.detection.detector import FaceDetector
from ampnet.detection.face import Face, are_plausible_landmarks, choose_face
from ampnet.detection.multiscale import MAX_LONG_SIDE, merge_passes
from ampnet.detection.retries import RETRY_SIDE, RETRY_TURNS, detect_with_retries, turn_image
from ampnet.faces.geometry import inverse, transform_points
from ampnet.settings import DetectorConfig
from tests.pictures import read_rgb

SAMPLES = Path(__file__).parents[1] / "samples"
UPRIGHT = np.array([[30, 40], [70, 40], [50, 60], [35, 80], [65, 80]], dtype=float)
BOX = np.array([10, 10, 90, 110], dtype=float)


@pytest.fixture(scope="module")
def detector():
    return FaceDetector()


def sample(name):
    """Read a rendered face and its true landmarks."""
    with (SAMPLES / "annotations.csv").open() as file:
        row = next(row for row in csv.DictReader(file) if row["file"].endswith(name))
    points = [
        (row[f"{part}_x"], row[f"{part}_y"]) for part in ("left_eye", "right_eye", "nose", "left_mouth", "right_mouth")
    ]
    image = read_rgb(SAMPLES / row["file"])
    return image, np.array(points, dtype=float)


def turned(points, degrees, centre=(50, 60)):
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return (points - centre) @ turn.T + centre


def moved_nose(down):
    return UPRIGHT + np.outer([0, 0, 1, 0, 0], [0, down])


def around(points):
    return np.concatenate([points.min(axis=0) - 20, points.max(axis=0) + 20])


@pytest.mark.parametrize("degrees", [-100, -45, 0, 45, 100])
def test_a_face_may_lie_on_its_side(degrees):
    face = turned(UPRIGHT, degrees)
    assert are_plausible_landmarks(around(face), face)


@pytest.mark.parametrize(
    ("fault", "landmarks"),
    [
        ("mouth above the eyes", turned(UPRIGHT, 180)),
        ("eyes changed places", UPRIGHT[[1, 0, 2, 3, 4]]),
        ("mouth corners changed places", UPRIGHT[[0, 1, 2, 4, 3]]),
        ("nose above the eyes", moved_nose(-40)),
        ("nose below the chin", moved_nose(40)),
        ("all in one heap", 50 + (UPRIGHT - 50) * 0.2),
        ("all in one place", np.full((5, 2), 50.0)),
        ("mouth outside the box", UPRIGHT + np.outer([0, 0, 0, 1, 1], [60, 0])),
    ],
)
def test_impossible_landmarks_are_no_face(fault, landmarks):
    assert are_plausible_landmarks(BOX, UPRIGHT)
    assert not are_plausible_landmarks(BOX, landmarks)


@pytest.mark.parametrize("box", [(10, 10, 10, 90), (90, 10, 10, 90)])
def test_a_box_without_area_is_no_face(box):
    assert not are_plausible_landmarks(np.array(box, dtype=float), UPRIGHT)


@pytest.mark.parametrize("degrees", [*RETRY_TURNS, 90.0])
def test_a_turned_image_shows_points_where_its_matrix_takes_them(degrees):
    image = np.zeros((90, 120, 3), np.uint8)
    image[60:66, 30:36] = 255  # its middle is (33, 63)
    canvas, matrix = turn_image(image, degrees)
    rows, columns = np.nonzero(canvas[:, :, 0] > 127)
    middle = np.array([columns.mean(), rows.mean()]) + 0.5
    np.testing.assert_allclose(middle, transform_points(np.array([33.0, 63.0]), matrix), atol=0.4)
    np.testing.assert_allclose(transform_points(middle, inverse(matrix)), [33, 63], atol=0.4)


def test_a_turned_image_loses_no_corner():
    canvas, matrix = turn_image(np.full((90, 120, 3), 255, np.uint8), 30.0)
    corners = transform_points(np.array([[0, 0], [120, 0], [0, 90], [120, 90]]), matrix)
    assert (corners >= -1e-6).all()
    assert (corners <= np.array(canvas.shape[1::-1]) + 1e-6).all()
    shown = (canvas[:, :, 0] > 127).sum()
    assert shown == pytest.approx(RETRY_SIDE * RETRY_SIDE * 90 / 120, rel=0.01)


def test_turning_by_plus_90_degrees_is_counter_clockwise():
    canvas, matrix = turn_image(np.zeros((60, 120, 3), np.uint8), 90.0)
    assert canvas.shape[:2] == (RETRY_SIDE, RETRY_SIDE // 2)
    np.testing.assert_allclose(transform_points(np.array([120.0, 0.0]), matrix), [0, 0], atol=1e-9)  # right goes up


@pytest.mark.parametrize(("degrees", "status"), [(40, "detected"), (90, "detected"), (120, "detected")])
def test_a_turned_face_is_found_with_its_landmarks_in_place(detector, degrees, status):
    image, truth = sample("id09_happiness_0.jpg")
    side = image.shape[0]
    matrix = cv2.getRotationMatrix2D((side / 2 - 0.5, side / 2 - 0.5), degrees, 1.0)
    turned_image = cv2.warpAffine(image, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE).astype(np.uint8)
    expected = transform_points(truth - 0.5, np.asarray(matrix, np.float64)) + 0.5
    (found,) = detect_with_retries(detector, [turned_image])
    assert found.status == status
    error = np.linalg.norm(found.faces[0].landmarks - expected, axis=1).mean()
    assert error < 0.12 * np.linalg.norm(truth[1] - truth[0])


def test_a_picture_without_a_face_stays_without(detector):
    noise = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    found = detect_with_retries(detector, [np.full((48, 48, 3), 90, np.uint8), noise, np.zeros((1, 1, 3), np.uint8)])
    assert [detection.status for detection in found] == ["none"] * 3
    assert all(detection.faces == () for detection in found)


def test_the_images_beside_it_change_nothing_for_an_image(detector):
    face, _ = sample("id09_happiness_0.jpg")
    lying = np.ascontiguousarray(np.rot90(face))
    blank = np.zeros((60, 80, 3), np.uint8)
    together = detect_with_retries(detector, [blank, face, lying, blank])
    alone = [detect_with_retries(detector, [image])[0] for image in (blank, face, lying, blank)]
    assert [item.status for item in together] == [item.status for item in alone]
    assert together[1].status == "detected"
    for one, other in zip(together, alone, strict=True):
        assert len(one.faces) == len(other.faces)
        for a, b in zip(one.faces, other.faces, strict=True):
            np.testing.assert_allclose(a.landmarks, b.landmarks, atol=1e-3)


def test_faces_below_the_least_size_do_not_count():
    image, _ = sample("id04_neutral_0.jpg")
    assert detect_with_retries(FaceDetector(), [image])[0].status == "detected"
    strict = FaceDetector(DetectorConfig(min_face=250))
    assert detect_with_retries(strict, [image])[0].status == "none"


def test_every_face_of_the_group_photo_is_found_once(detector):
    with (SAMPLES / "group.csv").open() as file:
        rows = list(csv.DictReader(file))
    noses = np.array([[float(row["nose_x"]), float(row["nose_y"])] for row in rows])
    image = read_rgb(SAMPLES / "group.jpg")
    (found,) = detect_with_retries(detector, [image])
    assert len(found.faces) == len(rows)
    nearest = [int(np.linalg.norm(noses - face.landmarks[2], axis=1).argmin()) for face in found.faces]
    assert sorted(nearest) == list(range(len(rows)))


def test_a_face_that_fills_a_large_photo_is_one_face_in_its_place(detector):
    image, truth = sample("id04_neutral_0.jpg")
    x0, y0 = np.maximum(truth.min(axis=0) - 45, 0).astype(int)
    x1, y1 = (truth.max(axis=0) + 35).astype(int)
    close_up = cv2.resize(image[y0:y1, x0:x1], None, fx=12, fy=12, interpolation=cv2.INTER_CUBIC)
    assert max(close_up.shape) > MAX_LONG_SIDE
    (faces,) = detector.detect([close_up])
    assert len(faces) == 1
    error = np.linalg.norm(faces[0].landmarks - (truth - [x0, y0]) * 12, axis=1).mean()
    assert error < 0.1 * 12 * np.linalg.norm(truth[1] - truth[0])


def test_large_faces_come_from_the_small_pass_and_small_ones_from_the_full_pass():
    large, piece, child = face((0, 0, 900, 900), 0.9), face((300, 200, 600, 500), 0.99), face((880, 0, 980, 100), 0.8)
    in_front = face((100, 700, 200, 800), 0.7)  # small against the large face: someone else
    blurred_child = face((875, 5, 985, 105), 0.95)
    assert merge_passes([piece, child, in_front], [blurred_child, large], scale=1.0) == [large, child, in_front]


def test_a_face_of_middling_size_found_in_both_passes_counts_once():
    full, small = face((0, 0, 350, 350), 0.9), face((0, 0, 360, 360), 0.95)
    assert merge_passes([full], [small], scale=1.0) == [full]


def test_a_large_face_that_the_small_pass_misses_is_kept():
    full = face((0, 0, 500, 500), 0.9)
    assert merge_passes([full], [], scale=1.0) == [full]


class ScriptedDetector:
    """Surely finds an upright face in each image of its n-th call with images, and nothing in any other call."""

    config = DetectorConfig()

    def __init__(self, finds_in_call):
        self.finds_in_call, self.calls = finds_in_call, []

    def detect(self, images, score_threshold=None, min_faces=None):
        self.calls += [len(images)] if images else []
        faces = [Face(BOX.astype(np.float32), 0.99, UPRIGHT.astype(np.float32))]
        return [faces if len(self.calls) == self.finds_in_call else [] for _ in images]

    def look(self, views):
        assert not views  # nothing is doubtful
        return []


@pytest.mark.parametrize(
    ("finds_in_call", "status", "calls"),
    [
        (1, "detected", [1]),
        (2, "retried", [1, 1, 1]),  # the last call is for the face that is steep once its image is turned back
        (3, "retried", [1, 1, 1, 1]),
        (4, "retried", [1, 1, 1, 1, 1, 1]),  # upside down, first smaller, then whole
        (5, "none", [1, 1, 1, 1]),
    ],
)
def test_the_first_pass_or_retry_that_finds_a_face_is_the_last(finds_in_call, status, calls):
    detector = ScriptedDetector(finds_in_call)
    (found,) = detect_with_retries(cast(AnySizeDetector, detector), [np.zeros((224, 224, 3), np.uint8)])
    assert found.status == status
    assert detector.calls == calls


def face(box, score):
    return Face(np.array(box, dtype=np.float32), score, np.zeros((5, 2), np.float32))


def test_policies_choose_by_visible_area_centre_score_or_keep_all():
    best = face((0, 0, 20, 20), 0.99)
    central = face((40, 40, 60, 60), 0.8)
    cut_off = face((80, 0, 180, 80), 0.9)  # 8000 square pixels, 1600 of them inside
    large = face((0, 40, 50, 90), 0.75)  # 2500, all inside
    faces = [best, cut_off, central, large]
    assert choose_face(faces, "best", (100, 100)) == [best]
    assert choose_face(faces, "centre", (100, 100)) == [central]
    assert choose_face(faces, "largest", (100, 100)) == [large]
    assert choose_face(faces, "all", (100, 100)) == faces
    assert choose_face([], "largest", (100, 100)) == []
