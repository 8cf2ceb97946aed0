"""Drawings can be read on thumbnails and on large photos, and stay within them."""

import numpy as np
import pytest

from ampnet.media.drawing import Mark, annotate, color_of


def mark(x0, y0, x1, y1, label="anger", text="anger 91%"):
    points = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]])
    return Mark(np.array([x0, y0, x1, y1]), points * (x1 - x0, y1 - y0) + (x0, y0), label, text)


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


def test_a_picture_without_faces_is_unchanged():
    image = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    assert np.array_equal(annotate(image, []), image)


def test_a_class_always_has_the_same_colour():
    assert color_of("Überraschung") == color_of("Überraschung")
    assert len({color_of(name) for name in ("anger", "fear", "happiness", "sadness")}) == 4
