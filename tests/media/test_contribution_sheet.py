"""The picture of an explanation can be read whatever the photo's size, and its colours say what the numbers say."""

import numpy as np
import pytest

from ampnet.media.contribution_sheet import AGAINST, FOR, MAX_FACES, NEUTRAL, ExplainedFace, draw_sheet, shade
from tests.colour_vision import DEFICIENCIES, difference

FRAME = np.full((224, 224, 3), 128, np.uint8)
BOXES = [
    {"left": np.array([0.0, 0, 112, 112]), "right": np.array([112.0, 0, 224, 112])},
    {"mouth": np.array([40.0, 150, 100, 200]), "empty": np.array([50.0, 50, 50, 90])},
]


def face(left=2.0, right=-2.0, mouth=0.0):
    added = {"left": left, "right": right, "mouth": mouth, "empty": 0.0, "whole face": 5.0}
    return ExplainedFace(FRAME, BOXES, added, "happiness 98%")


def colours(picture, x, y):
    """Return the colour at a place of the first panel, in pixels of the frame."""
    return picture[34 + y * 280 // 224, 16 + x * 280 // 224].astype(int)


def test_a_region_that_spoke_for_the_answer_is_orange_and_one_against_purple():
    picture = draw_sheet([face()])
    assert (colours(picture, 20, 20) - colours(picture, 200, 20))[0] > 50
    assert (colours(picture, 20, 20) - colours(picture, 200, 20))[2] < -50
    grey = colours(picture, 20, 200)
    assert np.ptp(grey) == 0


def test_the_colours_reach_from_one_end_over_the_middle_to_the_other():
    assert (shade(3.0, 3.0), shade(0.0, 3.0), shade(-3.0, 3.0)) == (FOR, NEUTRAL, AGAINST)
    assert shade(9.0, 3.0) == FOR


@pytest.mark.parametrize("vision", DEFICIENCIES)
def test_both_ends_differ_for_any_colour_vision(vision):
    assert difference(FOR, AGAINST, vision) > 30
    assert min(difference(FOR, NEUTRAL, vision), difference(AGAINST, NEUTRAL, vision)) > 30


def test_its_size_depends_on_the_number_of_faces_only_and_stays_bounded():
    one, three = draw_sheet([face()]), draw_sheet([face()] * 3)
    assert one.shape[1] == three.shape[1]
    assert one.shape[0] < three.shape[0] < 3 * one.shape[0]
    many = draw_sheet([face()] * 1000)
    assert many.shape == draw_sheet([face()] * MAX_FACES).shape
    assert (many != draw_sheet([face()] * MAX_FACES)).any()  # it says that there are more


def test_faces_whose_regions_added_nothing_are_drawn():
    assert draw_sheet([face(0.0, 0.0, 0.0)]).ndim == 3
