"""Training recipes as data: what the published program did, and what trains better today."""

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
    """How training faces are varied. Lengths are pixels of the 224 x 224 frame; defaults: as published."""

    brightness: float = 0.2
    """Brightness is multiplied by a factor within 1 +- this; contrast and saturation alike."""
    contrast: float = 0.2
    saturation: float = 0.2
    grey: float = 0.2
    """Probability that a face loses its colour."""
    tone: float = 0.0
    """Probability of one change of tones (gamma, stretched range, equalised, fewer levels)."""
    degrade: float = 0.0
    """Probability of one loss of quality (blur, low resolution, noise, JPEG, uneven light)."""
    rotate: int = 15
    """Largest angle in whole degrees, either way."""
    scale: float = 0.1
    """Largest relative change of size, either way."""
    move_probability: float = 0.8
    """Of rotation and scale, which come together."""
    shift: int = 20
    """Largest shift in whole pixels on each axis, either way."""
    shift_probability: float = 0.8
    mirror_probability: float = 0.5
    erase: float = 0.0
    """Probability that a rectangle is covered."""
    reference_mirror: bool = False
    """Mirror the landmarks as the published program does: two of the five keep their unmirrored places."""

    def __post_init__(self) -> None:
        for name in ("brightness", "contrast", "saturation", "scale"):
            require(0 <= getattr(self, name) < 1, f"{name} must be within [0, 1), got {getattr(self, name)}")
        for name in ("grey", "tone", "degrade", "move_probability", "shift_probability", "mirror_probability", "erase"):
            require(0 <= getattr(self, name) <= 1, f"{name} must be within [0, 1], got {getattr(self, name)}")
        require(0 <= self.rotate <= 180, f"rotate must be within [0, 180], got {self.rotate}")
        require(0 <= self.shift <= 112, f"shift must be within [0, 112], got {self.shift}")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything about optimisation that a run can choose. Defaults: the published program's."""

    epochs: int = 100
    batch_size: int = 128
    """Images of one optimizer step over all processes together."""
    dropout: float = 0.5
    """Channel dropout of global perception, in [0, 1)."""
    branch_weight: float = 0.5
    """Share of the local branches in loss and prediction (beta), in [0, 1]; the global branch has the rest."""
    optimizer: Optimizer = "sgd"
    lr: float = 0.01
    """Largest learning rate, of the heads and, unless body_lr says otherwise, of all."""
    body_lr: float | None = None
    """Learning rate of everything but the two heads, for pre-trained bodies; None: lr."""
    momentum: float = 0.9
    """Of sgd and nesterov; adamw has 0.9 and 0.999."""
    weight_decay: float = 1e-4
    decay_norms: bool = True
    """Whether normalisation weights and biases decay, too."""
    schedule: Schedule = "step"
    step_epochs: int = 20
    """Epochs between two drops of the learning rate, for the schedule step."""
    step_factor: float = 0.1
    warmup_epochs: float = 0.0
    """Epochs over which the learning rate rises to its value."""
    label_smoothing: float = 0.0
    """Share of each target that is spread evenly over the classes."""
    ema: float = 0.0
    """Decay per step of the average of weights that is evaluated and kept; 0: the weights themselves."""
    clip: float = 0.0
    """Largest norm of the gradient; 0 leaves it alone."""
    balance: Balance = "none"
    """For imbalanced sets: weights makes losses count inversely to their class's faces, root_weights to the square
    root of that, sampling shows rare classes more often."""
    mixup: float = 0.0
    """Beta distribution's parameter of mixed-up pairs (the larger share's landmarks are used); 0: off."""
    targets: Targets = "label"
    """What is learned where an index holds votes: each face's label, the shares of its votes, or a mix of both."""
    vote_weight: float = 0.7
    """Share of the votes in each target, in [0, 1], for ``targets`` mix."""
    teacher_weight: float = 0.5
    """Share of the teachers' opinion in each target, in [0, 1], where there are teachers."""
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
    """Take a recipe and change some of its values.

    Args:
        base: a recipe, or its name.
        changes: new values by name, of the recipe or its augmentation; None keeps a value, strings are read
            as the value's type (``yes`` and ``no`` for switches, ``none`` where a value can be left out).

    Raises:
        ConfigError: an unknown name, or a value that does not fit.
    """
    recipe = base if isinstance(base, Recipe) else RECIPES[base]
    of_recipe, of_augmentation = _types(Recipe), _types(Augmentation)
    del of_recipe["augmentation"]
    own: dict[str, Any] = {}
    varied: dict[str, Any] = {}
    for key, value in (changes or {}).items():
        if key not in of_recipe and key not in of_augmentation:
            raise ConfigError(f"no recipe has {key}; it can be {', '.join(sorted({*of_recipe, *of_augmentation}))}")
        if value is None:
            continue
        if key in of_recipe:
            own[key] = _read(key, value, of_recipe[key])
        else:
            varied[key] = _read(key, value, of_augmentation[key])
    return replace(recipe, augmentation=replace(recipe.augmentation, **varied), **own)


def read_changes(texts: Iterable[str]) -> dict[str, str]:
    """Read ``NAME=VALUE`` texts.

    Raises:
        ConfigError: a text is something else.
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
