"""`ampnet train`: train on a prepared data set, keep the best epoch, survive interruptions."""

import json
import statistics
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from ampnet.checkpoints.checkpoint import save_checkpoint
from ampnet.checkpoints.run_files import BEST
from ampnet.dataset.loading.loader import loading_failures
from ampnet.dataset.loading.unreadable import describe_unreadable
from ampnet.errors import UsageError
from ampnet.evaluation.metrics import accuracy, score
from ampnet.files.lock import lock_folder
from ampnet.files.writing import atomic_write
from ampnet.runtime.collectives import broadcast_tensors, gather_objects
from ampnet.runtime.launch import is_launched, join_processes, launch
from ampnet.runtime.memory import keep_freed_memory
from ampnet.runtime.progress import ProgressBar
from ampnet.runtime.signals import StopRequest
from ampnet.settings import TrainConfig, config_to_dict
from ampnet.training.defaults import Forecast, RunConfig, resolve_defaults
from ampnet.training.loop import SplitMetrics, evaluate, train_epoch
from ampnet.training.run import TrainingRun, open_run
from ampnet.training.run_folder import CONFIG, CURVES, HISTORY, SEEDS, open_run_folder
from ampnet.training.state import LAST
from pipelines.progress import notices, progress_bar

MAX_LISTED = 20
"""Unreadable images listed after an epoch."""


@dataclass(frozen=True)
class TrainResult:
    """What a finished run achieved."""

    data: Path
    folder: Path
    checkpoint: Path
    """The best epoch's."""
    seed: int
    epochs: int
    """Finished epochs; fewer than requested after an early stop."""
    best_epoch: int
    selected_on: str
    accuracy: float
    """Of the best epoch on the selection split."""
    macro_f1: float
    recall: dict[str, float | None]
    """Of each class on that split; None for a class without faces there."""
    unreadable: dict[str, str]
    """Name -> reason of each image that cannot be read and was left out."""
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain values for JSON."""
        return config_to_dict(self)

    def lines(self) -> list[str]:
        """Describe the result in a few lines, ending with the next command."""
        recalls = (f"{name} {'-' if value is None else f'{value:.1%}'}" for name, value in self.recall.items())
        return [
            f"best epoch: {self.best_epoch} of {self.epochs}, {self.selected_on} accuracy {self.accuracy:.2%}, "
            f"macro-F1 {self.macro_f1:.3f}{_warning(self.selected_on)}",
            f"by class: {', '.join(recalls)}",
            *([f"left out: {describe_unreadable(self.unreadable)}; run prepare again"] if self.unreadable else []),
            f"checkpoint: {self.checkpoint}; beside it {LAST}, {HISTORY}, {CURVES}, {CONFIG}",
            f"next: ampnet eval {self.folder} --data {self.data}",
        ]


@dataclass(frozen=True)
class SeedsResult:
    """What several runs achieved that differ in their seed."""

    runs: tuple[TrainResult, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return mean, spread and every run as plain values for JSON."""
        accuracies, scores = ([getattr(one, name) for one in self.runs] for name in ("accuracy", "macro_f1"))
        return {
            "accuracy_mean": statistics.mean(accuracies),
            "accuracy_deviation": statistics.stdev(accuracies),
            "macro_f1_mean": statistics.mean(scores),
            "macro_f1_deviation": statistics.stdev(scores),
            "runs": [one.to_dict() for one in self.runs],
        }

    def lines(self) -> list[str]:
        """List the runs, then their mean and sample standard deviation."""
        plain, first = self.to_dict(), self.runs[0]
        best = max(self.runs, key=lambda one: one.accuracy)
        return [
            *(f"seed {one.seed}: {one.accuracy:.2%}, macro-F1 {one.macro_f1:.3f} ({one.folder})" for one in self.runs),
            f"{first.selected_on} accuracy {plain['accuracy_mean']:.2%} +- {plain['accuracy_deviation']:.2%}, "
            f"macro-F1 {plain['macro_f1_mean']:.3f} +- {plain['macro_f1_deviation']:.3f} "
            f"over {len(self.runs)} seeds{_warning(first.selected_on)}",
            f"next: ampnet eval {best.folder} --data {best.data}",
        ]


def run(config: TrainConfig, quiet: bool = False) -> TrainResult | SeedsResult:
    """Train once, or once for each seed, on the processes that the config or torchrun asks for.

    Args:
        config: what to train on, and how; what it leaves open is chosen for this machine.
        quiet: show no progress and no notices.

    Raises:
        UsageError: the settings contradict each other or the machine.
        DataError: the data cannot be used, or the run folder cannot be written.
        CheckpointError: the weights to start from or the save to resume cannot be used.
        TrainingError: the loss is not finite, or the settings of a resumed run have changed.
        LockedError: another command trains in the run's folder.
        ProcessError: one of several processes died.
        KeyboardInterrupt: the run was asked to stop; it can be resumed.
    """
    chosen = resolve_defaults(config)
    forecast = Forecast(config, chosen)
    if config.seeds == 1:
        return _run_once(chosen, forecast, quiet)
    if is_launched():
        raise UsageError("--seeds does not work under torchrun; start one torchrun for each --seed")
    folder = open_run_folder(config, of_seeds=True)
    with lock_folder(folder):
        runs = []
        for seed in range(config.seed, config.seed + config.seeds):
            name = f"seed{seed}"
            begun = (folder / name).is_dir()
            once = replace(chosen, seed=seed, seeds=1, out=folder, name=name, resume=config.resume and begun)
            runs.append(_run_once(once, forecast, quiet))
        result = SeedsResult(tuple(runs))
        with atomic_write(folder / SEEDS) as aside:
            aside.write_text(json.dumps(result.to_dict(), indent=1, allow_nan=False), encoding="utf-8")
    return result


def _run_once(config: RunConfig, forecast: Forecast, quiet: bool) -> TrainResult:
    if config.processes == 1 or is_launched():
        result = train(config, forecast, quiet)
    else:
        result = launch("ampnet train", config.processes, train, config, forecast, quiet)
    if result is None:
        raise KeyboardInterrupt
    return result


def train(config: RunConfig, forecast: Forecast, quiet: bool = False) -> TrainResult | None:
    """Train in this process, which may be one of several; None when the run was asked to stop."""
    keep_freed_memory()
    with join_processes(config.gpus) as process, StopRequest() as stop:
        console = notices(quiet or not process.is_main)
        bar = progress_bar(console)
        with open_run(config, process, bar) as training:
            for note in training.notes:
                console.print(note, markup=False)
            listed = set[str]()
            while not training.is_finished():
                with loading_failures():
                    if not _train_one_epoch(training, stop, forecast, console, bar):
                        console.print(f"stopped and saved in epoch {training.progress.epoch + 1}")
                        return None
                    console.print(_finish_epoch(training, bar), markup=False)
                    for line in _newly_unreadable(training, listed):
                        console.print(line, markup=False)
            return _result(training)


def _train_one_epoch(
    training: TrainingRun, stop: StopRequest, forecast: Forecast, console: Console, bar: ProgressBar
) -> bool:
    """Train to the epoch's end; False if the run was asked to stop and has been saved."""
    progress, order, process = training.progress, training.order, training.process
    pause, last_save = 60 * training.config.save_every, time.monotonic()

    def stop_or_save() -> tuple[bool, bool]:
        return stop.made, process.is_main and time.monotonic() - last_save >= pause

    order.start_at(progress.epoch, progress.step)
    reports = train_epoch(
        training.state,
        training.unreadable.watch(training.batches),
        order,
        training.loss_fn,
        training.config,
        process,
        stop_or_save,
    )
    with bar(f"epoch {progress.epoch + 1}/{training.config.recipe.epochs}", order.faces) as advance:
        advance(int(progress.images), progress.note())
        for report in reports:
            progress.add(report)
            advance(int(report.images), progress.note())
            if expected := forecast.add(report.images, order.faces, is_last=report.step == order.steps):
                console.print(expected, markup=False)
            if report.stop or (report.save and report.step < order.steps):
                training.save()
                last_save = time.monotonic()
            if report.stop:
                return False
    return True


def _finish_epoch(training: TrainingRun, bar: ProgressBar) -> str:
    """Validate, keep the best, write the history, save; return the epoch's line."""
    progress, split, folder = training.progress, training.config.select_on, training.folder
    measured = _measure(training, bar)
    hits, macro_f1 = accuracy(measured.confusion), score(measured.confusion, training.class_names).macro_f1.value
    train_loss, train_accuracy = progress.loss / progress.images, progress.hits / progress.images
    progress.end_epoch()
    row = {
        "epoch": progress.epoch,
        "lr": max(group["lr"] for group in training.state.optimizer.param_groups),
        "train_loss": train_loss,
        "train_accuracy": train_accuracy,
        f"{split}_loss": measured.loss,
        f"{split}_accuracy": hits,
        f"{split}_macro_f1": macro_f1,
        "temperature": round(measured.temperature, 4),
        "seconds": round(training.seconds(), 1),
    }
    is_best = progress.history.add(row, hits, measured.loss, measured.confusion)
    if training.process.is_main:
        if is_best:
            save_checkpoint(folder / BEST, training.checkpoint())
        from ampnet.training.curves import save_curves  # loads matplotlib: slow, and only this process draws

        progress.history.write(folder / HISTORY)
        save_curves(folder / CURVES, progress.history.table(), folder.name, progress.history.best_epoch)
        training.tensorboard.add(row)
    training.save()
    return (
        f"epoch {progress.epoch}/{training.config.recipe.epochs}: train loss {train_loss:.4f}, accuracy "
        f"{train_accuracy:.2%}; {split} loss {measured.loss:.4f}, accuracy {hits:.2%}, macro-F1 {macro_f1:.3f}"
        f"{' (best)' if is_best else ''}"
    )


def _measure(training: TrainingRun, bar: ProgressBar) -> SplitMetrics:
    model, process = training.state.evaluated_model, training.process
    broadcast_tensors(model.buffers(), process)  # each process has its own normalisation statistics
    batches = training.unreadable.watch(training.selection)
    with bar(training.config.select_on, len(training.selection_order.shard)) as advance:
        return evaluate(model, batches, training.loss_fn, training.config.precision, process, advance)


def _newly_unreadable(training: TrainingRun, listed: set[str]) -> list[str]:
    """Collect the unreadable images of all processes, and describe those not yet listed."""
    reasons = training.unreadable.reasons
    for others in gather_objects(dict(reasons), training.process):
        reasons.update(others)
    new = {name: reason for name, reason in reasons.items() if name not in listed}
    listed.update(new)
    lines = [f"left out: {describe_unreadable({name: reason})}" for name, reason in list(new.items())[:MAX_LISTED]]
    return [*lines, f"left out: {len(new) - MAX_LISTED:,} more"] if len(new) > MAX_LISTED else lines


def _result(training: TrainingRun) -> TrainResult:
    history = training.progress.history
    scores = score(np.array(history.best_confusion, dtype=np.int64), training.class_names)
    return TrainResult(
        data=training.config.data,
        folder=training.folder,
        checkpoint=training.folder / BEST,
        seed=training.config.seed,
        epochs=training.progress.epoch,
        best_epoch=history.best_epoch,
        selected_on=training.config.select_on,
        accuracy=history.best_accuracy,
        macro_f1=scores.macro_f1.value,
        recall={one.name: one.recall.value if one.recall else None for one in scores.classes},
        unreadable=dict(training.unreadable.reasons),
        seconds=training.progress.seconds,
    )


def _warning(selected_on: str) -> str:
    return " (epoch chosen on the test split, which inflates this number)" if selected_on == "test" else ""
