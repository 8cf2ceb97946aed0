"""The state of a training run, and its saves: a resumed run ends exactly as an uninterrupted one.

A save holds weights, averaged weights, optimizer, scaler, position in the epoch and history. Learning rates, the order
of faces, their augmentation and each step's dropout are functions of seed and step, so they need not be saved.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ampnet.checkpoints.checkpoint import Checkpoint, read_content, save_checkpoint
from ampnet.config import config_to_dict
from ampnet.errors import CheckpointError, TrainingError
from ampnet.training.defaults import RunConfig
from ampnet.training.ema import ExponentialMovingAverage
from ampnet.training.history import History

LAST, PREVIOUS, NEXT = "last.pt", "previous.pt", "next.pt"

FREE = {
    "data",
    "out",
    "name",
    "recipe_changes",
    "resume",
    "seeds",
    "workers",
    "gpus",
    "processes",
    "save_every",
    "tensorboard",
    "patience",
}
"""Settings that may change when a run is resumed: they do not affect any step."""


@dataclass(frozen=True, eq=False)
class TrainState:
    """A network in training, and everything else that changes at each step."""

    model: nn.Module
    """The network itself, whose weights are saved."""
    network: nn.Module
    """The callable network: the model, compiled or wrapped for several processes if configured."""
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    """Gradient scaler; active for fp16 only."""
    ema: ExponentialMovingAverage | None

    @property
    def evaluated_model(self) -> nn.Module:
        """The network that is evaluated and kept: the weight average if there is one, else the model."""
        return self.ema.model if self.ema else self.model


@dataclass(frozen=True)
class StepReport:
    """Progress since the last report, identical in all processes."""

    step: int
    """Finished steps of the epoch."""
    loss: float
    """Sum over the faces of all processes, like the next two."""
    hits: float
    images: float
    stop: bool
    """Whether any process requests a stop."""
    save: bool
    """Whether any process requests a save."""


@dataclass
class Progress:
    """Progress of a run."""

    epoch: int = 0
    """Finished epochs."""
    step: int = 0
    """Finished steps of the current epoch."""
    loss: float = 0.0
    """Sum over the faces of those steps in all processes, like the next two."""
    hits: float = 0.0
    images: float = 0.0
    history: History = field(default_factory=History)
    seconds: float = 0.0
    """Training time so far, over all parts of the run."""

    def add(self, report: StepReport) -> None:
        """Add a report."""
        self.step = report.step
        self.loss += report.loss
        self.hits += report.hits
        self.images += report.images

    def end_epoch(self) -> None:
        """Move to the start of the next epoch."""
        self.epoch, self.step = self.epoch + 1, 0
        self.loss = self.hits = self.images = 0.0

    def note(self) -> str:
        """Describe the epoch's loss and accuracy so far, for a progress bar."""
        count = max(self.images, 1)
        return f"loss {self.loss / count:.3f}, accuracy {self.hits / count:.1%}"


def run_identity(config: RunConfig, data_hash: str) -> dict[str, Any]:
    """Return all settings that must not change when a run is resumed, as a flat dict."""
    settings = {name: value for name, value in config_to_dict(config).items() if name not in FREE}
    recipe = settings.pop("recipe")
    augmentation = recipe.pop("augmentation")
    if recipe["schedule"] == "step":
        del recipe["epochs"]  # only the cosine schedule depends on the number of epochs
    return {**settings, **recipe, **augmentation, "data_hash": data_hash}


def save_state(
    folder: Path, checkpoint: Checkpoint, state: TrainState, progress: Progress, identity: Mapping[str, Any]
) -> None:
    """Write last.pt, and keep the earlier save as previous.pt; at least one of the two is complete at any time.

    Raises:
        DataError: the disk is full or the folder is not writable; the earlier save is kept.
    """
    training = {
        "identity": dict(identity),
        "weights": state.model.state_dict() if state.ema else None,  # without EMA they are in the checkpoint
        "optimizer": state.optimizer.state_dict(),
        "scaler": state.scaler.state_dict(),
        "epoch": progress.epoch,
        "step": progress.step,
        "totals": {"loss": progress.loss, "hits": progress.hits, "images": progress.images},
        "history": progress.history.to_dict(),
        "seconds": progress.seconds,
    }
    save_checkpoint(folder / NEXT, checkpoint, training)
    with suppress(FileNotFoundError):
        (folder / LAST).replace(folder / PREVIOUS)
    (folder / NEXT).replace(folder / LAST)


def read_state(folder: Path) -> tuple[dict[str, Any], str]:
    """Read the newest intact save of a run.

    Returns:
        Its content, empty if the run ended before its first save; and a message if newer saves are damaged.

    Raises:
        CheckpointError: all saves are damaged.
    """
    damaged: list[str] = []
    for name in (LAST, NEXT, PREVIOUS):
        if (folder / name).is_file():
            try:
                return read_content(folder / name), f"{damaged[0]}; resuming from {name}" if damaged else ""
            except CheckpointError as error:
                damaged.append(str(error))
    if damaged:
        raise CheckpointError(f"{folder} cannot be resumed: {'; '.join(damaged)}; start a new run")
    return {}, ""


def restore_state(content: Mapping[str, Any], state: TrainState, identity: Mapping[str, Any], folder: Path) -> Progress:
    """Restore a save into a newly built state.

    Raises:
        TrainingError: the settings or the data differ from those of the saved run.
        CheckpointError: the save holds no training state.
    """
    training = content.get("training")
    if training is None:
        raise CheckpointError(f"{folder / LAST} holds no training state; start a new run")
    check_same_run(training["identity"], identity, folder)
    state.evaluated_model.load_state_dict(content["model"])
    if state.ema:
        state.model.load_state_dict(training["weights"])
    state.optimizer.load_state_dict(training["optimizer"])
    state.scaler.load_state_dict(training["scaler"])
    return Progress(
        epoch=training["epoch"],
        step=training["step"],
        **training["totals"],
        history=History.from_dict(training["history"]),
        seconds=training["seconds"],
    )


def check_same_run(saved: Mapping[str, Any], now: Mapping[str, Any], folder: Path) -> None:
    """Check that settings and data are those of the saved run, ignoring settings that only one version of ampnet knows.

    Raises:
        TrainingError: they differ; the message names each setting with both values.
    """
    changed = [name for name in sorted(saved.keys() & now.keys()) if saved[name] != now[name]]
    if "data_hash" in changed:
        raise TrainingError(f"{folder} was trained on other data; give the same --data, or start a new run")
    if changed:
        differences = ", ".join(f"{name} (was {saved[name]}, now {now[name]})" for name in changed)
        raise TrainingError(f"{folder} was started with other settings: {differences}; repeat them, or start a new run")
