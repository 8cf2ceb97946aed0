"""Which candidates stay, and over which of the others each is averaged."""

import numpy as np

from ampnet.detection.overlaps import averaged_candidates, without_overlaps


def candidates(*rows):
    """Return boxes, landmarks, scores and owners of (x0, y0, x1, y1, score, image); landmarks are the box's corner."""
    table = np.array(rows, dtype=np.float32)
    boxes, scores = table[:, :4], table[:, 4]
    return boxes, np.repeat(boxes[:, None, :2], 5, axis=1), scores, table[:, 5].astype(np.int64)


def found(*rows):
    boxes, landmarks, scores, owner = candidates(*rows)
    kept = without_overlaps(boxes, scores, owner, 0.4)
    return kept.tolist(), *averaged_candidates(boxes, landmarks, scores, owner, kept)


def test_a_face_is_the_mean_of_its_candidates_weighted_by_their_squared_scores():
    # 0.8 squared to 0.4 squared is 4 to 1, so the mean lies a fifth of the way to the second candidate.
    kept, boxes, landmarks = found((310, 210, 410, 310, 0.8, 0), (315, 210, 415, 320, 0.4, 0))
    assert kept == [0]
    np.testing.assert_allclose(boxes, [[311, 210, 411, 312]], rtol=1e-6)
    np.testing.assert_allclose(landmarks, [[[311, 210]] * 5], rtol=1e-6)


def test_candidates_that_overlap_by_half_or_less_are_dropped_without_a_say():
    # Half of the width in common: an overlap of 45/105, above 0.4 and below 0.5.
    kept, boxes, _ = found((0, 0, 75, 100, 0.9, 0), (30, 0, 105, 100, 0.8, 0))
    assert kept == [0]
    assert boxes.tolist() == [[0, 0, 75, 100]]


def test_another_images_candidates_have_no_say():
    kept, boxes, _ = found((0, 0, 10, 10, 0.9, 1), (1, 0, 11, 10, 0.8, 0), (0, 1, 10, 11, 0.7, 2))
    assert kept == [0, 1, 2]
    assert boxes.tolist() == [[0, 0, 10, 10], [1, 0, 11, 10], [0, 1, 10, 11]]


def test_a_box_without_area_stays_as_it_is():
    _, boxes, _ = found((5, 5, 5, 9, 0.9, 0), (0, 0, 4, 4, 0.8, 0))
    assert sorted(boxes.tolist()) == [[0, 0, 4, 4], [5, 5, 5, 9]]


def test_no_candidates_give_no_faces():
    boxes, landmarks, scores, owner = (part[:0] for part in candidates((0, 0, 1, 1, 0.9, 0)))
    kept = without_overlaps(boxes, scores, owner, 0.4)
    boxes, landmarks = averaged_candidates(boxes, landmarks, scores, owner, kept)
    assert boxes.shape == (0, 4)
    assert landmarks.shape == (0, 5, 2)
