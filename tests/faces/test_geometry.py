"""Areas and overlaps of boxes."""

import csv
from pathlib import Path

import numpy as np
import pytest

from ampnet.faces.alignment import align_face
from ampnet.faces.geometry import (
    GENERIC_FACE,
    PITCH,
    ROLL,
    YAW,
    box_area,
    estimate_pose,
    intersection_area,
    intersection_over_union,
)


def box(*edges):
    return np.array(edges, dtype=float)


def test_an_inverted_box_has_no_area():
    assert box_area(box(1, 2, 4, 7)) == 15
    assert box_area(box(4, 2, 1, 7)) == 0


@pytest.mark.parametrize(
    ("other", "shared", "overlap"),
    [
        ((0, 0, 10, 10), 100, 1.0),
        ((5, 0, 15, 10), 50, 50 / 150),
        ((2, 2, 4, 4), 4, 4 / 100),
        ((10, 0, 20, 10), 0, 0.0),  # they touch
        ((20, 20, 30, 30), 0, 0.0),
        ((5, 5, 5, 5), 0, 0.0),
    ],
)
def test_overlap_is_the_shared_area_over_the_union(other, shared, overlap):
    first = box(0, 0, 10, 10)
    assert intersection_area(first, box(*other)) == shared
    assert intersection_over_union(first, box(*other)) == pytest.approx(overlap)
    assert intersection_over_union(box(*other), first) == pytest.approx(overlap)


def test_two_boxes_without_area_do_not_overlap():
    assert intersection_over_union(box(3, 3, 3, 3), box(3, 3, 3, 3)) == 0.0


SAMPLES = Path(__file__).parents[1] / "samples"
POINTS = ("left_eye", "right_eye", "nose", "left_mouth", "right_mouth")


def turned(axis, degrees):
    """Project the generic face after turning its nose to the right, upwards, or its head clockwise."""
    x, y, z = GENERIC_FACE.T
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    seen = {YAW: (c * x - s * z, y), PITCH: (x, c * y + s * z), ROLL: (c * x - s * y, s * x + c * y)}[axis]
    return 100 + 1.3 * np.stack(seen, axis=1)


@pytest.mark.parametrize("axis", [YAW, PITCH, ROLL])
def test_the_generic_face_turned_by_a_known_angle_gives_that_angle(axis):
    for degrees in (-40, -10, 0, 25):
        expected = [0.0, 0.0, 0.0]
        expected[axis] = degrees
        assert estimate_pose(turned(axis, degrees)[None])[0] == pytest.approx(expected, abs=1e-6)


@pytest.fixture(scope="module")
def rendered():
    with (SAMPLES / "annotations.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    landmarks = np.array([[[float(row[f"{p}_x"]), float(row[f"{p}_y"])] for p in POINTS] for row in rows])
    return landmarks, np.array([[float(row[axis]) for axis in ("yaw", "pitch", "roll")] for row in rows])


def test_yaw_and_roll_of_rendered_heads_are_right_within_few_degrees_and_pitch_is_only_a_tendency(rendered):
    landmarks, truth = rendered
    estimate = estimate_pose(landmarks)
    errors = np.abs(estimate - truth).mean(axis=0)
    assert errors[YAW] < 3
    assert errors[ROLL] < 1.5
    assert errors[PITCH] < 11
    assert np.corrcoef(estimate[:, PITCH], truth[:, PITCH])[0, 1] > 0.4


def test_aligning_a_face_keeps_yaw_and_pitch_and_removes_roll(rendered):
    landmarks, truth = rendered
    rolled = int(np.abs(truth[:, 2]).argmax())
    face = align_face(np.zeros((256, 256, 3), dtype=np.uint8), landmarks[rolled])
    before, after = estimate_pose(np.stack([landmarks[rolled], face.landmarks]))
    assert after[:2] == pytest.approx(before[:2], abs=1e-6)
    assert abs(before[ROLL]) > 10
    assert abs(after[ROLL]) < 4


def test_landmarks_on_a_line_or_a_point_have_no_pose():
    line = np.stack([np.arange(5.0), np.arange(5.0)], axis=1)
    assert np.isnan(estimate_pose(np.stack([line, np.full((5, 2), 7.0)]))).all()
