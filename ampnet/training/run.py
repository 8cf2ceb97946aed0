"""One process of a training run: newly built, or resumed."""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader

from ampnet.checkpoints.checkpoint import Checkpoint
from ampnet.checkpoints.model_files import LAST, PREVIOUS
from ampnet.dataset.index.face_index import FaceIndex
from ampnet.dataset.index.folds import FOLDS_FILE, in_fold, read_folds
from ampnet.dataset.index.splits import class_counts, untrained_classes
from ampnet.dataset.loading.dataset import Batch
from ampnet.dataset.loading.sampling import ResumableBatchSampler, ShardedSequentialSampler
from ampnet.dataset.loading.unreadable import UnreadableImages
from ampnet.dataset.open_index import open_training_index
from ampnet.errors import ConfigError
from ampnet.faces.framing import Framing
from ampnet.files.opening import exists
from ampnet.models.ampnet import AMPNet
from ampnet.models.plain import build_model
from ampnet.runtime.devices import has_fast_bf16
from ampnet.runtime.launch import Process
from ampnet.runtime.progress import ProgressBar, silent
from ampnet.settings import Split, config_to_dict
from ampnet.training.defaults import RunConfig
from ampnet.training.history import Tracker, open_trackers, require_trackers
from ampnet.training.loaders import choose_faces, selection_loader, training_framing, training_loader, training_order
from ampnet.training.loss import Loss, build_loss, learned_shares
from ampnet.training.optimizer import ExponentialMovingAverage, build_optimizer
from ampnet.training.pretrained import freeze_parameters, load_pretrained
from ampnet.training.resume import resume_run
from ampnet.training.run_folder import describe_run, hash_data, locked_run_folder
from ampnet.training.state import NEXT, Progress, TrainState, run_identity, save_state
from ampnet.training.targets import TEACHERS, blend_targets, distillation_targets, load_teachers, training_targets


@dataclass(frozen=True, eq=False)
class TrainingRun:
    """Everything that a process of a training run needs."""

    config: RunConfig
    folder: Path
    process: Process
    class_names: tuple[str, ...]
    framing: Framing
    identity: dict[str, Any]
    """Settings that must not change when the run is resumed."""
    state: TrainState
    loss_fn: Loss
    class_shares: tuple[float, ...]
    """Class frequencies that the network learns."""
    order: ResumableBatchSampler
    batches: DataLoader[Batch]
    """Batches of the training faces, in that order."""
    selection_order: ShardedSequentialSampler
    selection: DataLoader[Batch]
    """Batches of the split that chooses the best epoch."""
    unreadable: UnreadableImages
    """Images of both that cannot be read."""
    progress: Progress
    trackers: list[Tracker]
    started: float
    """Monotonic start time, minus the duration of earlier parts of the run."""
    notes: tuple[str, ...]
    """Messages to the user before training starts."""

    def is_finished(self) -> bool:
        """Return whether all epochs are done, or patience has run out."""
        without_better = self.progress.history.epochs_without_better()
        return self.progress.epoch >= self.config.recipe.epochs or 0 < self.config.patience <= without_better

    def checkpoint(self) -> Checkpoint:
        """Return a checkpoint of the current network, with the temperature of its last evaluation."""
        rows = self.progress.history.rows
        metrics = dict(rows[-1]) if rows else {}
        return Checkpoint(
            model=cast(AMPNet, self.state.evaluated_model),
            class_names=self.class_names,
            framing=self.framing,
            config=config_to_dict(self.config),
            epoch=self.progress.epoch,
            metrics=metrics,
            branch_weight=self.config.recipe.branch_weight,
            selected_on=self.config.select_on,
            temperature=metrics.get("temperature", 1.0),
            class_shares=self.class_shares,
        )

    def seconds(self) -> float:
        """Return the run's duration so far, over all its parts."""
        return time.monotonic() - self.started

    def save(self) -> None:
        """Write last.pt, in the main process only.

        Raises:
            DataError: the file cannot be written.
        """
        self.progress.seconds = self.seconds()
        if self.process.is_main:
            save_state(self.folder, self.checkpoint(), self.state, self.progress, self.identity)


@contextmanager
def open_run(config: RunConfig, process: Process, bar: ProgressBar = silent) -> Iterator[TrainingRun]:
    """Load the data, build the network, and create the run folder or restore an interrupted run.

    The folder is created last, so that a run that fails to start leaves nothing behind; it is locked until the end.

    Raises:
        UsageError: the run's name is taken, or there is no run to resume.
        LockedError: another command trains in that folder.
        DataError: the data cannot be trained on.
        CheckpointError: the pre-trained weights or the save cannot be used.
        TrainingError: the settings or the data differ from those of the interrupted run.
        ConfigError: a setting is not supported on the device.
    """
    started = time.monotonic()
    require_trackers(config.trackers)
    index = _open_faces(config)
    parts = choose_faces(index, config)
    training, selection = parts["train"], parts[config.select_on]
    data_hash = hash_data(index, config.recipe.targets != "label")
    framing = training_framing(index, training)
    own = config.out / (config.name or "")
    is_begun = config.resume and any(exists(own / name) for name in (LAST, NEXT, PREVIOUS))
    has_answers = is_begun and exists(own / TEACHERS)  # so that neither start nor teachers need still be there
    teachers = [] if has_answers else load_teachers(config.teachers, index.class_names)
    state, model, message = build_train_state(config, index.class_names, process, is_begun)
    size = model.architecture
    order = training_order(index, training, config, process)
    identity = run_identity(config, data_hash)
    with locked_run_folder(config, process) as (folder, unlocked):
        saved, newest = resume_run(folder, state, identity, order.steps) if config.resume else (None, "")
        progress = saved or Progress()
        if process.is_main and progress.epoch < config.recipe.epochs:  # --resume may have requested more of them
            describe_run(folder, replace(config, resume=False), size, index, parts, data_hash, process)
        targets = training_targets(index, training, config.recipe)
        if config.teachers:
            soft = distillation_targets(teachers, index, training, config, folder, process, bar, saved is not None)
            targets = blend_targets(targets, index.labels[training], soft, config.recipe.teacher_weight)
        batches = training_loader(index, training, config, size.image_size, framing.color, process, targets, order)
        selected = selection_loader(index, selection, config, size.image_size, framing.color, process)
        notes = (_about(folder, config, parts, model), *_untrained(index, training), message, newest, unlocked)
        yield TrainingRun(
            config=config,
            folder=folder,
            process=process,
            class_names=index.class_names,
            framing=framing,
            identity=identity,
            state=state,
            loss_fn=build_loss(config.recipe, class_counts(index, training), process.device),
            class_shares=learned_shares(config.recipe, class_counts(index, training), targets, order.labels),
            order=order,
            batches=batches,
            selection_order=selected[0],
            selection=selected[1],
            unreadable=UnreadableImages(),
            progress=progress,
            trackers=open_trackers(config.trackers, folder, saved is not None) if process.is_main else [],
            started=started - progress.seconds,
            notes=(*filter(None, notes), *_warnings(config, index, process.device)),
        )


def _open_faces(config: RunConfig) -> FaceIndex:
    index = open_training_index(config.data)
    return in_fold(index, read_folds(config.out / FOLDS_FILE, index), config.fold) if config.fold else index


def _about(folder: Path, config: RunConfig, parts: Mapping[Split, NDArray[np.int64]], model: AMPNet) -> str:
    faces = f"{len(parts['train'])} train, {len(parts[config.select_on])} {config.select_on} faces"
    millions = sum(parameter.numel() for parameter in model.parameters()) / 1e6
    return f"{folder}: {faces}, {millions:.1f} M parameters, {model.architecture.image_size} px"


def _untrained(index: FaceIndex, training: NDArray[np.int64]) -> Iterator[str]:
    if missing := ", ".join(untrained_classes(index, training)):
        yield f"warning: no training image of {missing}: such a class cannot be learned"


def build_train_state(
    config: RunConfig, class_names: tuple[str, ...], process: Process, is_begun: bool = False
) -> tuple[TrainState, AMPNet, str]:
    """Build network, optimizer and weight average.

    Args:
        is_begun: whether a save will replace the weights, so that the pre-trained ones are no longer needed.

    Returns:
        The state, its model, and a message on pre-trained weights (empty if there are none).

    Raises:
        ConfigError: a setting is not supported on the device.
        CheckpointError: the pre-trained weights cannot be used.
    """
    if config.sync_bn and process.device.type != "cuda":
        raise ConfigError("sync_bn needs GPUs; on CPUs, --freeze norms keeps the statistics of all processes equal")
    if config.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # required for deterministic cuBLAS
        torch.use_deterministic_algorithms(True)
    if process.device.type == "cuda":
        torch.backends.cudnn.benchmark = not config.deterministic  # all batches but an epoch's last have one shape
    torch.manual_seed(config.seed)
    size = config.architecture(len(class_names))
    model = build_model(size)
    message = load_pretrained(model, config.pretrained, class_names) if config.pretrained and not is_begun else ""
    freeze_parameters(model, config.freeze)
    model.to(process.device)
    if config.sync_bn:
        nn.SyncBatchNorm.convert_sync_batchnorm(model)  # type: ignore[no-untyped-call]  # in place
    network: nn.Module = model
    if process.world_size > 1:
        network = DistributedDataParallel(
            model,
            device_ids=[process.device.index] if process.device.type == "cuda" else None,
            gradient_as_bucket_view=True,
            # With a static graph, torch fails on steps in parts (pytorch#143580) and its compiler on DDP (#109261).
            static_graph=config.accumulate == 1 and not config.compile,
        )
    if config.compile:
        # Not "reduce-overhead": CUDA graphs would replay normalisation and DDP's exchange. Static shapes, since only an
        # epoch's last batch has another one, which is compiled for itself.
        network = cast(nn.Module, torch.compile(network, dynamic=False))
    loss_scaling = config.precision == "fp16"
    state = TrainState(
        model=model,
        network=network,
        optimizer=build_optimizer(model, config.recipe, loss_scaling),
        scaler=torch.amp.GradScaler(process.device.type, enabled=loss_scaling),
        ema=ExponentialMovingAverage(model, config.recipe.ema) if config.recipe.ema else None,
    )
    return state, model, message


def _warnings(config: RunConfig, index: FaceIndex, device: torch.device) -> list[str]:
    warnings = []
    if config.precision == "bf16" and not has_fast_bf16(device):
        warnings.append("this CPU has no bfloat16 instructions: bf16 will be many times slower than --precision fp32")
    if config.select_on == "test":
        warnings.append(
            "the best epoch is chosen on the test split, which inflates the test score; "
            "the checkpoint and every report say so"
        )
    if not any(index.splits):
        warnings.append(
            "the data set has no official splits: the reference 8:2 split is used; near-duplicates may be in both parts"
        )
    return warnings
