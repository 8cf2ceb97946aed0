"""`ampnet eval`: measure a checkpoint on a split of a prepared data set and write a report."""

import hashlib
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from ampnet.checkpoints.bundled import model_path
from ampnet.checkpoints.checkpoint import Checkpoint, load_checkpoint
from ampnet.config import EvalConfig, TrainConfig
from ampnet.data.index.face_index import FaceIndex, read_index
from ampnet.data.index.label_votes import MIN_VOTES
from ampnet.data.index.splits import split_indices
from ampnet.data.loading.dataset import FaceDataset, ShardedSequentialSampler, batch_loader
from ampnet.errors import DataError
from ampnet.evaluation.agreement import measure_agreement
from ampnet.evaluation.matching import ClassMatch, match_classes, selection_notes, undetected_by_class
from ampnet.evaluation.metrics import (
    Counts,
    accuracy,
    calibration_error,
    confusion_matrix,
    mean_recall,
    score,
    with_undetected,
)
from ampnet.evaluation.report import CrowdReport, EvalReport, PriorScores, check_free, free_folder, write_report
from ampnet.faces.framing import reframing
from ampnet.inference.classifier import Classifier, LabelledLogits
from ampnet.inference.prior import STRENGTHS, read_prior, strength_offsets
from ampnet.media.files import make_folder
from ampnet.models.ampnet import fuse_logits
from ampnet.runtime.devices import choose_device
from ampnet.runtime.memory import keep_freed_memory
from pipelines.model import find_model
from pipelines.progress import notices, progress_bar


@dataclass(frozen=True)
class EvalResult:
    """The report, and where it is."""

    report: EvalReport
    folder: Path
    """Holds the report's files."""


@dataclass(frozen=True, eq=False)
class _Measured:
    """One checkpoint's logits for the faces of one split."""

    file: Path
    checkpoint: Checkpoint
    faces: FaceIndex
    match: ClassMatch
    logits: LabelledLogits
    probabilities: NDArray[np.float32]

    @property
    def labels(self) -> NDArray[np.int64]:
        """Labels in the checkpoint's order."""
        return self.match.codes[self.logits.labels]

    @cached_property
    def majority(self) -> NDArray[np.int64]:
        """Each face's majority vote in the checkpoint's order; -1 without one."""
        votes = self.faces.votes
        return np.full(len(self.faces), -1) if votes is None else votes.majority(self.checkpoint.class_names)


def run(config: EvalConfig, quiet: bool = False) -> EvalResult:
    """Measure a checkpoint on one split and write the report.

    Raises:
        CheckpointError: the checkpoint cannot be used.
        ConfigError: the prior does not fit the checkpoint.
        DataError: the data cannot be used or share no classes with the checkpoint, the split is empty, or the
            report cannot be written.
        UsageError: there is no such checkpoint, or the folder holds a report on another evaluation.
    """
    start = time.monotonic()
    console = notices(quiet)
    file = find_model(config.checkpoint, console, "`ampnet eval CHECKPOINT`")
    folder = config.out or _default_folder(file, config)
    if not config.force:
        check_free(folder, file, config.data, config.split)
    checkpoint = load_checkpoint(file)
    index = read_index(config.data)
    match = match_classes(index.class_names, checkpoint.class_names)
    faces = _split(index, match, config, checkpoint)
    prior = None if config.prior is None else read_prior(config.prior)
    keep_freed_memory()
    make_folder(folder)

    device = choose_device(config.gpus)
    classifier = Classifier.from_checkpoint(checkpoint, device, config.mirror, prior)
    classifier.offsets = _without_missing(classifier.offsets, match, checkpoint)
    reframe = reframing(index.framing, faces.landmarks, checkpoint.framing)
    size, color = checkpoint.architecture.image_size, checkpoint.framing.color
    dataset = FaceDataset(faces, np.arange(len(faces)), size, color=color, reframe=reframe)
    batches = batch_loader(dataset, ShardedSequentialSampler(len(faces), config.batch_size), config.workers, device)
    with progress_bar(console)(f"eval {config.split}", len(faces)) as advance:
        logits = classifier.collect(batches, advance)

    probabilities = classifier.probabilities(logits.local, logits.global_)
    measured = _Measured(file, checkpoint, faces, match, logits, probabilities)
    reframed = ("the faces were warped to the framing of the checkpoint's training set",) if reframe else ()
    grey = index.framing is not None and index.framing.color == "grey" and checkpoint.framing.color == "rgb"
    greyed = ("the images are greyscale, but the checkpoint was trained on colour",) if grey else ()
    notes = (*selection_notes(config.split, checkpoint.selected_on), *match.notes(), *reframed, *greyed)
    report = _report(config, measured, index, notes, start)
    write_report(folder, report, _predictions(measured))
    return EvalResult(report, folder)


def _default_folder(file: Path, config: EvalConfig) -> Path:
    """Choose eval/<split> beside the checkpoint, or in the data folder for a bundled model.

    Checkpoints other than best.pt add their file's name, a second data set adds its own.
    """
    root = config.data if file.parent == model_path().parent else file.parent
    name = config.split if file.stem == "best" else f"{file.stem}-{config.split}"
    data = config.data.resolve()
    with_data = f"{name}-{data.name}"
    unique = f"{with_data}-{hashlib.sha256(str(data).encode(errors='surrogateescape')).hexdigest()[:8]}"
    return free_folder(root / "eval", (name, with_data, unique), file, config.data, config.split)


def _split(index: FaceIndex, match: ClassMatch, config: EvalConfig, checkpoint: Checkpoint) -> FaceIndex:
    seed = checkpoint.config.get("seed", TrainConfig.seed)  # so that val is what the run itself held out
    chosen = split_indices(index, seed=seed)[config.split]
    chosen = chosen[match.codes[index.labels[chosen]] >= 0]
    if not len(chosen):
        filled = sorted(set(index.splits) - {""}) or ["train", "val", "test"]
        raise DataError(f"{config.data} has no image in the split {config.split}; it has {', '.join(filled)}")
    return index.subset(chosen)


def _without_missing(offsets: torch.Tensor | None, match: ClassMatch, checkpoint: Checkpoint) -> torch.Tensor:
    """Rule out the classes that the data set does not have."""
    allowed = torch.zeros(len(checkpoint.class_names)) if offsets is None else offsets.clone()
    allowed[[checkpoint.class_names.index(name) for name in match.missing]] = -torch.inf
    return allowed


def _report(
    config: EvalConfig, measured: _Measured, index: FaceIndex, notes: tuple[str, ...], start: float
) -> EvalReport:
    checkpoint, codes, logits = measured.checkpoint, measured.match.codes, measured.logits
    names, labels = checkpoint.class_names, measured.labels
    rejected = index.undetected.get(config.split, {})
    undetected = undetected_by_class(rejected, index.class_names, codes, len(names))

    def matrix_of(answers: NDArray[np.int64]) -> Counts:
        return with_undetected(confusion_matrix(labels, answers, len(names)), undetected)

    matrix = matrix_of(measured.probabilities.argmax(axis=1))
    return EvalReport(
        checkpoint=measured.file,
        epoch=checkpoint.epoch,
        data=config.data,
        split=config.split,
        class_names=names,
        matrix=matrix,
        all=score(matrix, names),
        scored=score(matrix[:, :-1], names),
        local_accuracy=accuracy(matrix_of(logits.local.argmax(dim=1).numpy())),
        global_accuracy=accuracy(matrix_of(logits.global_.argmax(dim=1).numpy())),
        mirror=config.mirror,
        calibration_error=calibration_error(measured.probabilities, labels),
        crowd=_crowd(measured),
        priors=_priors(measured),
        unassigned=sum(index.undetected.get("", {}).values()),
        notes=notes,
        seconds=time.monotonic() - start,
    )


def _crowd(measured: _Measured) -> CrowdReport | None:
    """Compare the answers with the annotators' votes."""
    votes, names = measured.faces.votes, measured.checkpoint.class_names
    majority, decided = measured.majority, measured.majority >= 0
    if votes is None or not decided.any():
        return None
    answers = measured.probabilities[decided].argmax(axis=1)
    counts, total = votes.on_classes(names), votes.counts.sum(axis=1)
    return CrowdReport(
        measure_agreement(measured.probabilities, counts, total, votes.calls_no_face(), names, MIN_VOTES),
        score(confusion_matrix(majority[decided], answers, len(names)), names),
        calibration_error(measured.probabilities[decided], majority[decided]),
    )


def _priors(measured: _Measured) -> tuple[PriorScores, ...]:
    """Score the same logits under other class priors."""
    checkpoint, names = measured.checkpoint, measured.checkpoint.class_names
    if not checkpoint.class_shares:
        return ()
    fused = fuse_logits(measured.logits.local, measured.logits.global_, checkpoint.branch_weight)
    majority, decided = measured.majority, measured.majority >= 0
    rows = []
    for strength in STRENGTHS:
        offsets = strength_offsets(np.array(checkpoint.class_shares), strength)
        answers = (fused + _without_missing(offsets, measured.match, checkpoint)).argmax(dim=1).numpy()
        on_labels = confusion_matrix(measured.labels, answers, len(names))
        crowd: tuple[float | None, float | None] = None, None
        if decided.any():
            on_votes = confusion_matrix(majority[decided], answers[decided], len(names))
            crowd = accuracy(on_votes), mean_recall(on_votes)
        rows.append(PriorScores(strength, accuracy(on_labels), mean_recall(on_labels), *crowd))
    return tuple(rows)


def _predictions(measured: _Measured) -> pd.DataFrame:
    """List each scored image with its label, its prediction and the probability of every class."""
    probabilities = measured.probabilities.round(6)
    names = np.array(measured.checkpoint.class_names, dtype=object)
    predicted, labels = probabilities.argmax(axis=1), measured.labels
    table = pd.DataFrame(
        {
            "name": measured.faces.names,
            "label": names[labels],
            "prediction": names[predicted],
            "correct": (labels == predicted).astype(int),
            "probability": probabilities.max(axis=1),
        }
    )
    for code, name in enumerate(names):
        table[f"score_{name}"] = probabilities[:, code]
    return table
