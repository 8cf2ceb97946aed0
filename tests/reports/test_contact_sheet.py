"""Contact sheets hold every picture, and cut what does not fit."""

import numpy as np

from ampnet.evaluation.differences import Shown
from ampnet.reports.contact_sheet import (
    GAP,
    HEADING,
    LINE,
    RIGHT,
    WRONG,
    Section,
    Tile,
    contact_sheet,
    difference_sheet,
)


def flat(grey):
    return np.full((20, 30, 3), grey, dtype=np.uint8)


def colors_of(sheet):
    return {tuple(color) for color in sheet.reshape(-1, 3).tolist()}


def test_every_picture_is_there_and_a_long_section_goes_on_in_the_next_row():
    sheet = contact_sheet([Section("seven", [Tile(flat(10 * number)) for number in range(7)])], columns=5, side=40)
    assert {(10 * number,) * 3 for number in range(7)} <= colors_of(sheet)
    assert sheet.shape == (HEADING + 2 * (40 + GAP) + GAP, 5 * (40 + GAP) + GAP, 3)


def test_a_section_without_pictures_is_a_heading_and_grey_pictures_are_shown():
    sheet = contact_sheet([Section("none", ()), Section("grey", [Tile(np.full((9, 9), 77, np.uint8))])], side=40)
    assert sheet.shape[0] == 2 * HEADING + 40 + GAP + GAP
    assert (77, 77, 77) in colors_of(sheet)


def test_lines_below_a_picture_have_their_place_and_stay_within_its_width():
    bare, lined = (
        contact_sheet([Section("", [Tile(flat(0), lines), Tile(flat(0))])], side=60)
        for lines in ((), (("x" * 200, "#ff0000"), ("two", "#0000ff")))
    )
    assert lined.shape[0] == bare.shape[0] + 2 * LINE
    red = np.argwhere((lined[..., 0].astype(int) - lined[..., 2]) > 100)
    assert red[:, 1].max() < GAP + 60
    assert red[:, 0].min() >= HEADING + 60


def test_of_differences_the_right_answer_is_green_and_the_wrong_one_red():
    shown = [Shown(0, "joy", "joy", "fear", True), Shown(1, "fear", "joy", "fear", False)]
    both = colors_of(difference_sheet([flat(1), flat(2)], shown, ("A", "B"), "A: one    B: other" * 20))
    one = colors_of(difference_sheet([flat(1)], shown[:1], ("A", "B"), ""))
    assert {(1, 1, 1), (2, 2, 2)} <= both
    for _, color in (RIGHT, WRONG):
        assert tuple(bytes.fromhex(color[1:])) in one
