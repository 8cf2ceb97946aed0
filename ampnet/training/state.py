"""The state of a training run, and writing it.

A resumed run (:mod:`ampnet.training.resume`) ends exactly as an uninterrupted one.

A save holds weights, averaged weights, optimizer, scaler, position in the epoch and history. Learning rates, the order
of faces, their augmentation and each step's dropout are functions of seed and step, so they need not be saved.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ampnet.checkpoints.checkpoint import Checkpoint, save_checkpoint
from ampnet.checkpoints.model_files import LAST, PREVIOUS
from ampnet.errors import DataError
from ampnet.files.printable import printable, reason_of
from ampnet.settings import config_to_dict
from ampnet.training.defaults import RunConfig
from ampnet.training.history import History
from ampnet.training.optimizer import ExponentialMovingAverage

NEXT = "next.pt"

FREE = {
    *("data", "out", "name", "recipe_changes", "resume", "seeds", "workers", "gpus", "processes", "save_every"),
    *("tensorboard", "mlflow", "patience"),
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
    try:
        if (folder / LAST).exists():
            (folder / LAST).replace(folder / PREVIOUS)
        (folder / NEXT).replace(folder / LAST)
    except OSError as error:
        raise DataError(f"cannot write {printable(folder / LAST)}: {reason_of(error)}") from error
