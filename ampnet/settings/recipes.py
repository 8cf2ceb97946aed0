"""Training recipes: the reference program's settings, and a modern set."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

from ampnet.errors import RangeError, require
from ampnet.settings.fields import Option, Setting, Settings, all_settings_of, suggest
from ampnet.settings.shared import Dropout

Optimizer = Literal["sgd", "nesterov", "adamw"]
Schedule = Literal["step", "cosine"]
Balance = Literal["none", "root_weights", "weights", "sampling"]
RecipeName = Literal["reference", "modern"]
Targets = Literal["label", "votes", "mix"]


@dataclass(frozen=True, kw_only=True)
class Augmentation(Settings):
    """Data augmentation. Lengths are pixels of the 224 x 224 frame; the defaults are the reference program's."""

    brightness: Annotated[float, Option("Maximum relative change of brightness, either way.", min=0, below=1)] = 0.2
    contrast: Annotated[float, Option("Maximum relative change of contrast, either way.", min=0, below=1)] = 0.2
    saturation: Annotated[float, Option("Maximum relative change of saturation, either way.", min=0, below=1)] = 0.2
    grey: Annotated[float, Option("Probability of conversion to grey.", min=0, max=1)] = 0.2
    tone: Annotated[
        float,
        Option(
            "Probability of one tone change (gamma, contrast stretching, equalisation, posterisation).", min=0, max=1
        ),
    ] = 0.0
    degrade: Annotated[
        float,
        Option(
            "Probability of one quality loss (blur, low resolution, noise, JPEG compression, uneven lighting).",
            min=0,
            max=1,
        ),
    ] = 0.0
    rotate: Annotated[int, Option("Maximum rotation in whole degrees, either way.", min=0, max=180)] = 15
    scale: Annotated[float, Option("Maximum relative change of size, either way.", min=0, below=1)] = 0.1
    move_probability: Annotated[
        float, Option("Probability of rotation and scaling, which are applied together.", min=0, max=1)
    ] = 0.8
    shift: Annotated[int, Option("Maximum shift in whole pixels on each axis, either way.", min=0, max=112)] = 20
    shift_probability: Annotated[float, Option("Probability of a shift.", min=0, max=1)] = 0.8
    mirror_probability: Annotated[float, Option("Probability of mirroring.", min=0, max=1)] = 0.5
    erase: Annotated[float, Option("Probability of random erasing.", min=0, max=1)] = 0.0
    reference_mirror: Annotated[
        bool,
        Option("Mirror landmarks as the reference program does: two of the five stay unmirrored.", "Recipe"),
    ] = False


@dataclass(frozen=True, kw_only=True)
class Recipe(Settings):
    """Everything that decides how a network is optimised; the defaults are the reference program's."""

    epochs: Annotated[int, Option("Passes over the training split.", "Recipe", min=1)] = 100
    batch_size: Annotated[int, Option("Batch size, over all processes.", "Recipe", min=1)] = 128
    dropout: Dropout = 0.5
    branch_weight: Annotated[
        float,
        Option(
            "Weight of the local branches in loss and prediction (beta); the global branch has the rest.", min=0, max=1
        ),
    ] = 0.5
    optimizer: Annotated[Optimizer, Option("SGD, SGD with Nesterov momentum, or AdamW.")] = "sgd"
    lr: Annotated[float, Option("Peak learning rate.", "Recipe", above=0)] = 0.01
    body_lr: Annotated[
        float | None,
        Option(
            "Peak learning rate of all layers but the two heads, for pre-trained networks.",
            "Recipe",
            above=0,
            unset="lr",
        ),
    ] = None
    momentum: Annotated[
        float, Option("Momentum of sgd and nesterov; adamw uses betas of 0.9 and 0.999.", min=0, below=1)
    ] = 0.9
    weight_decay: Annotated[float, Option("Weight decay of each step.", min=0)] = 1e-4
    decay_norms: Annotated[bool, Option("Whether weight decay also applies to normalisation weights and biases.")] = (
        True
    )
    schedule: Annotated[Schedule, Option("Learning rate over the epochs: drops, or cosine decay to 0.")] = "step"
    step_epochs: Annotated[int, Option("Epochs between learning-rate drops in the step schedule.", min=1)] = 20
    step_factor: Annotated[float, Option("Factor of each drop in the step schedule.", above=0, max=1)] = 0.1
    warmup_epochs: Annotated[float, Option("Epochs of linear learning-rate warm-up.", min=0)] = 0.0
    label_smoothing: Annotated[
        float, Option("Fraction of each target that is spread evenly over the classes.", min=0, below=1)
    ] = 0.0
    ema: Annotated[
        float,
        Option(
            "Decay per step of the weight average (EMA) that is evaluated and kept; 0: no averaging.", min=0, below=1
        ),
    ] = 0.0
    clip: Annotated[float, Option("Maximum gradient norm; 0 disables clipping.", min=0)] = 0.0
    balance: Annotated[
        Balance,
        Option(
            "Class balancing: weights weighs the loss inversely to class frequency, root_weights to its square root, "
            "sampling draws all classes equally often."
        ),
    ] = "none"
    mixup: Annotated[
        float,
        Option("Alpha of mixup's beta distribution; the landmarks are the dominant face's; 0: off.", min=0),
    ] = 0.0
    targets: Annotated[
        Targets, Option("Training targets: each face's label, its annotators' votes, or a mix.", "Recipe")
    ] = "label"
    vote_weight: Annotated[float, Option("Weight of the votes in `--targets mix`.", "Recipe", min=0, max=1)] = 0.7
    teacher_weight: Annotated[
        float, Option("Weight of the teachers' probabilities in each target, when distilling.", min=0, max=1)
    ] = 0.5
    consistency: Annotated[
        float,
        Option("Weight of the disagreement between each face and a slightly changed copy; 0: no copies.", min=0),
    ] = 0.0
    augmentation: Augmentation = field(default_factory=Augmentation)


RECIPES: dict[RecipeName, Recipe] = {
    "reference": Recipe(),
    "modern": Recipe(
        epochs=40,
        dropout=0.2,
        optimizer="nesterov",
        lr=0.1,
        weight_decay=5e-4,
        decay_norms=False,
        schedule="cosine",
        warmup_epochs=1.0,
        label_smoothing=0.1,
        ema=0.999,
        augmentation=Augmentation(tone=0.2, erase=0.3),
    ),
}


def make_recipe(base: RecipeName | Recipe, changes: Mapping[str, Any] | None = None) -> Recipe:
    """Return a recipe with some values overridden.

    Args:
        base: a recipe, or its name.
        changes: new values by name, of the recipe or its augmentation; None keeps a value, strings are converted
            to the value's type (``yes`` and ``no`` for switches, ``none`` for optional values).

    Raises:
        ConfigError: a name is unknown, or a value is invalid.
    """
    recipe = base if isinstance(base, Recipe) else RECIPES[base]
    known = all_settings_of(Recipe)
    given = {}
    for name, value in (changes or {}).items():
        require(name in known, f"unknown recipe value {name}; {suggest(name, known)}")
        if value is not None:
            given[name] = _read(known[name], value)
    varied = {name: given.pop(name) for name in all_settings_of(Augmentation) if name in given}
    return replace(recipe, augmentation=replace(recipe.augmentation, **varied), **given)


def read_changes(texts: Iterable[str]) -> dict[str, str]:
    """Parse ``NAME=VALUE`` strings.

    Raises:
        ConfigError: a string has another form.
    """
    changes: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        require(bool(name.strip() and equals and value.strip()), f"expected NAME=VALUE, got {text!r}")
        changes[name.strip().replace("-", "_")] = value
    return changes


def _read(setting: Setting, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = value.strip().lower()
    if text == "none" and setting.is_optional:
        return None
    try:
        if setting.kind is bool:
            return {"yes": True, "true": True, "no": False, "false": False}[text]
        return setting.kind(text) if setting.kind in (int, float) else text
    except (KeyError, ValueError):
        expected = {bool: "yes or no", int: "a whole number", float: "a number"}[setting.kind]
        raise RangeError(setting.name, f"must be {expected}, got {value!r}") from None
