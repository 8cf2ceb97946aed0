"""Warnings about faces, from boxes and landmarks worked out by hand."""

import numpy as np

from ampnet.detection.face import Face
from ampnet.faces.pose import GENERIC_FACE
from ampnet.prediction.face_warnings import face_warnings

SIZE_HW = (480, 640)


def face(x: float = 200, y: float = 200, side: float = 100, yaw: float = 0) -> Face:
    """A face whose head is turned by so many degrees."""
    cos, sin = np.cos(np.radians(yaw)), np.sin(np.radians(yaw))
    points = GENERIC_FACE @ np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]]).T
    box = np.array([x, y, x + side, y + side], dtype=np.float32)
    return Face(box, 0.9, (points[:, :2] * side / 150 + (x + side / 2, y + side / 3)).astype(np.float32))


def test_a_large_frontal_face_within_the_photo_has_none():
    assert face_warnings(face(), SIZE_HW) == []


def test_a_face_of_less_than_half_the_pixels_of_training_is_small():
    assert face_warnings(face(side=20), SIZE_HW) == ["small: 20 pixels"]


def test_a_head_turned_by_60_degrees_is_turned_away():
    for yaw in (-60, 60):
        assert face_warnings(face(yaw=yaw), SIZE_HW) == ["turned away by about 60 degrees"]
    assert face_warnings(face(yaw=30), SIZE_HW) == []


def test_a_face_with_a_fifth_of_its_box_outside_is_cut_by_the_edge():
    assert face_warnings(face(x=560), SIZE_HW) == ["cut by the edge of the photo"]
    assert face_warnings(face(x=550), SIZE_HW) == []  # a tenth
    assert face_warnings(face(x=560), None) == []


def test_landmarks_on_a_line_have_no_yaw_to_warn_of():
    line = Face(np.array([0, 0, 100, 100], dtype=np.float32), 0.9, np.tile(np.arange(5, dtype=np.float32)[:, None], 2))
    assert face_warnings(line, SIZE_HW) == []
