"""Brightness: what the lighter parts of a face show."""

import numpy as np

from ampnet.faces.brightness import brightness


def test_a_tenth_of_the_middle_is_brighter():
    grey = np.full((100, 100), 40, dtype=np.uint8)
    grey[:10] = 255  # the edge does not count
    grey[10:18] = 200  # 8 of 80 rows
    assert brightness(grey) == 40
    grey[18] = 200
    assert brightness(grey) == 200


def test_a_grey_face_is_as_bright_as_the_same_in_colour():
    grey = np.random.default_rng(0).integers(0, 256, (224, 224), dtype=np.uint8)
    assert brightness(np.dstack([grey] * 3)) == brightness(grey)


def test_black_and_white_are_the_ends():
    assert brightness(np.zeros((224, 224, 3), dtype=np.uint8)) == 0
    assert brightness(np.full((224, 224, 3), 255, dtype=np.uint8)) == 255
