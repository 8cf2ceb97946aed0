"""Areas and overlaps of boxes."""

import numpy as np
import pytest

from ampnet.faces.geometry import box_area, intersection_area, intersection_over_union


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
