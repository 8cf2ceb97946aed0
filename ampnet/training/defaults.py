"""Defaults of training that depend on the machine."""

import time
from dataclasses import dataclass, fields
from typing import Any

from ampnet.errors import UsageError
from ampnet.runtime.cores import usable_cores
from ampnet.runtime.devices import count_gpus
from ampnet.runtime.launch import launched_processes
from ampnet.settings import MODULES, VARIANTS, ArchitectureConfig, TrainConfig, Variant
from ampnet.settings.recipes import Recipe, make_recipe

MIN_FACES_PER_PROCESS = 8
"""Minimum faces of a step in each CPU process by default: its normalisation statistics come from these alone."""

GPU_WORKERS = 8
"""Maximum loader workers for each GPU by default, if there are enough cores."""

TIMED_STEPS = 3
"""Steps timed for the forecast, after the first one, which includes start-up."""

PAPER_COST = 40
"""Training time of the paper's network relative to ampnet-small (6.5 against 254 images/s, docs/speed.md)."""


@dataclass(frozen=True, kw_only=True)
class RunConfig(TrainConfig):
    """Settings of a training run with all defaults filled in; saved in each checkpoint."""

    variant: Variant
    recipe: Recipe
    processes: int
    workers: int
    fold: int = 0
    """Number of the fold to hold out, of folds.csv in the folder of all runs; 0: the data set's own splits."""

    def architecture(self, num_classes: int) -> ArchitectureConfig:
        """Return the network's architecture for a number of classes."""
        given = {
            "width": self.width,
            "image_size": self.image_size,
            "placement": self.placement,
            "standardise": None if self.standardise is None else self.standardise == "yes",
            "modules": None if self.modules == MODULES else self.modules,
        }
        changes = {name: value for name, value in given.items() if value is not None}
        fixed = {"num_classes": num_classes, "dropout": self.recipe.dropout}
        return ArchitectureConfig(**VARIANTS[self.variant] | changes | fixed)


def resolve_defaults(config: TrainConfig) -> RunConfig:
    """Fill in the settings that are None.

    With a GPU the run is the paper's: its network, the reference recipe, one process for each GPU. Without one it is
    what a CPU can finish: the small network, the modern recipe, and one single-threaded process for each core, since
    threads that wait for each other lose far more time than processes do when other programs run.

    Raises:
        UsageError: more GPUs are requested than available, or CPU processes beside GPUs.
        ConfigError: the batch is too small for the number of processes.
    """
    gpus = count_gpus(config.gpus)
    if gpus and config.processes not in (None, gpus):
        raise UsageError(f"--processes {config.processes}: each of {gpus} GPUs has one; omit it, or add --gpus 0")
    recipe = make_recipe(config.recipe or ("reference" if gpus else "modern"), config.recipe_changes)
    by_batch = max(recipe.batch_size // (MIN_FACES_PER_PROCESS * config.accumulate), 1)
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
    """Describes once, after the first steps, the defaults chosen without a GPU, and the expected training time.

    Args:
        config: the same with defaults filled in.
    """

    def __init__(self, requested: TrainConfig, config: RunConfig) -> None:
        recipe = requested.recipe or "modern"
        with_recipe = f" with the {recipe} recipe" if isinstance(recipe, str) else ""
        self._choice = f"no GPU: training {config.variant}{with_recipe}"
        self._is_done = count_gpus(requested.gpus) > 0 or None not in (requested.variant, requested.recipe)
        self._is_default_size = all(
            value is None for value in (requested.variant, requested.width, requested.image_size)
        )
        self._epochs = config.recipe.epochs
        self._steps, self._images = 0, 0.0
        self._started = time.monotonic()

    def add(self, images: float, epoch_images: int, is_last: bool) -> str:
        """Count a step; returns the line once it is known, else an empty string.

        Args:
            images: faces in the step, over all processes.
            is_last: whether this step ends the epoch, so that the forecast cannot wait for more steps.
        """
        if self._is_done:
            return ""
        self._steps += 1
        if self._steps == 1:
            self._started = time.monotonic()
        else:
            self._images += images
        self._is_done = is_last or self._steps > TIMED_STEPS
        if not self._is_done:
            return ""
        if not self._images:
            return self._choice
        epoch = (time.monotonic() - self._started) / self._images * epoch_images
        line = f"{self._choice}, about {_rough(epoch)} an epoch, {_rough(epoch * self._epochs)} in all"
        paper = _rough(PAPER_COST * epoch * self._epochs)
        return f"{line}; the paper's network would take {paper}: --variant ampnet" if self._is_default_size else line


def _rough(seconds: float) -> str:
    """Format a duration in the largest unit of which there are at least two."""
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(seconds, 1):.0f} second{'s' if seconds >= 1.5 else ''}"
