"""Warnings about faces, from boxes and landmarks worked out by hand."""

import numpy as np

from ampnet.detection.face import Face
from ampnet.faces.geometry import GENERIC_FACE
from ampnet.results.face_warnings import face_warnings, visible_share

SIZE_HW = (480, 640)


def face(x: float = 200, y: float = 200, side: float = 100, yaw: float = 0) -> Face:
    """A face whose head is turned by so many degrees."""
    cos, sin = np.cos(np.radians(yaw)), np.sin(np.radians(yaw))
    points = GENERIC_FACE @ np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]]).T
    box = np.array([x, y, x + side, y + side], dtype=np.float32)
    return Face(box, 0.9, (points[:, :2] * side / 150 + (x + side / 2, y + side / 3)).astype(np.float32))


def warnings(
    one: Face, blurriness: float = 0.4, scores: tuple[float, ...] = (0.9, 0.1), brightness: int = 170
) -> list[str]:
    named = dict(zip(("fear", "anger"), scores, strict=True))
    return face_warnings(one, visible_share(one, SIZE_HW), blurriness, brightness, named)


def test_a_large_frontal_face_within_the_photo_has_none():
    assert warnings(face()) == []


def test_a_face_of_less_than_half_the_pixels_of_training_is_small():
    assert warnings(face(side=20)) == ["small: 20 pixels"]


def test_a_head_turned_by_60_degrees_is_turned_away():
    for yaw in (-60, 60):
        assert warnings(face(yaw=yaw)) == ["turned away by about 60 degrees"]
    assert warnings(face(yaw=30)) == []


def test_a_face_with_a_fifth_of_its_box_outside_is_cut_by_the_edge():
    assert warnings(face(x=560)) == ["cut by the edge of the photo"]
    assert warnings(face(x=550)) == []  # a tenth


def test_landmarks_on_a_line_have_no_yaw_to_warn_of():
    line = Face(np.array([0, 0, 100, 100], dtype=np.float32), 0.9, np.tile(np.arange(5, dtype=np.float32)[:, None], 2))
    assert warnings(line) == []


def test_a_face_that_hardly_changes_when_it_is_blurred_again_is_blurred():
    assert warnings(face(), blurriness=0.6) == ["blurred"]
    assert warnings(face(), blurriness=0.5) == []
    assert warnings(face(side=20), blurriness=0.6) == ["small: 20 pixels"]  # as all small faces are


def test_a_lead_of_less_than_a_tenth_is_a_close_call_with_the_second_class():
    assert warnings(face(), scores=(0.54, 0.46)) == ["close call with anger"]
    assert warnings(face(), scores=(0.46, 0.54)) == ["close call with fear"]
    assert warnings(face(), scores=(0.56, 0.44)) == []


def test_a_model_of_one_class_has_no_close_calls():
    assert face_warnings(face(), 1.0, 0.4, 170, {"fear": 1.0}) == []


def test_a_face_of_little_light_is_dark():
    assert warnings(face(), brightness=79) == ["dark"]
    assert warnings(face(), brightness=80) == []
    assert warnings(face(side=20), brightness=60) == ["small: 20 pixels", "dark"]
