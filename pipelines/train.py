"""`ampnet train`: train on a prepared data set, keep the best epoch, survive interruptions."""

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from ampnet.checkpoints.checkpoint import save_checkpoint
from ampnet.checkpoints.model_files import BEST
from ampnet.dataset.index.face_index import FaceIndex
from ampnet.dataset.index.folds import FOLDS_FILE, Folds, make_folds, read_folds, write_folds
from ampnet.dataset.loading.loader import loading_failures
from ampnet.dataset.loading.unreadable import describe_unreadable
from ampnet.dataset.open_index import open_training_index
from ampnet.errors import AmpnetError, DataError, UsageError, resumable
from ampnet.evaluation.metrics import accuracy, score
from ampnet.files.lock import lock_folder
from ampnet.files.opening import read_text
from ampnet.files.writing import write_json, write_text
from ampnet.runtime.collectives import broadcast_tensors, gather_objects
from ampnet.runtime.launch import is_launched, join_processes, launch
from ampnet.runtime.memory import keep_freed_memory
from ampnet.runtime.progress import ProgressBar, for_all
from ampnet.runtime.signals import StopRequest
from ampnet.settings import TrainConfig
from ampnet.training.defaults import Forecast, RunConfig, resolve_defaults
from ampnet.training.history import require_trackers
from ampnet.training.loop import SplitMetrics, evaluate, train_epoch
from ampnet.training.run import TrainingRun, open_run
from ampnet.training.run_folder import (
    CONFIG,
    CURVES,
    FOLDS,
    HISTORY,
    SEEDS,
    folder_to_resume,
    open_run_folder,
    saved_settings,
    saves_of,
    write_settings,
)
from pipelines.progress import notices, progress_bar
from pipelines.read_groups import SUBJECT, read_columns
from pipelines.split_images import read_split
from pipelines.train_results import RunsResult, TrainResult

MAX_LISTED = 20
"""Unreadable images listed after an epoch."""


def run(config: TrainConfig, quiet: bool = False) -> TrainResult | RunsResult:
    """Train once, or once for each seed or fold, on the processes that the config or torchrun asks for.

    Args:
        config: what to train on, and how; what it leaves open is as in the resumed run, or chosen for this machine.

    Raises:
        UsageError: the settings contradict each other or the machine.
        DataError: the data cannot be used, or the run folder cannot be written.
        CheckpointError: the weights to start from or the save to resume cannot be used.
        TrainingError: the loss is not finite, or the settings of a resumed run have changed.
        LockedError: another command trains in the run's folder.
        ProcessError: one of several processes died.
        KeyboardInterrupt: the run was asked to stop; it can be resumed.
    """
    if config.resume:
        config = saved_settings(config, folder_to_resume(config))
    chosen = resolve_defaults(config)
    forecast = Forecast(config, chosen)
    require_trackers(config.trackers)  # before processes start, which takes seconds
    before = _left(config)
    with resumable(lambda: _left(config) != before):
        return _run(config, chosen, forecast, quiet)


def _left(config: TrainConfig) -> tuple[dict[Path, int], bool]:
    """Return what --resume continues: saves, or the folder of that name."""
    return saves_of(config), config.name is not None and (config.out / config.name).is_dir()


def _run(config: TrainConfig, chosen: RunConfig, forecast: Forecast, quiet: bool) -> TrainResult | RunsResult:
    if not config.has_several_runs:
        return _run_once(chosen, forecast, quiet)
    if is_launched():
        raise UsageError("--seeds and --folds do not work under torchrun; start one torchrun for each --seed")
    index, folds = choose_folds(config) if config.folds else (None, None)  # first: it may be refused
    folder = open_run_folder(config)
    if folds and 0 < (unknown := folds.subjects.count("")) < len(folds.subjects):
        shown = f"{unknown:,} of {len(folds.subjects):,} images show an unknown person"
        notices(quiet).print(f"note: {shown}: such a person may be in several folds")
    with lock_folder(folder):
        former = ""
        with suppress(DataError):  # there is none, or it cannot be read, which no resumed run needs
            former = read_text(folder / CONFIG)
        write_settings(folder, config)  # of a resumed series, some may be new, and hold even if it is killed
        if index and folds and not (folder / FOLDS_FILE).exists():
            write_folds(folder / FOLDS_FILE, index.names, folds)
        runs = []
        for name, changes in _several(config, folds.count if folds else 0):
            begun = (folder / name).is_dir()
            alone: dict[str, Any] = {"seeds": 1, "folds": "", "subjects": "", "out": folder, "name": name}
            once = replace(chosen, **alone | changes, resume=config.resume and begun)
            try:
                runs.append(_run_once(once, forecast, quiet))
            except AmpnetError:
                if former and not runs:  # they do not fit
                    write_text(folder / CONFIG, former)
                raise
        result = RunsResult(folder, folds.count if folds else 0, tuple(runs))
        write_json(folder / (FOLDS if folds else SEEDS), result.to_dict())
    return result


def _several(config: TrainConfig, folds: int) -> Iterator[tuple[str, dict[str, int]]]:
    for seed in range(config.seed, config.seed + config.seeds):
        of_seed = f"seed{seed}" if config.seeds > 1 else ""
        if not folds:
            yield of_seed, {"seed": seed}
        for fold in range(1, folds + 1):
            yield f"{of_seed}{of_seed and '-'}fold{fold}", {"seed": seed, "fold": fold}


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
                console.print(note)
            listed = set[str]()
            while not training.is_finished():
                with loading_failures():
                    if not _train_one_epoch(training, stop, forecast, console, bar):
                        console.print(f"stopped and saved in epoch {training.progress.epoch + 1}")
                        return None
                    console.print(_finish_epoch(training, bar))
                    for line in _newly_unreadable(training, listed):
                        console.print(line)
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
    title = f"epoch {progress.epoch + 1}/{training.config.recipe.epochs}"
    with bar(title, order.faces, int(progress.images)) as advance:
        for report in reports:
            progress.add(report)
            advance(int(report.images), progress.note())
            if expected := forecast.add(report.images, order.faces, is_last=report.step == order.steps):
                console.print(expected)
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
        for tracker in training.trackers:
            tracker.add(row)
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
    with bar(training.config.select_on, process.world_size * len(training.selection_order.shard)) as advance:
        everybody = for_all(advance, process.world_size)
        return evaluate(model, batches, training.loss_fn, training.config.precision, process, everybody)


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


def choose_folds(config: TrainConfig) -> tuple[FaceIndex, Folds]:
    """Assign the faces of a data set to the folds that a config asks for, or read those of a series to resume.

    Raises:
        UsageError: --subjects names no column, or an empty one.
        DataError: the data set is streamed, or has too few people or faces; or a file cannot be read.
    """
    index = open_training_index(config.data)
    if index.shards is not None and index.shards.is_streamed:
        raise DataError(f"{config.data} is streamed, and folds need the names of all faces in memory")
    kept = config.out / (config.name or "") / FOLDS_FILE
    if config.resume and kept.exists():  # whatever has become of --subjects meanwhile
        return index, read_folds(kept, index)
    if config.subjects:
        file = Path(config.subjects) if Path(config.subjects).suffix.lower() == ".csv" else None
        names = index.class_names
        split = read_split(index, None, names, config.seed)
        column = config.subjects if file is None else SUBJECT
        values = read_columns(split, [column], file, "--subjects")[column]
        index = replace(index, subjects=values[: len(index)].tolist())
    return index, make_folds(index, config.folds, config.seed)
