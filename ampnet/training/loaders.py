"""Training and selection faces of a run, and their data loaders."""

from contextlib import suppress

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from ampnet.dataset.index.face_index import FaceIndex
from ampnet.dataset.index.splits import split_indices
from ampnet.dataset.loading.dataset import Batch, FaceDataset
from ampnet.dataset.loading.loader import batch_loader
from ampnet.dataset.loading.sampling import ResumableBatchSampler, ShardedSequentialSampler, StreamedBatchSampler
from ampnet.dataset.open_index import STREAMED_FACES
from ampnet.dataset.shards.shard_reader import StreamedSplit
from ampnet.dataset.shards.sharded_index import SHARDS_AT_ONCE
from ampnet.errors import DataError, ImageError
from ampnet.faces.appearance import Color, is_grey
from ampnet.faces.framing import Framing, measure_framing
from ampnet.files.printable import printable
from ampnet.runtime.launch import Process
from ampnet.settings import IMAGE_SIZE, Split
from ampnet.settings.labels import fault_of_class_names
from ampnet.training.defaults import RunConfig
from ampnet.training.targets import selection_faces

MEASURED_FACES = 200
"""Training faces sampled to measure the framing of a hand-made index."""


def choose_faces(index: FaceIndex, config: RunConfig) -> dict[Split, NDArray[np.int64]]:
    """Split a data set, and check that it can be trained on.

    Raises:
        DataError: the training or the selection split is empty, or no checkpoint could hold the class names.
    """
    if fault := fault_of_class_names(index.class_names):
        raise DataError(f"{printable(config.data)} cannot be trained on: {fault}")
    if index.shards is not None and index.shards.is_streamed:
        _refuse_unstreamable(config)
    parts = split_indices(index, seed=config.seed)
    for split in ("train", config.select_on):
        if not len(parts[split]):
            counts = ", ".join(f"{name} {len(indices)}" for name, indices in parts.items())
            raise DataError(f"{config.data} has no image in the split {split} (it has {counts}), which training needs")
    return parts


def training_framing(index: FaceIndex, training: NDArray[np.int64]) -> Framing:
    """Return the framing that prepare measured, or measure that of a hand-made index."""
    if index.framing is not None:
        return index.framing
    sample = training[np.linspace(0, len(training) - 1, min(MEASURED_FACES, len(training))).astype(int)]
    faces = FaceDataset(index, sample, image_size=IMAGE_SIZE)
    grey = list[bool]()
    for position in range(len(faces)):
        with suppress(ImageError):  # training lists it
            grey.append(is_grey(faces.decode(position)))
    measured = sample if isinstance(training, StreamedSplit) else training
    sides = np.full(len(measured), float(IMAGE_SIZE))
    return measure_framing(index.landmarks[measured], "none", sum(grey) / max(len(grey), 1), sides)


def training_order(
    index: FaceIndex, training: NDArray[np.int64], config: RunConfig, process: Process
) -> ResumableBatchSampler:
    """Create this process's order of the training faces.

    Raises:
        DataError: there are too few faces for a single step.
    """
    shares = config.recipe.batch_size, config.seed, process.rank, process.world_size, config.accumulate
    if isinstance(training, StreamedSplit):
        return StreamedBatchSampler(training.sizes, SHARDS_AT_ONCE, *shares)
    return ResumableBatchSampler(index.labels[training], *shares, balance=config.recipe.balance)


def _refuse_unstreamable(config: RunConfig) -> None:
    needs = {
        "--set balance=sampling": config.recipe.balance == "sampling",
        "--targets votes or mix": config.recipe.targets != "label",
        "--teacher": bool(config.teachers),
    }
    if refused := [option for option, is_needed in needs.items() if is_needed]:
        raise DataError(
            f"{config.data} has more than {STREAMED_FACES:,} faces and is streamed, but {refused[0]} needs labels or "
            "targets of all faces in memory; leave it out (--set balance=weights needs only counts)"
        )


def training_loader(
    index: FaceIndex,
    training: NDArray[np.int64],
    config: RunConfig,
    image_size: int,
    color: Color,
    process: Process,
    targets: NDArray[np.float32] | None,
    order: ResumableBatchSampler,
) -> DataLoader[Batch]:
    """Create this process's loader of training batches in an order; ``targets`` replace the labels."""
    augment, seed = config.recipe.augmentation, config.seed
    faces = FaceDataset(index, training, image_size, augment, color, seed, targets, fill_gaps=True)
    return batch_loader(faces, order, config.workers, process.device)


def selection_loader(
    index: FaceIndex,
    selection: NDArray[np.int64],
    config: RunConfig,
    image_size: int,
    color: Color,
    process: Process,
) -> tuple[ShardedSequentialSampler, DataLoader[Batch]]:
    """Create this process's loader of the split that chooses the best epoch."""
    faces = FaceDataset(*selection_faces(index, selection, config.recipe), image_size, None, color)
    batch_size = config.recipe.batch_size // process.world_size
    order = ShardedSequentialSampler(len(faces), batch_size, process.rank, process.world_size)
    return order, batch_loader(faces, order, config.workers, process.device)
