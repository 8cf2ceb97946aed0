"""Resuming a run: a save is checked against the network as a whole before anything of it is used.

A save that is damaged in any way is passed over, and the one before is tried.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
import torch
from msgspec import Meta
from torch import Tensor

from ampnet.checkpoints.checkpoint import StoredCheckpoint, open_checkpoint
from ampnet.checkpoints.header import Epoch, Number, Share, parse_header
from ampnet.checkpoints.model_files import LAST, PREVIOUS
from ampnet.checkpoints.network import read_matching
from ampnet.errors import CheckpointError, TrainingError
from ampnet.files.opening import exists
from ampnet.files.printable import printable
from ampnet.training.history import History
from ampnet.training.state import NEXT, Progress, TrainState

DATA_HASH = "data_hash"
"""Setting of a run's identity that stands for its data."""

SHOWN_CHANGES = 3
"""Changed settings that a message lists in full."""

_Count = Annotated[int, Meta(ge=0, le=2**40)]
_Sum = Annotated[float, Meta(ge=0, le=1e15)]
_Row = Annotated[dict[str, _Count | Number], Meta(max_length=100)]


class _Totals(msgspec.Struct):
    loss: Number
    hits: _Sum
    images: _Sum


class _Best(msgspec.Struct):
    epoch: Annotated[int, Meta(ge=1)]
    accuracy: Share
    confusion: list[list[_Count]]
    loss: Number = math.inf  # runs of earlier versions did not store it


class _History(msgspec.Struct):
    rows: list[_Row]
    best: _Best | None


class _Optimizer(msgspec.Struct):
    state: dict[int, dict[str, Any]]
    param_groups: list[dict[str, Any]]


class _Training(msgspec.Struct):
    """What :func:`ampnet.training.state.save_state` writes beside the checkpoint."""

    identity: dict[str, Any]
    weights: dict[str, Any] | None
    optimizer: _Optimizer
    scaler: dict[str, int | float]
    epoch: Epoch
    step: Annotated[int, Meta(ge=0)]
    totals: _Totals
    history: _History
    seconds: _Sum


@dataclass(frozen=True)
class _Save:
    """A save that fits the network in every part."""

    evaluated: dict[str, Tensor]
    weights: dict[str, Tensor] | None
    optimizer: dict[str, Any]
    scaler: dict[str, Any]
    progress: Progress

    def restore(self, state: TrainState) -> None:
        state.evaluated_model.load_state_dict(self.evaluated)
        if self.weights is not None:
            state.model.load_state_dict(self.weights)
        state.optimizer.load_state_dict(self.optimizer)
        state.scaler.load_state_dict(self.scaler)


def resume_run(folder: Path, state: TrainState, identity: Mapping[str, Any], steps: int) -> tuple[Progress | None, str]:
    """Restore the newest intact save of a run.

    Args:
        state: the newly built state; changed in place.
        identity: settings that must be those of the saved run.

    Returns:
        The run's progress, None if it ended before its first save; and a message if newer saves are damaged.

    Raises:
        TrainingError: the settings or the data differ from those of the saved run.
        CheckpointError: all saves are damaged, or belong to another network.
    """
    damaged: dict[str, str] = {}
    for name in (LAST, NEXT, PREVIOUS):
        if not exists(folder / name):
            continue
        try:
            save = _read_save(folder / name, state, identity, steps)
        except CheckpointError as error:
            damaged[name] = str(error)
            continue
        if isinstance(save, str):
            raise TrainingError(f"{printable(folder, 100)} {save}, or start a new run")
        save.restore(state)
        return save.progress, f"{next(iter(damaged.values()))}; resuming from {name}" if damaged else ""
    if not damaged:
        return None, ""
    (_, reason), *others = damaged.items()
    earlier = (
        f"{' and '.join(name for name, _ in others)} cannot be used either" if others else "there is no other save"
    )
    raise CheckpointError(f"{reason}; {earlier}; start a new run")


def changed_settings(saved: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Describe how settings and data differ from those of the saved run, ignoring settings that only one version knows.

    Returns:
        What the run was and what to do, for a message; empty if nothing differs.
    """
    changed = [name for name in sorted(saved.keys() & now.keys()) if saved[name] != now[name]]
    if DATA_HASH in changed:
        return "was trained on other data; give the same --data"
    differences = [
        f"{name} (was {printable(saved[name], 40)}, now {printable(now[name], 40)})" for name in changed[:SHOWN_CHANGES]
    ]
    if len(changed) > SHOWN_CHANGES:
        differences.append(f"and {len(changed) - SHOWN_CHANGES} more")
    return f"was started with other settings: {', '.join(differences)}; repeat them" if differences else ""


def _read_save(file: Path, state: TrainState, identity: Mapping[str, Any], steps: int) -> _Save | str:
    """Read a save and check all of it; gives a text instead if it belongs to a run with other settings.

    Raises:
        CheckpointError: any part of it is damaged.
    """
    with open_checkpoint(file) as stored:
        plain = stored.training()
        if plain is None:
            raise CheckpointError("it holds no training state")
        training = msgspec.convert(plain, _Training)
        if not isinstance(training.identity.get(DATA_HASH), str):
            raise CheckpointError("it does not say on which data it was trained")
        if changed := changed_settings(training.identity, identity):
            return changed
        return _check_save(stored, training, state, steps)


def _check_save(stored: StoredCheckpoint, training: _Training, state: TrainState, steps: int) -> _Save:
    header = parse_header(stored.header)
    if header.epoch != training.epoch:
        raise CheckpointError("its epoch is inconsistent")
    if (training.weights is None) != (state.ema is None):
        raise CheckpointError("it holds the weights of another kind of run")
    return _Save(
        progress=_progress(training, steps, len(header.class_names)),
        optimizer=_optimizer_state(training.optimizer, state.optimizer),
        scaler=_scaler_state(training.scaler, state.scaler.state_dict()),
        evaluated=read_matching(stored.tensors, state.evaluated_model.state_dict()),
        weights=None if training.weights is None else read_matching(training.weights, state.model.state_dict()),
    )


def _progress(training: _Training, steps: int, num_classes: int) -> Progress:
    totals, rows, best = training.totals, training.history.rows, training.history.best
    _demand(training.step <= steps, f"it is at step {training.step} of {steps}")
    _demand(totals.hits <= totals.images, "it counts more hits than images")
    _demand((totals.images > 0) == (training.step > 0), "its sums do not fit its step")
    _demand([row.get("epoch") for row in rows] == list(range(1, training.epoch + 1)), "its history lacks epochs")
    _demand(all(row.keys() == rows[0].keys() for row in rows), "its history lacks values")
    _demand((best is None) == (not rows), "its history lacks the best epoch")
    history = History(rows)
    if best is not None:
        shape = [len(row) for row in best.confusion]
        _demand(best.epoch <= len(rows), "its best epoch is not among its epochs")
        _demand(shape == [num_classes] * num_classes, "its confusion matrix is not square")
        _demand(any(map(any, best.confusion)), "its confusion matrix is empty")
        history = History(rows, best.epoch, best.accuracy, best.confusion, best.loss)
    return Progress(training.epoch, training.step, totals.loss, totals.hits, totals.images, history, training.seconds)


def _optimizer_state(saved: _Optimizer, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Check moments and groups; all but the learning rates of the groups is the new optimizer's own."""
    groups = optimizer.state_dict()["param_groups"]
    _demand(len(saved.param_groups) == len(groups), "its optimizer has other groups")
    for group, own in zip(saved.param_groups, groups, strict=True):
        rate = msgspec.convert(group.get("lr"), Number)
        _demand(0 <= rate <= own["peak"], "its learning rate is out of range")
        same = all(_listed(group[key]) == _listed(own[key]) for key in group.keys() & own.keys() - {"lr"})
        _demand(same and group.get("params") == own["params"], "its optimizer has other settings")
        own["lr"] = rate
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    is_adam = isinstance(optimizer, torch.optim.AdamW)
    names = {"step", "exp_avg", "exp_avg_sq"} if is_adam else {"momentum_buffer"}
    _demand(saved.state.keys() in (set(), set(range(len(parameters)))), "its optimizer lacks parameters")
    state = {}
    for number, entry in saved.state.items():
        _demand(entry.keys() == names, "its optimizer lacks moments")
        expected = {name: torch.zeros(()) if name == "step" else parameters[number] for name in names}
        state[number] = read_matching(entry, expected)
        _demand(
            all((state[number][name] >= 0).all() for name in names & {"step", "exp_avg_sq"}),
            "its optimizer's squares are negative",
        )
    return {"state": state, "param_groups": groups}


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _scaler_state(saved: dict[str, int | float], own: dict[str, Any]) -> dict[str, Any]:
    _demand(saved.keys() == own.keys(), "its gradient scaler is of another kind")
    for name, value in saved.items():
        changes = name in ("scale", "_growth_tracker")
        _demand(0 <= value < 1e38 and (changes or value == own[name]), "its gradient scaler is out of range")
    return {name: type(own[name])(value) for name, value in saved.items()}


def _demand(holds: bool, fault: str) -> None:
    if not holds:
        raise CheckpointError(f"it is damaged: {fault}")
