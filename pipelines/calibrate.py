"""`ampnet calibrate`: fit temperature and rejection threshold on the validation split, for a checkpoint to keep."""

import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ampnet.checkpoints.checkpoint import Checkpoint, load_checkpoint, open_checkpoint, save_checkpoint
from ampnet.checkpoints.header import run_settings
from ampnet.checkpoints.model_files import model_path
from ampnet.dataset.index.face_index import FaceIndex
from ampnet.dataset.index.splits import split_indices
from ampnet.dataset.loading.loader import loading_failures
from ampnet.dataset.loading.unreadable import describe_unreadable
from ampnet.dataset.open_index import open_split
from ampnet.errors import DataError, UsageError
from ampnet.evaluation.matching import match_classes
from ampnet.evaluation.reliability import ProbabilityScores, RiskCoverage, score_probabilities, score_risk_coverage
from ampnet.files.lock import refuse_locked
from ampnet.files.printable import counted, printable
from ampnet.files.writing import make_folder, refuse_overwrite
from ampnet.inference.calibration import (
    MAX_TEMPERATURE,
    MIN_TEMPERATURE,
    fit_temperature,
    threshold_for_coverage,
    threshold_for_precision,
)
from ampnet.inference.classifier import Classifier, faces_for
from ampnet.reports.figures import FORMATS, draw_reliability, draw_risk_coverage, save_figures
from ampnet.runtime.devices import choose_device
from ampnet.runtime.memory import keep_freed_memory
from ampnet.settings import CalibrateConfig, Split
from ampnet.settings.recipes import Recipe
from ampnet.training.targets import selection_faces
from pipelines.model import find_model
from pipelines.progress import notices, progress_bar
from pipelines.result_folder import ResultFolder, is_writable
from pipelines.split_images import changed_since, refuse_seen_faces

SPLIT: Split = "val"
"""The split that fits: faces that taught the network nothing, and that no result is reported on."""


FIGURES = ("reliability", "risk_coverage")


@dataclass(frozen=True)
class CalibrateResult:
    """What was fitted, and what it changes on the faces that fitted it."""

    checkpoint: Path
    """The calibrated one."""
    figures: Path
    """Folder of the figures."""
    temperature_before: float
    temperature: float
    before: ProbabilityScores
    after: ProbabilityScores
    threshold_before: float
    risk_coverage: RiskCoverage
    """After, with the rejection threshold's point."""
    problem: str | None = None
    """Why a figure could not be written."""

    @property
    def threshold(self) -> float:
        """The rejection threshold; 0 never rejects."""
        return self.risk_coverage.rejection.threshold if self.risk_coverage.rejection else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain values for JSON."""
        return {name: value for name, value in asdict(self).items() if name != "problem"} | {
            "checkpoint": str(self.checkpoint),
            "figures": str(self.figures),
            "rejection_threshold": self.threshold,
        }

    def lines(self) -> list[str]:
        """Describe it in a few lines."""
        old, new = self.before, self.after
        lines = [
            f"temperature {self.temperature_before:.3f} -> {self.temperature:.3f}, "
            f"fitted on {counted(new.images, 'face')} of {SPLIT}",
            f"calibration error {old.calibration_error.value:.1%} -> {new.calibration_error.value:.1%}, "
            f"log loss {old.log_loss.value:.3f} -> {new.log_loss.value:.3f}",
        ]
        if self.temperature in (MIN_TEMPERATURE, MAX_TEMPERATURE):
            share = "nearly all" if self.temperature < 1 else "no more answers than by chance"
            lines.append(f"the temperature is at the end of its range, as {share} are right: probabilities say little")
        if (chosen := self.risk_coverage.rejection) and chosen.risk:
            low, high = chosen.risk.interval
            overall = self.risk_coverage.curve[-1].risk
            everything = f" (of all: {1 - overall.value:.1%})" if overall else ""
            lines.append(
                f'below a probability of {chosen.threshold:.3f} the answer is "not sure"; {chosen.coverage:.1%} of the '
                f"faces get one, {1 - chosen.risk.value:.1%} [{100 - 100 * high:.1f}, {100 - 100 * low:.1f}] of these "
                f"answers are right{everything}"
            )
        elif self.threshold_before:
            lines.append("every face gets an answer: the former rejection threshold was dropped")
        else:
            lines.append("every face gets an answer; --coverage or --precision sets a rejection threshold")
        return [*lines, f"checkpoint: {self.checkpoint}", f"figures: {self.figures}"]


def run(config: CalibrateConfig, quiet: bool = False) -> CalibrateResult:
    """Fit temperature and rejection threshold on the validation split, and write the checkpoint with both.

    Raises:
        UsageError: there is no such checkpoint, it is the run of one fold of these data, the file to write exists and
            may not be replaced, belongs to the package, or holds a training state.
        LockedError: another command is using the folder to write to, such as the run's own training.
        CheckpointError: the checkpoint cannot be used.
        DataError: the data cannot be used, the split is empty, the data share no classes with the checkpoint, no
            threshold gives the precision, or a file cannot be written.
    """
    console = notices(quiet)
    file = find_model(config.checkpoint, console, "`ampnet calibrate CHECKPOINT`")
    target = _target(config, file)
    figures = _figures(target)
    checkpoint = load_checkpoint(file)
    index = open_split(config.data, SPLIT)
    refuse_seen_faces(checkpoint, index)
    for note in changed_since(checkpoint, index):
        console.print(f"note: {note}")
    faces = _held_out_faces(index, checkpoint)
    keep_freed_memory()
    logits, labels = _fused_logits(config, checkpoint, *faces, quiet)

    temperature = round(fit_temperature(logits, torch.from_numpy(labels)), 4)
    before, after = (_probabilities(logits, divisor) for divisor in (checkpoint.temperature, temperature))
    threshold = _threshold(config, after, labels)
    result = CalibrateResult(
        checkpoint=target,
        figures=figures,
        temperature_before=checkpoint.temperature,
        temperature=temperature,
        before=score_probabilities(before, labels),
        after=score_probabilities(after, labels),
        threshold_before=checkpoint.rejection_threshold,
        risk_coverage=score_risk_coverage(after, labels, threshold),
    )
    if target.exists():
        refuse_locked(target.parent)  # again: a training may have begun
    save_checkpoint(target, replace(checkpoint, temperature=temperature, rejection_threshold=threshold))
    side = ResultFolder(figures, True, "figures")
    side.write(lambda folder: _draw(folder, target, result))
    return replace(result, problem=side.problem)


def _draw(folder: Path, target: Path, result: CalibrateResult) -> None:
    make_folder(folder)
    title = f"{printable(target.name, 60)}: reliability on {SPLIT}"
    reliability = draw_reliability({"before: ": result.before, "after: ": result.after}, title)
    risk_coverage = draw_risk_coverage(result.risk_coverage, f"{SPLIT}: risk and coverage")
    save_figures(folder, dict(zip(FIGURES, (reliability, risk_coverage), strict=True)))


def _target(config: CalibrateConfig, file: Path) -> Path:
    """Choose the file to write, before any work is done."""
    wanted = config.out or file
    if Path(os.path.realpath(wanted)).parent == Path(os.path.realpath(model_path())).parent:
        raise UsageError("the bundled models are never changed; name a new file with --out")
    if config.out is None and not config.force:
        raise UsageError(f"name a new file with --out, or change {printable(file)} itself with --force")
    target = refuse_overwrite(wanted, config.force)
    if not is_writable(target.parent):
        raise DataError(f"cannot write to {printable(target.parent)}: it is read-only; name another file with --out")
    for name in FIGURES:
        for form in FORMATS:
            refuse_overwrite(_figures(target) / f"{name}.{form}", config.force)
    if target.exists():
        refuse_locked(target.parent)  # a training may replace its best one meanwhile, which this one would take back
    if target.exists() and target.samefile(file):
        with open_checkpoint(file) as stored:
            is_resumable = stored.training() is not None
        if is_resumable:
            raise UsageError(f"{printable(file)} holds what --resume needs; name another file with --out")
    return target


def _figures(target: Path) -> Path:
    return target.with_name(f"{target.stem}-calibration")


def _held_out_faces(index: FaceIndex, checkpoint: Checkpoint) -> tuple[FaceIndex, NDArray[np.int64]]:
    """Return the validation faces whose class the network has, and their labels in its order.

    As in training, a network that learned votes is held to the annotators' majority.
    """
    learned = run_settings(checkpoint.config)
    chosen = split_indices(index, learned.seed)[SPLIT]
    relabelled, chosen = selection_faces(index, chosen, Recipe(targets="votes" if learned.on_votes else "label"))
    codes = match_classes(index.class_names, checkpoint.class_names).codes
    faces = relabelled.subset(chosen[codes[relabelled.labels[chosen]] >= 0])
    if not len(faces):
        raise DataError(
            f"{printable(index.root)} has no face in the split {SPLIT} to calibrate on; "
            "prepare a data set that has one, or one without official splits"
        )
    return faces, codes


def _fused_logits(
    config: CalibrateConfig, checkpoint: Checkpoint, faces: FaceIndex, codes: NDArray[np.int64], quiet: bool
) -> tuple[Tensor, NDArray[np.int64]]:
    """Return ``(N, K)`` fused logits, adjusted to the checkpoint's prior, and ``(N,)`` labels in its order."""
    classifier = Classifier.from_checkpoint(checkpoint, choose_device(config.gpus))
    classifier.temperature = 1.0
    console = notices(quiet)
    bar = progress_bar(console)
    with bar(f"calibrate on {SPLIT}", len(faces)) as advance, loading_failures("use fewer --workers"):
        found = classifier.collect_faces(faces_for(checkpoint, faces), config.batch_size, config.workers, advance)
    if found.unreadable:
        console.print(f"left out: {describe_unreadable(found.unreadable)}")
    return classifier.decide(found.local, found.global_), codes[found.labels]


def _probabilities(logits: Tensor, temperature: float) -> NDArray[np.float64]:
    return np.asarray((logits.double() / temperature).softmax(dim=1).numpy(), dtype=np.float64)


def _threshold(config: CalibrateConfig, probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    confidence = probabilities.max(axis=1)
    if config.coverage is not None:
        return threshold_for_coverage(confidence, config.coverage)
    if config.precision is not None:
        return threshold_for_precision(confidence, probabilities.argmax(axis=1) == labels, config.precision)
    return 0.0
