"""Recipes hold the paper's values and can be changed by name."""

import pytest

from ampnet.errors import ConfigError
from ampnet.settings.recipes import RECIPES, make_recipe, read_changes


def test_the_reference_recipe_is_the_specifications():
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
