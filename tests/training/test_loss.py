"""The loss mixes heads, classes and images as the recipe says."""

import math

import numpy as np
import pytest
import torch

from ampnet.dataset.loading.dataset import Batch
from ampnet.settings.recipes import Recipe
from ampnet.training.loss import Loss, build_loss, mix_up

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
