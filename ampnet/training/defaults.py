"""What a run does where nothing was asked for: it depends on the machine, and is decided here, once."""

import time
from dataclasses import dataclass, fields
from typing import Any

from ampnet.config import VARIANTS, ArchitectureConfig, TrainConfig, Variant
from ampnet.recipes import Recipe, make_recipe
from ampnet.runtime.devices import count_gpus, usable_cores
from ampnet.runtime.launch import launched_processes

MINIMUM_SHARE = 8
"""Faces of a step that each CPU process has by default: its normalisation statistics come from these alone."""

GPU_WORKERS = 8
"""Loading processes of each GPU by default, where there are as many cores."""

TIMED_STEPS = 3
"""Steps that a forecast is made from, after the first, which also starts things up."""

PAPER_COST = 40
"""Times as long as ampnet-small, the paper's network trains on a face (6.5 against 254 images/s, docs/speed.md)."""


@dataclass(frozen=True, kw_only=True)
class RunConfig(TrainConfig):
    """Everything that decides a training run, nothing left open; saved inside each checkpoint."""

    variant: Variant
    recipe: Recipe
    processes: int
    workers: int

    def architecture(self, num_classes: int) -> ArchitectureConfig:
        """Give the network's size for a number of classes."""
        size = VARIANTS[self.variant]
        return ArchitectureConfig(
            num_classes=num_classes,
            width=size["width"] if self.width is None else self.width,
            image_size=size["image_size"] if self.image_size is None else self.image_size,
            dropout=self.recipe.dropout,
            modules=self.modules,
        )


def resolve_defaults(config: TrainConfig) -> RunConfig:
    """Fill in what was left open.

    With a GPU the run is the paper's: its network, the reference recipe, one process for each GPU. Without one it is
    what a CPU can finish: the small network, the modern recipe, and a process with one thread for each core, since
    threads that wait for each other lose far more than processes do when anything else runs.

    Raises:
        UsageError: more GPUs are asked for than there are.
        ConfigError: the batch is too small for so many processes.
    """
    gpus = count_gpus(config.gpus)
    recipe = make_recipe(config.recipe or ("reference" if gpus else "modern"), config.recipe_changes)
    by_batch = max(recipe.batch_size // (MINIMUM_SHARE * config.accumulate), 1)
    processes, here = launched_processes() or (gpus or config.processes or min(usable_cores(), by_batch),) * 2
    workers = min(GPU_WORKERS, max(usable_cores() // here, 1)) if gpus else 1
    filled: dict[str, Any] = {
        "variant": config.variant or ("ampnet" if gpus else "ampnet-small"),
        "recipe": recipe,
        "recipe_changes": {},
        "processes": processes,
        "workers": workers if config.workers is None else config.workers,
    }
    return RunConfig(**{field.name: getattr(config, field.name) for field in fields(TrainConfig)} | filled)


class Forecast:
    """Says once, after a run's first steps, what was chosen for a machine without a GPU, and how long it will take.

    Args:
        asked: what the user asked for.
        config: what became of it.
    """

    def __init__(self, asked: TrainConfig, config: RunConfig) -> None:
        recipe = asked.recipe or "modern"
        with_recipe = f" with the {recipe} recipe" if isinstance(recipe, str) else ""
        self._choice = f"no GPU: training {config.variant}{with_recipe}"
        self._told = count_gpus(asked.gpus) > 0 or None not in (asked.variant, asked.recipe)
        self._may_grow = all(value is None for value in (asked.variant, asked.width, asked.image_size))
        self._epochs = config.recipe.epochs
        self._steps, self._images = 0, 0.0
        self._started = time.monotonic()

    def add(self, images: float, epoch_images: int, is_last: bool) -> str:
        """Count a step; gives the line when it is known, else nothing.

        Args:
            images: faces of the step, over all processes.
            epoch_images: faces of an epoch.
            is_last: whether the epoch ends with this step, so that no better forecast can be had.
        """
        if self._told:
            return ""
        self._steps += 1
        if self._steps == 1:
            self._started = time.monotonic()
        else:
            self._images += images
        self._told = is_last or self._steps > TIMED_STEPS
        if not self._told:
            return ""
        if not self._images:
            return self._choice
        epoch = (time.monotonic() - self._started) / self._images * epoch_images
        line = f"{self._choice}, about {_rough(epoch)} an epoch, {_rough(epoch * self._epochs)} in all"
        paper = _rough(PAPER_COST * epoch * self._epochs)
        return f"{line}; the paper's network would take {paper}: --variant ampnet" if self._may_grow else line


def _rough(seconds: float) -> str:
    """Say a duration in its largest unit of which there are two, at least."""
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(seconds, 1):.0f} second{'s' if seconds >= 1.5 else ''}"
