"""Second looks, implausible landmarks, and which face counts."""

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from ampnet.config import DetectorConfig
from ampnet.detection import Face, FaceDetector, choose_face, detect_with_retries
from ampnet.detection.landmark_filter import are_plausible_landmarks
from ampnet.detection.letterbox import LARGEST_LONG_SIDE
from ampnet.detection.multiscale import merge_passes
from ampnet.detection.retries import VIEWS, View, _agreeing, _Candidate, _support, show
from ampnet.faces.geometry import inverse, transform_points

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
    image = cv2.cvtColor(cv2.imread(str(SAMPLES / row["file"])), cv2.COLOR_BGR2RGB)
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


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_takes_points_where_its_picture_shows_them(view):
    image = np.zeros((90, 120, 3), np.uint8)
    image[60:66, 30:36] = 255  # its middle is (33, 63)
    canvas, matrix = show(image, View(view.side, view.canvas, view.turn))
    assert min(canvas.shape[:2]) >= view.canvas
    rows, columns = np.nonzero(canvas[:, :, 0] > 127)
    middle = np.array([columns.mean(), rows.mean()]) + 0.5
    np.testing.assert_allclose(middle, transform_points(np.array([33.0, 63.0]), matrix), atol=0.4)
    np.testing.assert_allclose(transform_points(middle, inverse(matrix)), [33, 63], atol=0.4)


@pytest.mark.parametrize(("degrees", "status"), [(40, "detected"), (90, "detected"), (120, "retried")])
def test_a_turned_face_is_found_with_its_landmarks_in_place(detector, degrees, status):
    image, truth = sample("id09_happiness_0.jpg")
    side = image.shape[0]
    matrix = cv2.getRotationMatrix2D((side / 2 - 0.5, side / 2 - 0.5), degrees, 1.0)
    turned_image = cv2.warpAffine(image, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE)
    expected = transform_points(truth - 0.5, matrix) + 0.5
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
    image = cv2.cvtColor(cv2.imread(str(SAMPLES / "group.jpg")), cv2.COLOR_BGR2RGB)
    (found,) = detect_with_retries(detector, [image], lowest_score=detector.config.score_threshold)
    assert len(found.faces) == len(rows)
    nearest = [int(np.linalg.norm(noses - face.landmarks[2], axis=1).argmin()) for face in found.faces]
    assert sorted(nearest) == list(range(len(rows)))


def test_a_face_that_fills_a_large_photo_is_one_face_in_its_place(detector):
    image, truth = sample("id04_neutral_0.jpg")
    x0, y0 = np.maximum(truth.min(axis=0) - 45, 0).astype(int)
    x1, y1 = (truth.max(axis=0) + 35).astype(int)
    close_up = cv2.resize(image[y0:y1, x0:x1], None, fx=12, fy=12, interpolation=cv2.INTER_CUBIC)
    assert max(close_up.shape) > LARGEST_LONG_SIDE
    (faces,) = detector.detect([close_up])
    assert len(faces) == 1
    error = np.linalg.norm(faces[0].landmarks - (truth - [x0, y0]) * 12, axis=1).mean()
    assert error < 0.1 * 12 * np.linalg.norm(truth[1] - truth[0])


def test_two_looks_give_large_faces_from_afar_and_small_ones_from_near():
    large, piece, child = face((0, 0, 900, 900), 0.9), face((300, 200, 600, 500), 0.99), face((880, 0, 980, 100), 0.8)
    in_front = face((100, 700, 200, 800), 0.7)  # small against the large face: someone else
    blurred_child = face((875, 5, 985, 105), 0.95)
    assert merge_passes([piece, child, in_front], [blurred_child, large], scale=1.0) == [large, child, in_front]


def test_a_face_of_middling_size_seen_in_both_looks_counts_once():
    near, afar = face((0, 0, 350, 350), 0.9), face((0, 0, 360, 360), 0.95)
    assert merge_passes([near], [afar], scale=1.0) == [near]


def test_a_large_face_that_the_overview_misses_is_kept():
    near = face((0, 0, 500, 500), 0.9)
    assert merge_passes([near], [], scale=1.0) == [near]


def candidate(points, confidence, view):
    return _Candidate(Face(BOX.astype(np.float32), confidence, points.astype(np.float32)), confidence, view)


def test_views_that_agree_add_up_and_each_counts_once():
    here, there = UPRIGHT, UPRIGHT + 200
    found = [
        candidate(here, 0.4, VIEWS[0]),
        candidate(here + 2, 0.3, VIEWS[0]),  # the same view again
        candidate(here - 2, 0.5, VIEWS[1]),
        candidate(there, 0.6, VIEWS[1]),
    ]
    best, second = _agreeing(found)
    assert _support(best) == pytest.approx(0.9)
    np.testing.assert_allclose(best[0].face.landmarks, here - 2)  # the surest of the group stands for it
    assert _support(second) == pytest.approx(0.6)


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
