"""Tags go where they hide neither each other nor the faces."""

import numpy as np
import pytest

from ampnet.media.tag_places import place_tags


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
