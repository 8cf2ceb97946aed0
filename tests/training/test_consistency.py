"""The slightly changed copies of a batch show the same faces, and answers that differ cost what they should."""

import math

import pytest
import torch

from ampnet.dataset.loading.dataset import Batch
from ampnet.training import consistency
from ampnet.training.consistency import disagreement, with_slight_changes

SIDE = 64


def dotted_batch(count):
    """Faces that are black but for a white dot of 5 x 5 px at each landmark."""
    points = torch.tensor([[16.0, 20.0], [44.0, 24.0], [32.0, 32.0], [20.0, 46.0], [46.0, 44.0]])
    image = torch.zeros(3, SIDE, SIDE)
    for x, y in points.int().tolist():
        image[:, y - 2 : y + 3, x - 2 : x + 3] = 1.0
    points = points + 0.5  # a dot's middle is the middle of its middle pixel
    labels = torch.arange(count)
    return Batch(image.repeat(count, 1, 1, 1), points.repeat(count, 1, 1), labels, torch.eye(count))


def test_the_copies_keep_labels_and_targets_and_the_originals_come_first():
    batch = dotted_batch(3)
    doubled = with_slight_changes(batch)
    assert doubled.labels.tolist() == [0, 1, 2, 0, 1, 2]
    assert doubled.targets is not None
    assert torch.equal(doubled.targets, torch.eye(3).repeat(2, 1))
    assert torch.equal(doubled.images[:3], batch.images)
    assert torch.equal(doubled.landmarks[:3], batch.landmarks)
    assert not torch.equal(doubled.images[3], doubled.images[4])


def test_landmarks_follow_the_copies_pixels(monkeypatch):
    for name in ("POINTS", "GAIN", "CONTRAST", "NOISE"):
        monkeypatch.setattr(consistency, name, 0.0)
    monkeypatch.setattr(consistency, "SHIFT", 0.04)
    torch.manual_seed(0)
    copies = with_slight_changes(dotted_batch(20))
    cells = torch.arange(SIDE) + 0.5
    for image, points in zip(copies.images[20:, 0], copies.landmarks[20:], strict=True):
        for point in points:
            near = ((cells[:, None] - point[1]).abs() < 6) & ((cells[None, :] - point[0]).abs() < 6)
            weights = image * near
            middle = torch.stack([(weights * cells[None, :]).sum(), (weights * cells[:, None]).sum()]) / weights.sum()
            assert (middle - point).abs().max() < 0.3


def test_answers_alike_cost_nothing_and_others_their_symmetric_divergence():
    alike = torch.tensor([[1.0, 2.0], [1.0, 2.0]])
    assert disagreement((alike, alike), 0.5) == 0
    # 3/4 against 1/4 and the reverse: (3/4 - 1/4) ln 3 for each of two classes
    differ = torch.tensor([[math.log(3), 0.0], [0.0, math.log(3)]])
    assert disagreement((differ, differ), 0.5).item() == pytest.approx(math.log(3))
