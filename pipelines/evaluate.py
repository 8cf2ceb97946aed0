"""`ampnet eval`: run a checkpoint over a split of a prepared data set and keep a report of how well it does."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from ampnet.checkpoints.bundled import bundled_model
from ampnet.checkpoints.checkpoint import Checkpoint, checkpoint_file, load_checkpoint
from ampnet.config import EvalConfig, TrainConfig
from ampnet.data.index.face_index import FaceIndex, read_index
from ampnet.data.index.splits import split_indices
from ampnet.data.loading.dataset import FaceDataset, ShardedSequentialSampler, batch_loader
from ampnet.errors import DataError
from ampnet.evaluation.matching import framing_notes, match_classes, selection_notes, undetected_by_class
from ampnet.evaluation.metrics import Counts, accuracy, confusion_matrix, score, with_undetected
from ampnet.evaluation.report import EvalReport, check_free, write_report
from ampnet.inference.classifier import Logits, collect_logits
from ampnet.inference.optimize import optimize_for_inference
from ampnet.media.files import make_folder
from ampnet.models.ampnet import fuse_logits
from ampnet.runtime.devices import choose_device
from ampnet.runtime.memory import keep_freed_memory
from pipelines.console import notices, progress_bar


@dataclass(frozen=True)
class EvalResult:
    """What `ampnet eval` shows."""

    report: EvalReport
    folder: Path
    """Where its files are."""


def run(config: EvalConfig, quiet: bool = False) -> EvalResult:
    """Measure a checkpoint on one split and write the report.

    Raises:
        CheckpointError: the checkpoint cannot be used.
        DataError: the data cannot be used, have other classes, the split holds no image, or the report's folder
            cannot be written to.
        UsageError: the folder holds a report on something else, or there is no checkpoint.
    """
    start = time.monotonic()
    console = notices(quiet)
    file = checkpoint_file(config.checkpoint or bundled_model())
    if config.checkpoint is None:
        console.print(f"model: {file.stem}, the one that comes with ampnet (another: ampnet eval CHECKPOINT)")
    folder = config.out or _default_folder(file, config)
    if not config.force:
        check_free(folder, file, config.data, config.split)
    checkpoint = load_checkpoint(file)
    index = read_index(config.data)
    codes = match_classes(index.class_names, checkpoint.class_names)
    faces = _split(index, config, checkpoint)
    keep_freed_memory()
    make_folder(folder)
    device = choose_device(config.gpus)
    everyone = np.arange(len(faces))
    dataset = FaceDataset(faces, everyone, checkpoint.architecture.image_size, color=checkpoint.framing.color)
    batches = batch_loader(dataset, ShardedSequentialSampler(len(faces), config.batch_size), config.workers, device)
    model = optimize_for_inference(checkpoint.model.to(device))
    with progress_bar(console)(f"eval {config.split}", len(faces)) as advance:
        logits = collect_logits(model, batches, device, config.mirror, advance)

    report = _report(config, file, checkpoint, index, codes, logits, time.monotonic() - start)
    write_report(folder, report, _predictions(faces, codes, checkpoint, logits))
    return EvalResult(report, folder)


def _default_folder(file: Path, config: EvalConfig) -> Path:
    """Put a report beside its checkpoint, that of the bundled model into the data folder.

    The best checkpoint's is named by its split; others also by their file.
    """
    root = config.data if config.checkpoint is None else file.parent
    return root / "eval" / (config.split if file.stem == "best" else f"{file.stem}-{config.split}")


def _split(index: FaceIndex, config: EvalConfig, checkpoint: Checkpoint) -> FaceIndex:
    seed = checkpoint.config.get("seed", TrainConfig.seed)  # so that val is what the run itself held out
    chosen = split_indices(index, seed=seed)[config.split]
    if not len(chosen):
        filled = sorted(set(index.splits) - {""}) or ["train", "val", "test"]
        raise DataError(f"{config.data} has no image in the split {config.split}; it has {', '.join(filled)}")
    return index.subset(chosen)


def _report(
    config: EvalConfig,
    file: Path,
    checkpoint: Checkpoint,
    index: FaceIndex,
    codes: NDArray[np.int64],
    logits: Logits,
    seconds: float,
) -> EvalReport:
    names = checkpoint.class_names
    labels = codes[logits.labels]
    undetected = undetected_by_class(index.undetected.get(config.split, {}), index.class_names, codes, len(names))

    def matrix_of(class_scores: Tensor) -> Counts:
        return with_undetected(confusion_matrix(labels, class_scores.argmax(dim=1).numpy(), len(names)), undetected)

    fused = fuse_logits(logits.local, logits.global_, checkpoint.branch_weight)
    matrix, mirrored = matrix_of(fused), None
    if logits.mirrored:
        mirrored = score(matrix_of(fused + fuse_logits(*logits.mirrored, checkpoint.branch_weight)), names)
    return EvalReport(
        checkpoint=file,
        epoch=checkpoint.epoch,
        data=config.data,
        split=config.split,
        class_names=names,
        matrix=matrix,
        all=score(matrix, names),
        scored=score(matrix[:, :-1], names),
        local_accuracy=accuracy(matrix_of(logits.local)),
        global_accuracy=accuracy(matrix_of(logits.global_)),
        mirrored=mirrored,
        unassigned=sum(index.undetected.get("", {}).values()),
        notes=(
            *selection_notes(config.split, checkpoint.selected_on),
            *framing_notes(index.framing, checkpoint.framing),
        ),
        seconds=seconds,
    )


def _predictions(faces: FaceIndex, codes: NDArray[np.int64], checkpoint: Checkpoint, logits: Logits) -> pd.DataFrame:
    """List each scored image with its label, its prediction and the probability of every class."""
    fused = fuse_logits(logits.local, logits.global_, checkpoint.branch_weight)
    probabilities = torch.softmax(fused / checkpoint.temperature, dim=1).numpy().round(6)
    names = np.array(checkpoint.class_names, dtype=object)
    predicted = probabilities.argmax(axis=1)
    labels = codes[logits.labels]
    table = pd.DataFrame(
        {
            "name": faces.names,
            "label": names[labels],
            "prediction": names[predicted],
            "correct": (labels == predicted).astype(int),
            "probability": probabilities.max(axis=1),
        }
    )
    for code, name in enumerate(names):
        table[f"score_{name}"] = probabilities[:, code]
    return table
