"""Training recipes: the reference program's settings, and a modern set."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, get_args, get_type_hints

from ampnet.errors import ConfigError, require

Optimizer = Literal["sgd", "nesterov", "adamw"]
Schedule = Literal["step", "cosine"]
Balance = Literal["none", "root_weights", "weights", "sampling"]
RecipeName = Literal["reference", "modern"]
Targets = Literal["label", "votes", "mix"]


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """Data augmentation. Lengths are pixels of the 224 x 224 frame; the defaults are the reference program's."""

    brightness: float = 0.2
    """Maximum relative change of brightness, either way; contrast and saturation likewise."""
    contrast: float = 0.2
    saturation: float = 0.2
    grey: float = 0.2
    """Probability of conversion to grey."""
    tone: float = 0.0
    """Probability of one tone change (gamma, contrast stretching, equalisation, posterisation)."""
    degrade: float = 0.0
    """Probability of one quality loss (blur, low resolution, noise, JPEG compression, uneven lighting)."""
    rotate: int = 15
    """Maximum rotation in whole degrees, either way."""
    scale: float = 0.1
    """Maximum relative change of size, either way."""
    move_probability: float = 0.8
    """Probability of rotation and scaling, which are applied together."""
    shift: int = 20
    """Maximum shift in whole pixels on each axis, either way."""
    shift_probability: float = 0.8
    mirror_probability: float = 0.5
    erase: float = 0.0
    """Probability of random erasing."""
    reference_mirror: bool = False
    """Mirror the landmarks as the reference program does: two of the five keep their unmirrored positions."""

    def __post_init__(self) -> None:
        for name in ("brightness", "contrast", "saturation", "scale"):
            require(0 <= getattr(self, name) < 1, f"{name} must be within [0, 1), got {getattr(self, name)}")
        for name in ("grey", "tone", "degrade", "move_probability", "shift_probability", "mirror_probability", "erase"):
            require(0 <= getattr(self, name) <= 1, f"{name} must be within [0, 1], got {getattr(self, name)}")
        require(0 <= self.rotate <= 180, f"rotate must be within [0, 180], got {self.rotate}")
        require(0 <= self.shift <= 112, f"shift must be within [0, 112], got {self.shift}")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that decides how a network is optimised; the defaults are the reference program's."""

    epochs: int = 100
    batch_size: int = 128
    """Images in each optimizer step, over all processes."""
    dropout: float = 0.5
    """Channel dropout of global perception, in [0, 1)."""
    branch_weight: float = 0.5
    """Weight of the local branches in loss and prediction (beta), in [0, 1]; the global branch has the rest."""
    optimizer: Optimizer = "sgd"
    lr: float = 0.01
    """Peak learning rate, of the whole network unless body_lr is set, else of the heads."""
    body_lr: float | None = None
    """Peak learning rate of everything but the two heads, for pre-trained networks; None: lr."""
    momentum: float = 0.9
    """Momentum of sgd and nesterov; adamw uses betas of 0.9 and 0.999."""
    weight_decay: float = 1e-4
    decay_norms: bool = True
    """Whether weight decay also applies to normalisation weights and biases."""
    schedule: Schedule = "step"
    step_epochs: int = 20
    """Epochs between learning-rate drops in the step schedule."""
    step_factor: float = 0.1
    """Factor of each drop in the step schedule."""
    warmup_epochs: float = 0.0
    """Epochs of linear learning-rate warm-up."""
    label_smoothing: float = 0.0
    """Fraction of each target that is spread evenly over the classes."""
    ema: float = 0.0
    """Decay per step of the weight average (EMA) that is evaluated and kept; 0: no averaging."""
    clip: float = 0.0
    """Maximum gradient norm; 0 disables clipping."""
    balance: Balance = "none"
    """Class balancing: ``weights`` weighs the loss inversely to class frequency, ``root_weights`` to its square root,
    ``sampling`` draws all classes equally often."""
    mixup: float = 0.0
    """Alpha of mixup's beta distribution (the landmarks of the dominant face are used); 0: off."""
    targets: Targets = "label"
    """Training targets where an index holds votes: the label, the distribution of votes, or a mix of both."""
    vote_weight: float = 0.7
    """Weight of the votes in each target, in [0, 1], for ``targets`` mix."""
    teacher_weight: float = 0.5
    """Weight of the teachers' probabilities in each target, in [0, 1], when distilling."""
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "step_epochs"):
            require(getattr(self, name) >= 1, f"{name} must be at least 1, got {getattr(self, name)}")
        require(self.lr > 0, f"lr must be positive, got {self.lr}")
        require(self.body_lr is None or self.body_lr > 0, f"body_lr must be positive, got {self.body_lr}")
        for name in ("weight_decay", "warmup_epochs", "clip", "mixup"):
            require(getattr(self, name) >= 0, f"{name} must be at least 0, got {getattr(self, name)}")
        for name in ("dropout", "momentum", "label_smoothing", "ema"):
            require(0 <= getattr(self, name) < 1, f"{name} must be within [0, 1), got {getattr(self, name)}")
        for name in ("branch_weight", "vote_weight", "teacher_weight"):
            require(0 <= getattr(self, name) <= 1, f"{name} must be within [0, 1], got {getattr(self, name)}")
        require(0 < self.step_factor <= 1, f"step_factor must be within (0, 1], got {self.step_factor}")
        require(self.optimizer in get_args(Optimizer), f"optimizer must be one of {', '.join(get_args(Optimizer))}")
        require(self.schedule in get_args(Schedule), f"schedule must be one of {', '.join(get_args(Schedule))}")
        require(self.targets in get_args(Targets), f"targets must be one of {', '.join(get_args(Targets))}")
        require(self.balance in get_args(Balance), f"balance must be one of {', '.join(get_args(Balance))}")


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
    of_recipe, of_augmentation = _types(Recipe), _types(Augmentation)
    del of_recipe["augmentation"]
    own: dict[str, Any] = {}
    varied: dict[str, Any] = {}
    for key, value in (changes or {}).items():
        if key not in of_recipe and key not in of_augmentation:
            known = ", ".join(sorted({*of_recipe, *of_augmentation}))
            raise ConfigError(f"unknown recipe value {key}; choose one of {known}")
        if value is None:
            continue
        if key in of_recipe:
            own[key] = _read(key, value, of_recipe[key])
        else:
            varied[key] = _read(key, value, of_augmentation[key])
    return replace(recipe, augmentation=replace(recipe.augmentation, **varied), **own)


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


def _types(settings: type) -> dict[str, Any]:
    hints = get_type_hints(settings)
    return {field.name: hints[field.name] for field in fields(settings)}


def _read(key: str, value: Any, kind: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = value.strip().lower()
    try:
        if kind is bool:
            return {"yes": True, "true": True, "no": False, "false": False}[text]
        if kind is int:
            return int(text)
        if kind is float:
            return float(text)
        if type(None) in get_args(kind):
            return None if text == "none" else float(text)
    except (KeyError, ValueError):
        expected = "yes or no" if kind is bool else "a whole number" if kind is int else "a number"
        raise ConfigError(f"{key} must be {expected}, got {value!r}") from None
    return text
