"""Building everything that a run trains with."""

import os
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader

from ampnet.config import IMAGE_SIZE, Split, TrainConfig
from ampnet.data.index.face_index import FaceIndex
from ampnet.data.index.splits import split_indices
from ampnet.data.loading.dataset import Batch, FaceDataset, ShardedSequentialSampler, batch_loader
from ampnet.data.loading.sampling import ResumableBatchSampler
from ampnet.errors import ConfigError, DataError
from ampnet.faces.colour import Color, is_grey
from ampnet.faces.framing import Framing, measure_framing
from ampnet.models.ampnet import AMPNet
from ampnet.runtime.launch import Process
from ampnet.training.ema import ExponentialMovingAverage
from ampnet.training.loop import LoopSettings, TrainState
from ampnet.training.loss import build_loss
from ampnet.training.optimizer import build_optimizer
from ampnet.training.pretrained import freeze_parameters, load_pretrained
from ampnet.training.targets import selection_faces

MEASURED_FACES = 200
"""Training faces looked at to describe a set that was not made by `ampnet prepare`."""


@dataclass(frozen=True, eq=False)
class Loaders:
    """Batches of one process."""

    order: ResumableBatchSampler
    training: DataLoader[Batch]
    selection: DataLoader[Batch]
    """Of the split that chooses the best epoch."""
    selection_share: int
    """Faces of that split that this process evaluates."""


def choose_faces(index: FaceIndex, config: TrainConfig) -> dict[Split, NDArray[np.int64]]:
    """Split a data set and check that it can be trained on.

    Raises:
        DataError: there is nothing to train on, or nothing to choose the best epoch by.
    """
    parts = split_indices(index, seed=config.seed)
    for split in ("train", config.select_on):
        if not len(parts[split]):
            counts = ", ".join(f"{name} {len(indices)}" for name, indices in parts.items())
            raise DataError(f"{config.data} has no image in the split {split} (it has {counts}); it cannot train")
    return parts


def training_framing(index: FaceIndex, training: NDArray[np.int64]) -> Framing:
    """Give the framing that prepare measured, or measure that of a set made by hand."""
    if index.framing is not None:
        return index.framing
    looked_at = training[np.linspace(0, len(training) - 1, min(MEASURED_FACES, len(training))).astype(int)]
    faces = FaceDataset(index, looked_at, image_size=IMAGE_SIZE)
    grey = [is_grey(faces.decode(position)) for position in range(len(faces))]
    sides = np.full(len(training), float(IMAGE_SIZE))
    return measure_framing(index.landmarks[training], "none", float(np.mean(grey)), sides)


def build_loaders(
    index: FaceIndex,
    parts: dict[Split, NDArray[np.int64]],
    config: TrainConfig,
    image_size: int,
    color: Color,
    process: Process,
    targets: NDArray[np.float32] | None = None,
) -> Loaders:
    """Make the batches of this process; ``targets`` replace the labels of the training faces."""
    recipe = config.recipe
    faces = FaceDataset(index, parts["train"], image_size, recipe.augmentation, color, config.seed, targets)
    order = ResumableBatchSampler(
        index.labels[parts["train"]],
        recipe.batch_size,
        config.seed,
        process.rank,
        process.world_size,
        config.accumulate,
        recipe.balance,
    )
    chosen = FaceDataset(*selection_faces(index, parts[config.select_on], recipe), image_size, None, color)
    share = ShardedSequentialSampler(
        len(chosen), recipe.batch_size // process.world_size, process.rank, process.world_size
    )
    return Loaders(
        order=order,
        training=batch_loader(faces, order, config.workers, process.device),
        selection=batch_loader(chosen, share, config.workers, process.device),
        selection_share=len(share.share),
    )


def build_train_state(
    config: TrainConfig, class_names: tuple[str, ...], process: Process
) -> tuple[TrainState, AMPNet, str]:
    """Build network, optimizer and average.

    Returns:
        The train_state, its model, and a remark on pre-trained weights (empty without).

    Raises:
        ConfigError: a setting does not fit the device.
        CheckpointError: the pre-trained weights cannot be used.
    """
    if config.sync_bn and process.device.type != "cuda":
        raise ConfigError("sync_bn needs GPUs; on CPUs, --freeze norms keeps all processes' statistics alike")
    if config.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is deterministic with it only
        torch.use_deterministic_algorithms(True)
    torch.manual_seed(config.seed)
    size = config.architecture(len(class_names))
    model = AMPNet(size.num_classes, size.width, size.image_size, size.dropout, size.modules)
    remark = load_pretrained(model, config.pretrained, class_names) if config.pretrained else ""
    freeze_parameters(model, config.freeze)
    model.to(process.device)
    if config.sync_bn:
        nn.SyncBatchNorm.convert_sync_batchnorm(model)  # type: ignore[no-untyped-call]  # replaces the parts in place
    network: nn.Module = model
    if process.world_size > 1:
        network = DistributedDataParallel(
            model, device_ids=[process.device.index] if process.device.type == "cuda" else None
        )
    if config.compile:
        network = cast(nn.Module, torch.compile(network))
    loss_scaling = config.precision == "fp16"
    train_state = TrainState(
        model=model,
        network=network,
        optimizer=build_optimizer(model, config.recipe, loss_scaling),
        scaler=torch.amp.GradScaler(process.device.type, enabled=loss_scaling),
        average=ExponentialMovingAverage(model, config.recipe.ema) if config.recipe.ema else None,
    )
    return train_state, model, remark


def loop_settings(
    config: TrainConfig, labels: NDArray[np.int64], num_classes: int, device: torch.device
) -> LoopSettings:
    """Collect what the loop needs.

    Args:
        labels: of the training split.
    """
    return LoopSettings(
        recipe=config.recipe,
        loss_fn=build_loss(config.recipe, labels, num_classes, device),
        num_classes=num_classes,
        precision=config.precision,
        freeze=config.freeze,
        seed=config.seed,
    )
