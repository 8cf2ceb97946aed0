"""The loss mixes heads, classes and images as the recipe says."""

import math

import numpy as np
import pytest
import torch

from ampnet.dataset.loading.dataset import Batch
from ampnet.settings.recipes import Recipe
from ampnet.training import loss as losses
from ampnet.training.loss import Loss, build_loss, disagreement, learned_shares, mix_up, with_slight_changes

CPU = torch.device("cpu")


def test_the_loss_mixes_both_heads_cross_entropies():
    certain, even = torch.tensor([[100.0, 0.0]]), torch.zeros(1, 2)
    label = torch.tensor([0])
    assert Loss(0.3)((certain, even), label) == pytest.approx(0.7 * math.log(2), abs=1e-6)
    assert Loss(0.3)((even, certain), label) == pytest.approx(0.3 * math.log(2), abs=1e-6)


def test_class_weights_balance_the_classes_and_have_mean_one():
    labels = np.array([0, 0, 0, 1])
    loss_fn = build_loss(Recipe(balance="weights"), np.bincount(labels, minlength=3), CPU)
    assert loss_fn.class_weights.tolist() == pytest.approx([4 / 6, 2.0, 0.0])
    assert loss_fn.class_weights[labels].mean() == pytest.approx(1)
    sure, wrong = torch.tensor([[9.0, 0, 0]]), torch.tensor([1])
    plain = Loss(0.5)((sure, sure), wrong)
    assert loss_fn((sure, sure), wrong) == pytest.approx(2 * plain.item())


def test_root_weights_lift_rare_classes_half_as_far():
    loss_fn = build_loss(Recipe(balance="root_weights"), np.array([4, 1, 0]), CPU)
    assert loss_fn.class_weights.tolist() == pytest.approx([5 / 6, 5 / 3, 0.0])


@pytest.mark.parametrize(
    ("balance", "shares"),
    [
        ("none", [0.8, 0.2, 0.0]),
        ("weights", [0.5, 0.5, 0.0]),
        ("sampling", [0.5, 0.5, 0.0]),
        ("root_weights", [2 / 3, 1 / 3, 0.0]),  # 8 / sqrt(8) and 2 / sqrt(2) are as 2 and 1
    ],
)
def test_a_network_learns_the_frequencies_that_balancing_leaves(balance, shares):
    counts = np.array([8, 2, 0])
    assert learned_shares(Recipe(balance=balance), counts, None, range(10)) == pytest.approx(shares, abs=1e-6)


def test_smoothed_labels_are_learned_as_such():
    recipe = Recipe(label_smoothing=0.3)  # 0.7 of 0.8 and of 0.2, and a third of 0.3; nothing for what nobody showed
    assert learned_shares(recipe, np.array([8, 2, 0]), None, range(10)) == pytest.approx([0.66, 0.24, 0], abs=1e-6)


def test_of_votes_a_network_learns_the_mean():
    votes = np.array([[0.5, 0.5, 0.0], [0.75, 0.0, 0.25]], dtype=np.float32)
    assert learned_shares(Recipe(), np.array([2, 0, 0]), votes, [0, 0]) == (0.625, 0.25, 0.125)


@pytest.mark.parametrize(
    ("balance", "shares"),
    [
        # drawn by their labels, the first two faces 1/2 each and the last one 1: (0.5 + 0.25 + 0) / 2 and the rest
        ("sampling", [0.375, 0.625]),
        # weighed by their targets, 1/2 of the first class and 1 of the second: 0.5, 0.75 and 1; 0.875 and 1.375 of 2.25
        ("weights", [0.875 / 2.25, 1.375 / 2.25]),
    ],
)
def test_of_votes_balancing_changes_the_weight_of_faces_and_not_that_of_classes(balance, shares):
    labels, votes = np.array([0, 0, 1]), np.array([[1, 0], [0.5, 0.5], [0, 1]], dtype=np.float32)
    learned = learned_shares(Recipe(balance=balance), np.array([2, 1]), votes, labels)
    assert learned == pytest.approx(shares, abs=1e-6)


def test_mixup_blends_images_and_targets_and_keeps_the_larger_shares_landmarks():
    torch.manual_seed(0)
    images = torch.stack([torch.full((3, 4, 4), float(i)) for i in range(4)])
    batch = Batch(images, torch.rand(4, 5, 2), torch.arange(4))
    mixed = mix_up(batch, 4, 0.8)
    targets = mixed.targets
    assert torch.equal(mixed.landmarks, batch.landmarks)
    assert torch.allclose(targets.sum(1), torch.ones(4))
    assert (targets.diagonal() >= 0.5).all()
    assert torch.allclose(mixed.images[:, 0, 0, 0], targets @ torch.arange(4.0))


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
        monkeypatch.setattr(losses, name, 0.0)
    monkeypatch.setattr(losses, "SHIFT", 0.04)
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
