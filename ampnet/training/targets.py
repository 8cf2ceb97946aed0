"""Training targets: labels, annotators' votes, a mix of both, and the probabilities of teachers (distillation)."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ampnet.checkpoints.checkpoint import Checkpoint, load_checkpoint
from ampnet.checkpoints.model_files import named_model
from ampnet.dataset.index.face_index import FaceIndex
from ampnet.dataset.index.index_files import VOTES_FILE
from ampnet.dataset.loading.dataset import FaceDataset
from ampnet.dataset.loading.loader import batch_loader, loading_failures
from ampnet.dataset.loading.sampling import ShardedSequentialSampler
from ampnet.errors import CheckpointError, DataError
from ampnet.evaluation.matching import match_all_classes
from ampnet.files.npy import read_numbers
from ampnet.files.printable import printable
from ampnet.files.writing import atomic_write
from ampnet.inference.classifier import Classifier
from ampnet.runtime.collectives import sum_over_processes
from ampnet.runtime.launch import Process
from ampnet.runtime.progress import ProgressBar, for_all
from ampnet.settings.recipes import Recipe
from ampnet.training.defaults import RunConfig


def training_targets(index: FaceIndex, training: NDArray[np.int64], recipe: Recipe) -> NDArray[np.float32] | None:
    """Return the targets of the training faces.

    Args:
        training: positions of its training faces.
        recipe: selects labels, votes or a mix.

    Returns:
        ``(N, K)`` float32, rows of probabilities; None if the targets are the labels.

    Raises:
        DataError: the recipe needs votes, and the data set has none.
    """
    if recipe.targets == "label":
        return None
    if index.votes is None:
        raise DataError(
            f"{index.root} holds no index/{VOTES_FILE}, so there are no votes to train on; "
            "use --targets label, or prepare the data set with its votes"
        )
    labels = index.labels[training]
    votes = index.votes.subset(training).distribution(index.class_names, labels)
    return votes if recipe.targets == "votes" else blend_targets(None, labels, votes, recipe.vote_weight)


def blend_targets(
    targets: NDArray[np.float32] | None, labels: NDArray[np.int64], other: NDArray[np.float32], weight: float
) -> NDArray[np.float32]:
    """Mix other probabilities into targets.

    Args:
        targets: ``(N, K)``; None for the labels.
        labels: ``(N,)``.
        other: ``(N, K)`` probabilities.
        weight: weight of ``other``, in [0, 1].
    """
    own = np.eye(other.shape[1], dtype=np.float32)[labels] if targets is None else targets
    return own + np.float32(weight) * (other - own)


def selection_faces(
    index: FaceIndex, selection: NDArray[np.int64], recipe: Recipe
) -> tuple[FaceIndex, NDArray[np.int64]]:
    """Return the faces that choose the best epoch, with the labels to score them by.

    A run that trains on votes is scored by the annotators' majority; faces without one are left out.

    Returns:
        The data set with those labels, and positions in it.
    """
    if recipe.targets == "label" or index.votes is None:
        return index, selection
    majority = index.votes.majority(index.class_names)
    decided = selection[majority[selection] >= 0]
    if not len(decided):
        return index, selection
    return replace(index, labels=np.where(majority >= 0, majority, index.labels)), decided


TEACHERS = "teachers.npy"
"""File in the run folder: the teachers' mean probabilities, ``(N, K)`` float32, a row for each training face."""


def load_teachers(paths: Sequence[Path], class_names: Sequence[str]) -> list[Checkpoint]:
    """Load the teachers' checkpoints.

    Raises:
        CheckpointError: a checkpoint cannot be read, or has other classes.
    """
    teachers = [load_checkpoint(named_model(path)) for path in paths]
    for path, teacher in zip(paths, teachers, strict=True):
        try:
            match_all_classes(class_names, teacher.class_names)
        except DataError as error:
            raise CheckpointError(f"cannot distil from {printable(path)}: {error}") from error
    return teachers


def distillation_targets(
    teachers: Sequence[Checkpoint],
    index: FaceIndex,
    training: NDArray[np.int64],
    config: RunConfig,
    folder: Path,
    process: Process,
    bar: ProgressBar,
    is_resumed: bool = False,
) -> NDArray[np.float32]:
    """Return the teachers' mean probabilities for the training faces (Hinton et al. 2015, arXiv:1503.02531).

    Expression labels are noisy, and a teacher's probabilities also express which classes a face is between.

    They are computed once; a resumed run reads them from its folder.

    Args:
        teachers: at least one checkpoint; none is needed where a resumed run has kept their answers.
        training: positions of its training faces.
        process: this process; each one computes a shard of the faces.
        is_resumed: whether the run was saved before, so that the probabilities in its folder are its own.

    Returns:
        ``(N, K)`` float32, rows of probabilities; the label alone for a face whose image cannot be read.

    Raises:
        CheckpointError: the saved probabilities are damaged.
        DataError: no image can be read, or the probabilities cannot be written.
    """
    saved, shape = folder / TEACHERS, (len(training), len(index.class_names))
    if is_resumed and saved.exists():
        return _read(saved, shape)
    probabilities = _mean_probabilities(teachers, index, training, config, process, bar)
    if process.is_main:
        with atomic_write(saved) as aside, aside.open("wb") as file:
            np.save(file, probabilities)
    return probabilities


@torch.inference_mode()
def _mean_probabilities(
    teachers: Sequence[Checkpoint],
    index: FaceIndex,
    training: NDArray[np.int64],
    config: RunConfig,
    process: Process,
    bar: ProgressBar,
) -> NDArray[np.float32]:
    """Average the teachers' probabilities, each computed from a face and its mirror image."""
    total = torch.zeros(len(training), len(index.class_names), device=process.device)
    order = ShardedSequentialSampler(
        len(training), config.recipe.batch_size // process.world_size, process.rank, process.world_size
    )
    total_faces = len(teachers) * process.world_size * len(order.shard)
    with bar("running the teachers", total_faces) as advance, loading_failures():
        for teacher in teachers:
            faces = FaceDataset(index, training, teacher.architecture.image_size, color=teacher.framing.color)
            batches = batch_loader(faces, order, config.workers, process.device)
            # The probabilities that the teacher learned: its training prior, without adjustment.
            classifier = Classifier.from_checkpoint(teacher, process.device, mirror=True, prior="training")
            logits = classifier.collect(batches, for_all(advance, process.world_size))
            answers = torch.from_numpy(classifier.probabilities(logits.local, logits.global_))
            columns = match_all_classes(index.class_names, teacher.class_names)
            total[logits.positions] += answers[:, columns].to(total) / len(teachers)
    probabilities = sum_over_processes(total, process).cpu().numpy()
    one_hot = np.eye(total.shape[1], dtype=np.float32)[index.labels[training]]
    return np.where(probabilities.any(axis=1, keepdims=True), probabilities, one_hot)


def _read(path: Path, shape: tuple[int, int]) -> NDArray[np.float32]:
    cure = "delete it to run the teachers again"
    try:
        probabilities: NDArray[np.float32] = read_numbers(path, shape, np.float32)
    except DataError as error:
        raise CheckpointError(f"cannot read {printable(path)}: {error}; {cure}") from error
    if not (probabilities >= 0).all() or not np.allclose(probabilities.sum(axis=1), 1, atol=1e-3):  # NaN is neither
        raise CheckpointError(f"{printable(path)} does not hold probabilities; {cure}")
    return probabilities
