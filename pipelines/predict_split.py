"""The predictions of a checkpoint for a split of a prepared data set, in the classes that both have."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from ampnet.checkpoints.checkpoint import Checkpoint
from ampnet.checkpoints.header import run_settings
from ampnet.dataset.index.face_index import FaceIndex
from ampnet.dataset.index.splits import class_counts, split_indices, untrained_classes
from ampnet.dataset.loading.dataset import FaceDataset
from ampnet.dataset.loading.loader import loading_failures
from ampnet.dataset.loading.unreadable import describe_unreadable
from ampnet.errors import DataError
from ampnet.evaluation.matching import selection_notes
from ampnet.evaluation.predictions import PredictionTable, table_of
from ampnet.evaluation.runs import RunsScores
from ampnet.inference.calibration import read_prior, ruled_out, threshold_notes
from ampnet.inference.classifier import Classifier, faces_for
from ampnet.inference.precision import choose_precision
from ampnet.runtime.devices import choose_device
from ampnet.runtime.memory import keep_freed_memory
from ampnet.settings import EvalConfig, Split, UsePrecision
from pipelines.progress import notices, progress_bar
from pipelines.read_groups import read_groups
from pipelines.split_images import EvaluatedSplit, changed_since, read_split


@dataclass(frozen=True, eq=False)
class SplitPredictions:
    """Predictions for a split, and how they came about."""

    table: PredictionTable
    split: EvaluatedSplit
    notes: tuple[str, ...]
    groups: Mapping[str, NDArray[np.str_]]
    """``(N,)`` the group of each image, by column."""
    offsets: NDArray[np.floating] = field(default_factory=lambda: np.zeros(0))
    """``(K,)`` added to a checkpoint's fused logits; -inf for classes that the data set does not have."""
    precision: UsePrecision = "fp32"
    """``fp32`` or ``bf16``."""
    scores: RunsScores | None = None
    """Of each run, if there are several."""


def predict_split(
    config: EvalConfig, checkpoint: Checkpoint, index: FaceIndex, reserve: Callable[[], None], quiet: bool
) -> SplitPredictions:
    """Predict every image of a split with a checkpoint, in the classes that it shares with the data.

    Args:
        config: split, prior and machine; its checkpoint is not read.
        reserve: called once it is clear that there will be predictions, before the work begins.

    Raises:
        ConfigError: the prior does not fit the checkpoint.
        DataError: data and checkpoint share fewer than two classes, or the split has no usable face.
        TrainingError: a process that loads images died.
    """
    seed = run_settings(checkpoint.config).seed  # so that val is what the run itself held out
    split = read_split(index, config.split, checkpoint.class_names, seed)
    if not len(split.faces):
        raise DataError(f"{config.data} has no usable face in the split {config.split}; index/err.csv says why")
    groups = read_groups(split, config.by, config.groups)
    prior = None if config.prior is None else read_prior(config.prior)
    keep_freed_memory()
    reserve()

    device = choose_device(config.gpus)
    precision = choose_precision(config.precision, checkpoint, device, config.mirror, prior)
    if precision.note:
        notices(quiet).print(precision.note)
    classifier = Classifier.from_checkpoint(checkpoint, device, config.mirror, prior, precision.dtype)
    offsets = classifier.offsets = ruled_out(classifier.offsets, checkpoint.class_names, split.match.missing)
    faces = faces_for(checkpoint, split.faces)
    table = classify_split(config, classifier, split, faces, quiet)
    notes = (
        *threshold_notes(checkpoint, config.mirror, prior),
        *selection_notes(config.split, checkpoint.selected_on),
        *changed_since(checkpoint, index),
        *split.match.notes(),
        *_framing_notes(faces, checkpoint),
        *empty_notes(table, config.split, split.match.missing),
        *unreadable_notes(table),
        *_untrained_notes(index, config.split, seed),
    )
    used: UsePrecision = "bf16" if precision.dtype == torch.bfloat16 else "fp32"
    return SplitPredictions(table, split, notes, groups, offsets.numpy(), used)


def classify_split(
    config: EvalConfig, classifier: Classifier, split: EvaluatedSplit, faces: FaceDataset, quiet: bool
) -> PredictionTable:
    """Run a network over the usable faces of a split; an unreadable image does not affect the others.

    Raises:
        DataError: no image can be read.
        TrainingError: a process that loads images died.
    """
    bar = progress_bar(notices(quiet))
    with bar(f"eval {config.split}", len(faces)) as advance, loading_failures("use fewer --workers"):
        logits = classifier.collect_faces(faces, config.batch_size, config.workers, advance)
    kept, probabilities = logits.positions, classifier.probabilities(logits.local, logits.global_)
    heads = logits.local.numpy(), logits.global_.numpy()
    return table_of(split.images, kept, probabilities, *heads, unreadable=logits.unreadable)


def _framing_notes(faces: FaceDataset, checkpoint: Checkpoint) -> Iterator[str]:
    if faces.reframe:
        yield "the faces were warped to the framing of the checkpoint's training set"
    framing = faces.index.framing
    if framing is not None and framing.color == "grey" and checkpoint.framing.color == "rgb":
        yield "the images are greyscale, but the checkpoint was trained on colour"


def empty_notes(table: PredictionTable, split: str, noted: Sequence[str]) -> Iterator[str]:
    """Name the classes without images, except those that another note is about."""
    present = np.bincount(table.labels, minlength=len(table.class_names)) > 0
    names = [name for name, any_image in zip(table.class_names, present, strict=True) if not any_image]
    if empty := [name for name in names if name not in noted]:
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


def unreadable_notes(table: PredictionTable) -> Iterator[str]:
    """Report how many images cannot be read, and which."""
    if unreadable := int((table.status == "unreadable").sum()):
        yield f"unreadable images, counted as errors: {unreadable:,}"
    if table.unreadable:
        yield f"{describe_unreadable(table.unreadable)}; run prepare again"
