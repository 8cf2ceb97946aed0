"""Drawings can be read on thumbnails and on large photos, and stay within them."""

from itertools import combinations

import numpy as np
import pytest

from ampnet.media.drawing import COLORS, UNSURE_COLOR, Mark, annotate, color_of, enlarged, ink_on, legible, place_tags
from tests.colour_vision import DEFICIENCIES, contrast, difference, rgb


def mark(x0, y0, x1, y1, label="anger", text="anger 91%", probability=None):
    points = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]])
    return Mark(np.array([x0, y0, x1, y1]), points * (x1 - x0, y1 - y0) + (x0, y0), label, text, True, probability)


def changed_rows(before, after):
    return np.flatnonzero((before != after).any(axis=(1, 2)))


@pytest.mark.parametrize("side", [60, 400, 3000])
def test_box_and_tag_grow_with_the_photo(side):
    image = np.full((side, side, 3), 200, np.uint8)
    drawn = annotate(image, [mark(side * 0.3, side * 0.4, side * 0.7, side * 0.9)])
    rows = changed_rows(image, drawn)
    assert rows.max() == pytest.approx(side * 0.9, abs=2)
    tag_height = side * 0.4 - rows.min()
    assert tag_height >= max(12, side / 40)
    assert (image == 200).all()  # the caller's picture stays as it was


def test_a_tag_without_room_above_goes_below_and_without_any_goes_inside():
    image = np.full((300, 300, 3), 200, np.uint8)
    below = annotate(image, [mark(50, 0, 150, 100)])
    assert changed_rows(image, below).max() > 105
    inside = annotate(image, [mark(0, 0, 299, 299)])
    within_the_box = changed_rows(image[8:60, 8:60], inside[8:60, 8:60])
    assert within_the_box.size > 3


@pytest.mark.parametrize("text", ["glücklich 80%", "страх 80%", "怒り 80%", "a very long name of a class " * 5, ""])
def test_any_text_is_drawn_even_beside_the_picture(text):
    image = np.full((90, 120, 3), 200, np.uint8)
    drawn = annotate(image, [mark(-20, -30, 200, 150, "my own class", text), mark(118, 88, 119, 89)])
    assert drawn.shape == image.shape
    assert (drawn != image).any()


def test_letters_that_the_font_lacks_are_their_numbers_so_that_classes_differ():
    assert legible("\N{CJK UNIFIED IDEOGRAPH-559C} 84%") == "\\u559c 84%"
    assert legible("fr\xf6hlich \N{CYRILLIC SMALL LETTER ZHE} 84%") == "fr\xf6hlich \N{CYRILLIC SMALL LETTER ZHE} 84%"
    box = np.array([20.0, 60, 180, 190])
    black, none = np.zeros((200, 200, 3), np.uint8), np.empty((0, 2))
    tags = [annotate(black, [Mark(box, none, "same", text)]) for text in "\u559c\u6012"]
    assert (tags[0] != tags[1]).any()


def test_a_picture_without_faces_is_unchanged():
    image = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    assert np.array_equal(annotate(image, []), image)


def test_a_class_always_has_the_same_colour():
    assert color_of("Überraschung") == color_of("Überraschung")
    assert len({color_of(name) for name in ("anger", "fear", "happiness", "sadness")}) == 4


def test_up_to_eight_classes_of_any_names_differ_in_colour_and_expressions_keep_theirs():
    own = ("cheerful", "joy", "other", "tense", "anger", "calm", "pain", "tired")
    assert color_of("joy") == color_of("other")  # by their names alone
    assert {color_of(name, own) for name in own} == set(COLORS.values())
    assert color_of("anger", own) == COLORS["anger"]
    box = np.array([20.0, 60, 180, 190])
    assert Mark(box, np.empty((0, 2)), "joy", "joy", class_names=own).scaled(2).color == color_of("joy", own)


@pytest.mark.parametrize("color", [*COLORS.values(), UNSURE_COLOR])
def test_text_on_every_colour_has_the_contrast_that_wcag_asks_for(color):
    assert contrast(rgb(color), rgb(ink_on(color))) >= 4.5


@pytest.mark.parametrize("vision", DEFICIENCIES)
def test_classes_differ_for_any_colour_vision(vision):
    colors = [rgb(color) for color in (*COLORS.values(), UNSURE_COLOR)]
    assert min(difference(*pair, vision) for pair in combinations(colors, 2)) > 12


def test_the_bar_is_as_long_as_the_probability():
    image = np.full((400, 400, 3), 200, np.uint8)
    face = (100, 150, 300, 350, "happiness", "happiness 50%")
    half, whole, none = (annotate(image, [mark(*face, probability)]) for probability in (0.5, 1.0, 0.0))
    filled = [(drawn == 0).all(axis=2).sum() for drawn in (none, half, whole)]
    assert filled[1] - filled[0] == pytest.approx((filled[2] - filled[0]) / 2, rel=0.1)
    assert filled[2] > filled[0] + 200


def test_a_thumbnail_is_enlarged_by_a_whole_factor_so_that_its_label_can_be_read():
    image = np.full((48, 48, 3), 200, np.uint8)
    large, (moved,) = enlarged(image, [mark(10, 12, 38, 44)])
    assert large.shape == (288, 288, 3)
    assert moved.box.tolist() == [60, 72, 228, 264]
    assert moved.landmarks == pytest.approx(mark(10, 12, 38, 44).landmarks * 6)
    drawn = annotate(large, [moved])
    assert moved.box[1] - changed_rows(large, drawn).min() > 14


@pytest.mark.parametrize("size_hw", [(256, 300), (2250, 4000), (1, 9000), (40, 2000)])
def test_a_picture_with_room_for_letters_keeps_its_size_and_none_grows_without_bounds(size_hw):
    image = np.zeros((*size_hw, 3), np.uint8)
    large, marks = enlarged(image, [])
    assert large.shape == image.shape
    assert marks == []


def test_a_label_on_48_pixels_keeps_its_percentage():
    image = np.full((48, 48, 3), 200, np.uint8)
    short = annotate(image, [mark(10, 20, 38, 44, "happiness", "happiness 98%")])
    other = annotate(image, [mark(10, 20, 38, 44, "happiness", "happiness 31%")])
    assert (short != other).any()


def test_labels_of_neighbours_hide_neither_each_other_nor_a_face_if_there_is_room():
    row = [mark(100 * i + 20, 100, 100 * i + 110, 200, text="happiness 98%") for i in range(4)]
    below = [mark(100 * i + 20, 202, 100 * i + 110, 290, text="happiness 98%") for i in range(4)]
    image = np.full((400, 460, 3), 200, np.uint8)
    drawn = annotate(image, [*row, *below])
    for number, one in enumerate((*row, *below)):
        without = annotate(image, [other for i, other in enumerate((*row, *below)) if i != number])
        assert (drawn != without).any(), one
    middle = drawn[230:260, 25:105]
    assert (middle != 200).any(axis=2).mean() < 0.3


def area(first, second):
    wide = min(first[2], second[2]) - max(first[0], second[0])
    high = min(first[3], second[3]) - max(first[1], second[1])
    return max(wide, 0) * max(high, 0)


def tags(boxes, size=(80, 20), picture_wh=(600, 400)):
    places = place_tags([size] * len(boxes), boxes, picture_wh)
    return [(x, y, x + size[0], y + size[1]) for x, y in places]


def test_alone_a_tag_is_above_then_below_then_within():
    assert tags([(100, 100, 160, 160)]) == [(100, 80, 180, 100)]
    assert tags([(100, 5, 160, 160)]) == [(100, 160, 180, 180)]
    (inside,) = tags([(0, 0, 599, 399)])
    assert inside[:2] == (0, 0)


def test_two_faces_side_by_side_get_tags_beside_each_other():
    boxes = [(100, 100, 150, 160), (152, 100, 202, 160)]
    one, two = tags(boxes)
    assert area(one, two) == 0
    assert not any(area(tag, box) for tag in (one, two) for box in boxes)


@pytest.mark.parametrize("columns", [3, 6])
def test_tags_in_a_crowd_never_cover_each_other(columns):
    boxes = [(95 * x + 10, 70 * y + 25, 95 * x + 50, 70 * y + 65) for y in range(5) for x in range(columns)]
    placed = tags(boxes)
    assert not any(area(one, two) for i, one in enumerate(placed) for two in placed[:i])


def test_every_tag_stays_inside_the_picture():
    random = np.random.default_rng(0)
    corners = random.uniform(-50, 600, (100, 2))
    boxes = [(x, y, x + 70, y + 90) for x, y in corners.tolist()]
    for x0, y0, x1, y1 in tags(boxes):
        assert min(x0, y0) >= 0
        assert x1 <= 600
        assert y1 <= 400
