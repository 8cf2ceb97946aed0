"""Recipes, learning rates, parameter groups, the objective and the average do what they say."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from ampnet.data.loading.dataset import Batch
from ampnet.errors import ConfigError
from ampnet.models.ampnet import AMPNet
from ampnet.recipes import RECIPES, Recipe, make_recipe, read_changes
from ampnet.training.ema import ExponentialMovingAverage
from ampnet.training.loss import Loss, build_loss, mix_up
from ampnet.training.optimizer import build_optimizer, learning_rate_factor

CPU = torch.device("cpu")


def test_the_published_recipe_is_the_specifications():
    recipe = RECIPES["reference"]
    assert (recipe.optimizer, recipe.lr, recipe.momentum, recipe.weight_decay) == ("sgd", 0.01, 0.9, 1e-4)
    assert (recipe.epochs, recipe.schedule, recipe.step_epochs, recipe.step_factor) == (100, "step", 20, 0.1)
    assert (recipe.branch_weight, recipe.dropout, recipe.label_smoothing, recipe.ema) == (0.5, 0.5, 0, 0)
    varied = recipe.augmentation
    assert (varied.brightness, varied.contrast, varied.saturation, varied.grey) == (0.2, 0.2, 0.2, 0.2)
    assert (varied.rotate, varied.scale, varied.move_probability) == (15, 0.1, 0.8)
    assert (varied.shift, varied.shift_probability, varied.mirror_probability) == (20, 0.8, 0.5)
    assert (varied.erase, varied.tone, varied.reference_mirror) == (0, 0, False)


def test_any_value_of_a_recipe_can_be_changed_by_name():
    changes = {"epochs": None, **read_changes(["lr=0.3", "erase=0.5", "body-lr=none", "reference_mirror=yes"])}
    recipe = make_recipe("modern", changes)
    assert (recipe.lr, recipe.body_lr, recipe.epochs) == (0.3, None, RECIPES["modern"].epochs)
    assert (recipe.augmentation.erase, recipe.augmentation.reference_mirror) == (0.5, True)
    assert recipe.augmentation.tone == RECIPES["modern"].augmentation.tone


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lr=fast", "lr must be a number, got 'fast'"),
        ("epochs=1.5", "epochs must be a whole number"),
        ("decay_norms=maybe", "decay_norms must be yes or no"),
        ("speed=1", "unknown recipe value speed; choose one of balance, batch_size"),
        ("optimizer=adam", "optimizer must be one of sgd, nesterov, adamw"),
        ("erase=2", r"erase must be within \[0, 1\], got 2.0"),
        ("lr", "expected NAME=VALUE, got 'lr'"),
    ],
)
def test_a_change_that_does_not_fit_is_refused(text, message):
    with pytest.raises(ConfigError, match=message):
        make_recipe("reference", read_changes([text]))


def test_the_step_schedule_drops_to_a_tenth_every_twenty_epochs():
    factors = [learning_rate_factor(Recipe(), epoch * 7, 7) for epoch in (0, 19, 20, 39, 40)]
    assert factors == pytest.approx([1, 1, 0.1, 0.1, 0.01])


def test_the_cosine_schedule_warms_up_peaks_and_ends_at_nothing():
    recipe = Recipe(epochs=10, schedule="cosine", warmup_epochs=2)
    factors = [learning_rate_factor(recipe, step, 10) for step in range(100)]
    assert factors[0] == pytest.approx(1 / 20)
    assert max(factors) == factors[19]
    assert factors[50] == pytest.approx(0.5)
    assert factors[-1] == pytest.approx(0.5 * (1 + math.cos(math.pi * 0.99)))


def groups(recipe, model):
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return {
        (group["peak"], group["weight_decay"]): {names[id(parameter)] for parameter in group["params"]}
        for group in build_optimizer(model, recipe).param_groups
    }


def test_norms_and_biases_decay_only_where_the_recipe_says_so():
    model = AMPNet(width=0.05, image_size=48)
    published = groups(RECIPES["reference"], model)
    assert published == {(0.01, 1e-4): {name for name, _ in model.named_parameters()}}
    modern = groups(RECIPES["modern"], model)
    assert modern[0.1, 0.0] == {name for name, value in model.named_parameters() if value.ndim == 1}
    assert "stem.first.conv.weight" in modern[0.1, 5e-4]


def test_heads_can_learn_faster_than_the_body():
    model = AMPNet(width=0.05, image_size=48)
    parts = groups(Recipe(lr=0.1, body_lr=0.001), model)
    assert parts[0.1, 1e-4] == {f"{head}_head.{kind}" for head in ("local", "global") for kind in ("weight", "bias")}
    assert len(parts) == 2


def test_frozen_parameters_stay_out_of_the_optimizer():
    model = AMPNet(width=0.05, image_size=48)
    model.stem.requires_grad_(False)
    (names,) = groups(Recipe(), model).values()
    assert not any(name.startswith("stem.") for name in names)


def test_the_loss_mixes_both_heads_cross_entropies():
    certain, even = torch.tensor([[100.0, 0.0]]), torch.zeros(1, 2)
    label = torch.tensor([0])
    assert Loss(0.3)((certain, even), label) == pytest.approx(0.7 * math.log(2), abs=1e-6)
    assert Loss(0.3)((even, certain), label) == pytest.approx(0.3 * math.log(2), abs=1e-6)


def test_class_weights_balance_the_classes_and_have_mean_one():
    labels = np.array([0, 0, 0, 1])
    loss_fn = build_loss(Recipe(balance="weights"), labels, 3, CPU)
    assert loss_fn.class_weights.tolist() == pytest.approx([4 / 6, 2.0, 0.0])
    assert loss_fn.class_weights[labels].mean() == pytest.approx(1)
    sure, wrong = torch.tensor([[9.0, 0, 0]]), torch.tensor([1])
    plain = Loss(0.5)((sure, sure), wrong)
    assert loss_fn((sure, sure), wrong) == pytest.approx(2 * plain.item())


def test_root_weights_lift_rare_classes_half_as_far():
    loss_fn = build_loss(Recipe(balance="root_weights"), np.array([0, 0, 0, 0, 1]), 3, CPU)
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


def test_the_average_follows_the_weights_by_its_decay():
    model = nn.Sequential(nn.Linear(1, 1, bias=False), nn.BatchNorm1d(1))
    model[0].weight.data.fill_(1.0)
    average = ExponentialMovingAverage(model, decay=0.5)
    model[0].weight.data.fill_(2.0)
    model[1].num_batches_tracked += 7
    average.update(model, step=0)  # its decay begins at 1 / 10
    assert average.model[0].weight.item() == pytest.approx(0.1 * 1 + 0.9 * 2)
    average.update(model, step=90)
    assert average.model[0].weight.item() == pytest.approx(0.5 * 1.9 + 0.5 * 2)
    assert average.model[1].num_batches_tracked == 7


@pytest.mark.parametrize("kind", ["sgd", "nesterov", "adamw"])
def test_a_step_left_out_for_an_overflow_changes_nothing_of_the_next(kind):
    stepped = []
    for gradients in ([math.inf, 0.5, 0.25], [0.5, 0.25]):
        model = nn.Linear(16, 16)
        nn.init.constant_(model.weight, 0.1)
        optimizer = build_optimizer(model, make_recipe("reference", {"optimizer": kind}), loss_scaling=True)
        scaler = torch.amp.GradScaler("cpu", init_scale=1.0)
        for gradient in gradients:
            scaler.scale((model.weight * gradient).sum()).backward()
            left_behind = [torch.full_like(model.weight, math.nan) for _ in range(20)]
            del left_behind  # uninitialised memory shows
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad()
        stepped.append(model.weight.detach())
    assert torch.equal(*stepped)
