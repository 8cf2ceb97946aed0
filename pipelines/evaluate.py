"""`ampnet eval`: measure a checkpoint, or any tool's predictions, on a split of a prepared data set."""

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ampnet.checkpoints.bundled import model_path
from ampnet.checkpoints.checkpoint import Checkpoint, load_checkpoint
from ampnet.dataset.index.face_index import FaceIndex
from ampnet.dataset.index.image_files import is_inside
from ampnet.dataset.index.label_votes import MIN_VOTES
from ampnet.dataset.index.splits import class_counts, split_indices, untrained_classes
from ampnet.dataset.loading.dataset import FaceDataset
from ampnet.dataset.loading.loader import loading_failures
from ampnet.dataset.loading.unreadable import describe_unreadable
from ampnet.dataset.open_index import open_split, read_index
from ampnet.errors import DataError
from ampnet.evaluation.matching import ClassMatch, match_classes, selection_notes
from ampnet.evaluation.predictions import PredictionTable, table_of
from ampnet.evaluation.predictions_file import read_predictions
from ampnet.evaluation.report import EvalReport, Fusion, measure
from ampnet.faces.framing import Framing, reframing
from ampnet.files.lock import lock_folder
from ampnet.files.printable import printable
from ampnet.inference.classifier import Classifier
from ampnet.inference.precision import choose_precision
from ampnet.inference.prior import STRENGTHS, read_prior, strength_offsets
from ampnet.reports.page import write_page
from ampnet.reports.report_files import check_free, free_folder, write_report
from ampnet.runtime.devices import choose_device
from ampnet.runtime.memory import keep_freed_memory
from ampnet.settings import EvalConfig, Split, TrainConfig, UsePrecision
from pipelines.groups import read_groups
from pipelines.mistakes import confident_mistakes
from pipelines.model import find_model
from pipelines.progress import notices, progress_bar
from pipelines.provenance import describe, provenance_of
from pipelines.side_files import SideFiles
from pipelines.split_images import EvaluatedSplit, read_split


@dataclass(frozen=True)
class EvalResult:
    """The report, and where it is."""

    report: EvalReport
    folder: Path | None
    """Holds the report's files; None if it is read-only and was not asked for."""
    problem: str | None = None
    """Why a file of the report could not be written."""


@dataclass(frozen=True, eq=False)
class SplitPredictions:
    """A checkpoint's predictions for a split, and how they came about."""

    table: PredictionTable
    split: EvaluatedSplit
    match: ClassMatch
    offsets: NDArray[np.floating]
    """``(K,)`` added to the fused logits; -inf for classes that the data set does not have."""
    notes: tuple[str, ...]
    precision: UsePrecision
    """``fp32`` or ``bf16``."""
    groups: Mapping[str, NDArray[np.str_]]
    """``(N,)`` the group of each image, by column."""


def run(config: EvalConfig, quiet: bool = False) -> EvalResult:
    """Measure a checkpoint or a file of predictions on one split and write the report.

    Raises:
        CheckpointError: the checkpoint cannot be used.
        ConfigError: the prior does not fit the checkpoint.
        DataError: the data or the predictions cannot be used, the data share no classes with the checkpoint, the
            split is empty, or --out cannot be written to.
        UsageError: there is no such checkpoint, or the folder holds a report on another evaluation.
        LockedError: another command is using the report's folder.
    """
    start = time.monotonic()
    file = config.predictions or find_model(config.checkpoint, notices(quiet), "`ampnet eval CHECKPOINT`")
    side = SideFiles(config.out or _default_folder(file, config), config.out is not None, "report and predictions")
    if side.folder and not config.force:
        check_free(side.folder, file, config.data, config.split)
    with ExitStack() as held:
        reserve = partial(_reserve, config, file, side.folder, quiet, held)
        if config.predictions:
            report, faces = _of_predictions(config, file, reserve, start)
        else:
            report, faces = _of_checkpoint(config, file, reserve, quiet, start)
        side.write(lambda folder: write_page(folder, report, confident_mistakes(report.table, faces)))
        side.write(lambda folder: write_report(folder, report))
    return EvalResult(report, side.folder, side.problem)


def _reserve(config: EvalConfig, file: Path, folder: Path | None, quiet: bool, held: ExitStack) -> None:
    """Create the report's folder, once it is clear that there will be a report, and keep other commands out of it."""
    if folder is None:
        return
    if warning := held.enter_context(lock_folder(folder)):
        notices(quiet).print(f"warning: {warning}")
    if not config.force:
        check_free(folder, file, config.data, config.split)  # again: another command may have changed it


def _of_checkpoint(
    config: EvalConfig, file: Path, reserve: Callable[[], None], quiet: bool, start: float
) -> tuple[EvalReport, FaceIndex]:
    checkpoint = load_checkpoint(file)
    index = open_split(config.data, config.split)
    done = predict_split(config, checkpoint, index, reserve, quiet)
    config = replace(config, precision=done.precision)
    offsets, shares = done.offsets, np.array(checkpoint.class_shares)
    strengths = [
        (strength, _without_missing(strength_offsets(shares, strength), done.match, checkpoint).numpy())
        for strength in STRENGTHS
        if checkpoint.class_shares
    ]
    report = measure(
        done.table,
        provenance_of(config, file, index, describe(checkpoint, config, offsets)),
        fusion=Fusion(
            beta=checkpoint.branch_weight,
            offsets=offsets,
            priors=tuple(strengths),
            rejection_threshold=checkpoint.rejection_threshold,
        ),
        groups=done.groups,
        min_votes=MIN_VOTES,
        notes=done.notes,
        unassigned=done.split.unassigned,
        seconds=time.monotonic() - start,
        protocol=config.protocol,
    )
    return report, done.split.faces


def predict_split(
    config: EvalConfig, checkpoint: Checkpoint, index: FaceIndex, reserve: Callable[[], None], quiet: bool
) -> SplitPredictions:
    """Predict every image of a split with a checkpoint, in the classes that it shares with the data.

    Args:
        config: split, prior and machine; its checkpoint is not read.
        checkpoint: the network.
        index: the prepared data set.
        reserve: called once it is clear that there will be predictions, before the work begins.
        quiet: show no progress.

    Raises:
        ConfigError: the prior does not fit the checkpoint.
        DataError: data and checkpoint share fewer than two classes, or the split has no usable face.
        TrainingError: a process that loads images died.
    """
    match = match_classes(index.class_names, checkpoint.class_names)
    seed = checkpoint.config.get("seed", TrainConfig.seed)  # so that val is what the run itself held out
    split = read_split(index, config.split, match, checkpoint.class_names, seed)
    if not len(split.faces):
        raise DataError(f"{config.data} has no usable face in the split {config.split}; index/err.csv says why")
    groups = read_groups(split, config.by, config.groups)
    prior = None if config.prior is None else read_prior(config.prior)
    keep_freed_memory()
    reserve()

    device = choose_device(config.gpus)
    precision = choose_precision(config.precision, checkpoint, device, config.mirror, prior)
    if precision.note:
        notices(quiet).print(precision.note, markup=False)
    classifier = Classifier.from_checkpoint(checkpoint, device, config.mirror, prior, precision.dtype)
    offsets = classifier.offsets = _without_missing(classifier.offsets, match, checkpoint)
    reframe = reframing(index.framing, split.faces.landmarks, checkpoint.framing)
    table = classify_split(config, checkpoint, classifier, split, reframe, quiet)
    notes = (
        *selection_notes(config.split, checkpoint.selected_on),
        *match.notes(),
        *_framing_notes(index, checkpoint, reframe),
        *_empty_notes(table, config.split, match.missing),
        *_unreadable_notes(table),
        *_untrained_notes(index, config.split, seed),
    )
    used: UsePrecision = "bf16" if precision.dtype == torch.bfloat16 else "fp32"
    return SplitPredictions(table, split, match, offsets.numpy(), notes, used, groups)


def _of_predictions(
    config: EvalConfig, file: Path, reserve: Callable[[], None], start: float
) -> tuple[EvalReport, FaceIndex]:
    index = read_index(config.data)
    names = index.class_names
    split = read_split(index, config.split, match_classes(names, names), names, TrainConfig.seed)
    groups = read_groups(split, config.by, config.groups)
    read = read_predictions(file, split.images, split.elsewhere)
    reserve()
    report = measure(
        read.table,
        provenance_of(config, file, index, {}),
        groups=groups,
        min_votes=MIN_VOTES,
        notes=(*read.notes, *_empty_notes(read.table, config.split, read.table.class_names[len(names) :])),
        unassigned=split.unassigned,
        seconds=time.monotonic() - start,
        protocol=config.protocol,
    )
    return report, split.faces


def classify_split(
    config: EvalConfig,
    checkpoint: Checkpoint,
    classifier: Classifier,
    split: EvaluatedSplit,
    reframe: Framing | None,
    quiet: bool,
) -> PredictionTable:
    """Run a network over the usable faces of a split; an unreadable image does not affect the others.

    Raises:
        DataError: no image can be read.
        TrainingError: a process that loads images died.
    """
    faces, count = split.faces, len(split.faces)
    size, color = checkpoint.architecture.image_size, checkpoint.framing.color
    dataset = FaceDataset(faces, np.arange(count), size, color=color, reframe=reframe)
    bar = progress_bar(notices(quiet))
    with bar(f"eval {config.split}", count) as advance, loading_failures("use fewer --workers"):
        logits = classifier.collect_faces(dataset, config.batch_size, config.workers, advance)
    kept, probabilities = logits.positions, classifier.probabilities(logits.local, logits.global_)
    heads = logits.local.numpy(), logits.global_.numpy()
    return table_of(split.images, kept, probabilities, *heads, unreadable=logits.unreadable)


def _default_folder(file: Path, config: EvalConfig) -> Path:
    """Choose eval/<split> beside the checkpoint or the predictions, or in the data folder for a bundled model.

    All but a run's best checkpoint add their name, a second data set adds its own.

    Raises:
        DataError: a link in a folder of someone else's leads to the report's.
    """
    root = config.data if file.parent == model_path().parent else file.parent
    is_best = file.stem == "best" and config.predictions is None
    name = config.split if is_best else f"{file.stem}-{config.split}"
    data = config.data.resolve()
    with_data = f"{name}-{data.name}"
    unique = f"{with_data}-{hashlib.sha256(str(data).encode(errors='surrogateescape')).hexdigest()[:8]}"
    folder = free_folder(root / "eval", (name, with_data, unique), file, config.data, config.split)
    if not is_inside(folder, os.path.realpath(root)):
        raise DataError(f"{printable(folder)} leads out of {root} by a link; choose the report's folder with --out")
    return folder


def _without_missing(offsets: torch.Tensor | None, match: ClassMatch, checkpoint: Checkpoint) -> torch.Tensor:
    """Rule out the classes that the data set does not have."""
    allowed = torch.zeros(len(checkpoint.class_names)) if offsets is None else offsets.clone()
    allowed[[checkpoint.class_names.index(name) for name in match.missing]] = -torch.inf
    return allowed


def _framing_notes(index: FaceIndex, checkpoint: Checkpoint, reframe: Framing | None) -> Iterator[str]:
    if reframe:
        yield "the faces were warped to the framing of the checkpoint's training set"
    if index.framing is not None and index.framing.color == "grey" and checkpoint.framing.color == "rgb":
        yield "the images are greyscale, but the checkpoint was trained on colour"


def _empty_notes(table: PredictionTable, split: str, told: Sequence[str]) -> Iterator[str]:
    """Name the classes without images, except those that another note is about."""
    present = np.bincount(table.labels, minlength=len(table.class_names)) > 0
    names = [name for name, any_image in zip(table.class_names, present, strict=True) if not any_image]
    if empty := [name for name in names if name not in told]:
        yield f"no image of {', '.join(empty)} in {split}: means over the classes leave it out"


def _untrained_notes(index: FaceIndex, split: Split, seed: int) -> Iterator[str]:
    """Name the classes of the split that the data set has no training image of."""
    if index.shards is not None and (index.shards.only or index.shards.is_streamed):
        return  # the other splits are not read
    parts = split_indices(index, seed)
    there = class_counts(index, parts[split])
    for name in untrained_classes(index, parts["train"]):
        if count := int(there[index.class_names.index(name)]):
            yield f"no training image of {name} in {index.root}, which has {count:,} of it in {split}"


def _unreadable_notes(table: PredictionTable) -> Iterator[str]:
    if unreadable := int((table.status == "unreadable").sum()):
        yield f"unreadable images, counted as errors: {unreadable:,}"
    if table.unreadable:
        yield f"{describe_unreadable(table.unreadable)}; run prepare again"
