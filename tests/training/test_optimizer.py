"""Learning rates and parameter groups are those of the recipe."""

import math
from typing import Any

import pytest
import torch
from torch import nn

from ampnet.models.ampnet import AMPNet
from ampnet.settings.recipes import RECIPES, Recipe, make_recipe
from ampnet.training.optimizer import ExponentialMovingAverage, build_optimizer, learning_rate_factor


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


@pytest.mark.parametrize(
    ("name", "kind", "options"),
    [
        ("sgd", torch.optim.SGD, {"momentum": 0.9, "nesterov": False}),
        ("nesterov", torch.optim.SGD, {"momentum": 0.9, "nesterov": True}),
        ("adamw", torch.optim.AdamW, {}),
    ],
)
def test_the_optimizer_is_the_recipes(name, kind, options):
    optimizer = build_optimizer(nn.Linear(2, 2), Recipe(optimizer=name, lr=0.05, momentum=0.9))
    assert type(optimizer) is kind
    assert optimizer.defaults.items() >= {"lr": 0.05, **options}.items()


def test_frozen_parameters_stay_out_of_the_optimizer():
    model = AMPNet(width=0.05, image_size=48)
    model.stem.requires_grad_(False)
    (names,) = groups(Recipe(), model).values()
    assert not any(name.startswith("stem.") for name in names)


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


def test_the_average_follows_the_weights_by_its_decay():
    model = nn.Sequential(nn.Linear(1, 1, bias=False), nn.BatchNorm1d(1))
    model[0].weight.data.fill_(1.0)
    average = ExponentialMovingAverage(model, decay=0.5)
    model[0].weight.data.fill_(2.0)
    normed: Any = model[1]
    normed.num_batches_tracked += 7
    average.update(model, step=0)  # its decay begins at 1 / 10
    assert average.model[0].weight.item() == pytest.approx(0.1 * 1 + 0.9 * 2)
    average.update(model, step=90)
    assert average.model[0].weight.item() == pytest.approx(0.5 * 1.9 + 0.5 * 2)
    assert average.model[1].num_batches_tracked == 7
