"""The state of an unfinished run: saved so that going on gives what an undisturbed run gives, bit for bit.

A save holds weights, averaged weights, optimizer, scaler, place in the epoch and history. Learning rates,
the order of faces, their augmentation and each step's dropout are functions of seed and step, so they are
not in it.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ampnet.checkpoints.checkpoint import Checkpoint, read_content, save_checkpoint
from ampnet.config import TrainConfig, config_to_dict
from ampnet.errors import CheckpointError, TrainingError
from ampnet.training.history import History
from ampnet.training.loop import Totals, TrainState

LAST, PREVIOUS, NEXT = "last.pt", "previous.pt", "next.pt"

FREE = {
    "data",
    "out",
    "name",
    "resume",
    "seeds",
    "workers",
    "gpus",
    "processes",
    "save_every",
    "tensorboard",
    "patience",
}
"""Settings that may change between two parts of a run: they move or stop it, but decide no step."""


@dataclass
class RunState:
    """How far a run is."""

    epoch: int = 0
    """Finished epochs."""
    step: int = 0
    """Finished steps of the next epoch."""
    totals: Totals = field(default_factory=Totals)
    """Of those steps."""
    history: History = field(default_factory=History)
    seconds: float = 0.0
    """Spent so far, over all parts of the run."""


def run_identity(config: TrainConfig, data_hash: str) -> dict[str, Any]:
    """Give all that must stay the same for a run to be gone on with, flat, by name."""
    settings = {name: value for name, value in config_to_dict(config).items() if name not in FREE}
    recipe = settings.pop("recipe")
    augmentation = recipe.pop("augmentation")
    if recipe["schedule"] == "step":
        del recipe["epochs"]  # only the cosine schedule depends on the number of epochs
    return {**settings, **recipe, **augmentation, "data_hash": data_hash}


def save_state(
    folder: Path, checkpoint: Checkpoint, train_state: TrainState, state: RunState, identity: Mapping[str, Any]
) -> None:
    """Write last.pt; the one before becomes previous.pt.

    At any moment at least one of the two is whole.

    Raises:
        DataError: the disk is full or the folder cannot be written; the earlier save stays.
    """
    training = {
        "identity": dict(identity),
        "weights": train_state.model.state_dict() if train_state.average else None,  # else they are the checkpoint's
        "optimizer": train_state.optimizer.state_dict(),
        "scaler": train_state.scaler.state_dict(),
        "epoch": state.epoch,
        "step": state.step,
        "totals": asdict(state.totals),
        "history": state.history.to_dict(),
        "seconds": state.seconds,
    }
    save_checkpoint(folder / NEXT, checkpoint, training)
    with suppress(FileNotFoundError):
        (folder / LAST).replace(folder / PREVIOUS)
    (folder / NEXT).replace(folder / LAST)


@dataclass(frozen=True)
class SavedState:
    """A save that was read."""

    content: dict[str, Any]
    remark: str
    """Says so where it is not the newest; else empty."""


def read_state(folder: Path) -> SavedState | None:
    """Read the newest whole save of a run; None for a run that was ended before its first one.

    Raises:
        CheckpointError: there are saves, but none is whole.
    """
    for leftover in folder.glob(".*.partial"):
        leftover.unlink(missing_ok=True)  # another process of the run may be faster
    broken: list[str] = []
    for name in (LAST, NEXT, PREVIOUS):
        if (folder / name).is_file():
            try:
                return SavedState(read_content(folder / name), f"{broken[0]}; going on from {name}" if broken else "")
            except CheckpointError as error:
                broken.append(str(error))
    if broken:
        raise CheckpointError(f"{folder} cannot be gone on with: {'; '.join(broken)}; start a new run")
    return None


def restore_state(
    content: Mapping[str, Any], train_state: TrainState, identity: Mapping[str, Any], folder: Path
) -> RunState:
    """Put a saved run back into a freshly built train_state.

    Raises:
        TrainingError: the settings or the data are not those of the saved run; the message names them.
        CheckpointError: the save holds no training state.
    """
    training = content.get("training")
    if training is None:
        raise CheckpointError(f"{folder / LAST} holds no training state; start a new run")
    check_same_run(training["identity"], identity, folder)
    if train_state.average:
        train_state.average.model.load_state_dict(content["model"])
        train_state.model.load_state_dict(training["weights"])
    else:
        train_state.model.load_state_dict(content["model"])
    train_state.optimizer.load_state_dict(training["optimizer"])
    train_state.scaler.load_state_dict(training["scaler"])
    return RunState(
        epoch=training["epoch"],
        step=training["step"],
        totals=Totals(**training["totals"]),
        history=History.from_dict(training["history"]),
        seconds=training["seconds"],
    )


def check_same_run(saved: Mapping[str, Any], now: Mapping[str, Any], folder: Path) -> None:
    """Refuse to go on with a run under other settings; those that only one version of ampnet knows are passed over.

    Raises:
        TrainingError: naming each setting with both values.
    """
    changed = [name for name in sorted(saved.keys() & now.keys()) if saved[name] != now[name]]
    if "data_hash" in changed:
        raise TrainingError(f"{folder} was trained on other data; give the same --data, or start a new run")
    if changed:
        differences = ", ".join(f"{name} (was {saved[name]}, now {now[name]})" for name in changed)
        raise TrainingError(f"{folder} was started with other settings: {differences}; repeat them, or start a new run")
