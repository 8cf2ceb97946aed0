"""Learning from trained networks: what they say of the training faces becomes part of the targets.

Knowledge distillation (Hinton et al. 2015, arXiv:1503.02531). Expression labels are noisy, and a teacher's
probabilities also say which classes a face lies between.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ampnet.checkpoints.bundled import named_model
from ampnet.checkpoints.checkpoint import Checkpoint, load_checkpoint
from ampnet.data.index.face_index import FaceIndex
from ampnet.data.loading.dataset import FaceDataset, ShardedSequentialSampler, batch_loader
from ampnet.errors import CheckpointError, DataError
from ampnet.evaluation.matching import match_all_classes
from ampnet.inference.classifier import Classifier
from ampnet.media.files import atomic_write
from ampnet.runtime.collectives import sum_over_processes
from ampnet.runtime.launch import Process
from ampnet.runtime.progress import ProgressBar
from ampnet.training.defaults import RunConfig

TEACHERS = "teachers.npy"
"""In the run folder: the teachers' mean probabilities, ``(N, K)`` float32, a row for each training face."""


def load_teachers(paths: Sequence[Path], class_names: Sequence[str]) -> list[Checkpoint]:
    """Read the teachers' checkpoints.

    Raises:
        CheckpointError: one cannot be read, or knows other classes.
    """
    teachers = [load_checkpoint(named_model(path)) for path in paths]
    for path, teacher in zip(paths, teachers, strict=True):
        try:
            match_all_classes(class_names, teacher.class_names)
        except DataError as error:
            raise CheckpointError(f"{path} cannot teach here: {error}") from error
    return teachers


def distillation_targets(
    teachers: Sequence[Checkpoint],
    index: FaceIndex,
    training: NDArray[np.int64],
    config: RunConfig,
    folder: Path,
    process: Process,
    bar: ProgressBar,
    asked: bool = False,
) -> NDArray[np.float32]:
    """Give what the teachers say of the training faces.

    The teachers are asked once; a run that goes on from a save reads their answers from its folder.

    Args:
        teachers: at least one.
        index: the data set.
        training: positions of its training faces.
        config: of the run.
        folder: of the run.
        process: this one; each asks the teachers about its share of the faces.
        bar: opens the progress bar.
        asked: the run has a save, so the answers in its folder are its own.

    Returns:
        ``(N, K)`` float32, rows of probabilities.

    Raises:
        CheckpointError: the kept answers are damaged.
        DataError: an image cannot be read, or the answers cannot be written.
    """
    kept, shape = folder / TEACHERS, (len(training), len(index.class_names))
    if asked and kept.exists():
        answers = _read(kept, shape)
    else:
        answers = _ask(teachers, index, training, config, process, bar)
        if process.is_main:
            with atomic_write(kept) as aside, aside.open("wb") as file:
                np.save(file, answers)
    return answers


@torch.inference_mode()
def _ask(
    teachers: Sequence[Checkpoint],
    index: FaceIndex,
    training: NDArray[np.int64],
    config: RunConfig,
    process: Process,
    bar: ProgressBar,
) -> NDArray[np.float32]:
    """Average the teachers' probabilities, each for the mean of the face and its mirror image."""
    total = torch.zeros(len(training), len(index.class_names), device=process.device)
    share = ShardedSequentialSampler(
        len(training), config.recipe.batch_size // process.world_size, process.rank, process.world_size
    )
    with bar("asking the teachers", len(teachers) * len(share.share)) as advance:
        for teacher in teachers:
            faces = FaceDataset(index, training, teacher.architecture.image_size, color=teacher.framing.color)
            batches = batch_loader(faces, share, config.workers, process.device)
            # What the teacher has learned, so its own prior and temperature.
            classifier = Classifier.from_checkpoint(teacher, process.device, mirror=True, prior="training")
            logits = classifier.collect(batches, advance)
            probabilities = torch.from_numpy(classifier.probabilities(logits.local, logits.global_))
            columns = match_all_classes(index.class_names, teacher.class_names)
            total[share.share.start :: share.share.step] += probabilities[:, columns].to(total) / len(teachers)
    return sum_over_processes(total, process).cpu().numpy()


def _read(path: Path, shape: tuple[int, int]) -> NDArray[np.float32]:
    try:
        answers = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise CheckpointError(f"cannot read {path}: {error}; remove it, and the teachers are asked again") from error
    if answers.shape != shape or answers.dtype != np.float32:
        raise CheckpointError(f"{path} belongs to other data; remove it, and the teachers are asked again")
    return np.asarray(answers, dtype=np.float32)
