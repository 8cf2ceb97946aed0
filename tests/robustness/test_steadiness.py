"""Rates of changed labels and probabilities, for a path whose answers are known."""

import numpy as np
import pytest

from ampnet.robustness.steadiness import (
    CHANGES,
    LANDMARKS,
    Answer,
    brightened,
    measure_steadiness,
    moved,
    saved_as_jpeg,
    scaled,
    with_contrast,
)

PHOTO = np.arange(10 * 12 * 3, dtype=np.uint8).reshape(10, 12, 3)


def answer(first, side=100.0):
    return Answer(np.array([first, 1 - first]), np.full((5, 2), 50.0), side)


def test_labels_and_probabilities_are_compared_with_those_of_the_photo_itself():
    # Two photos: the first one's label changes when it is made brighter, from 0.6 to 0.4; all else moves by 0.1.
    def answers(photos):
        assert len(photos) == 1 + len(CHANGES)
        firsts = [0.6] + [0.4 if change.name == "brighter" else 0.7 for change in CHANGES]
        return [answer(first) for first in firsts]

    found = measure_steadiness([PHOTO], answers, lambda *_: np.array([0.9, 0.1]))
    rows = {row.name: row for row in found.rows}
    assert rows["brighter"].changed == 1
    assert rows["brighter"].moved == pytest.approx(0.2)
    assert rows["dark"].changed == 0
    assert rows["dark"].moved == pytest.approx(0.1)
    assert rows[LANDMARKS].moved == pytest.approx(0.3)
    assert found.mean_of_slight() == (pytest.approx(1 / 6), pytest.approx((0.2 + 5 * 0.1) / 6))


def test_a_photo_without_a_face_is_left_out_and_a_face_that_is_lost_is_counted():
    def answers(photos):
        if photos[0].max() == 0:
            return [None] * len(photos)
        return [answer(0.8)] + [None if change.name == "dark" else answer(0.8) for change in CHANGES]

    found = measure_steadiness([PHOTO, np.zeros_like(PHOTO)], answers, lambda *_: np.array([0.8, 0.2]))
    assert (found.photos, found.without_face) == (1, 1)
    assert {row.name: row.lost for row in found.rows}["dark"] == 1
    assert sum(row.lost for row in found.rows) == 1


def test_landmarks_move_by_a_hundredth_of_the_face():
    seen = []
    measure_steadiness(
        [PHOTO] * 200,
        lambda photos: [answer(0.8)] * len(photos),
        lambda _, landmarks: seen.append(landmarks) or np.array([0.8, 0.2]),
    )
    assert np.std(np.array(seen) - 50) == pytest.approx(1.0, rel=0.1)


def test_each_change_is_what_it_says():
    assert moved(PHOTO, 1)[3, 4].tolist() == PHOTO[2, 3].tolist()
    assert scaled(np.zeros((100, 200, 3), np.uint8), 0.97).shape == (97, 194, 3)
    assert brightened(np.full((2, 2, 3), 100, np.uint8), 1.1).max() == 110
    assert brightened(np.full((2, 2, 3), 250, np.uint8), 1.1).max() == 255
    halves = np.array([[[100] * 3, [200] * 3]], np.uint8)
    assert with_contrast(halves, 0.3)[0, :, 0].tolist() == [135, 165]
    saved = saved_as_jpeg(np.full((16, 16, 3), (200, 60, 20), np.uint8), 95)
    assert np.abs(saved.astype(int) - (200, 60, 20)).max() <= 4  # still red: channels are not exchanged
