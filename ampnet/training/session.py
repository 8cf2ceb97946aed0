"""All that one process of a run works with, built anew or taken up where a run was left."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch

from ampnet.checkpoints.checkpoint import Checkpoint
from ampnet.config import TrainConfig, config_to_dict
from ampnet.data.index.face_index import FaceIndex, read_index
from ampnet.faces.framing import Framing
from ampnet.models.ampnet import AMPNet
from ampnet.runtime.collectives import broadcast_object
from ampnet.runtime.devices import has_fast_bf16
from ampnet.runtime.launch import Process
from ampnet.runtime.progress import ProgressBar, silent
from ampnet.training.distillation import distillation_targets, load_teachers
from ampnet.training.history import last_metrics
from ampnet.training.loop import LoopSettings, TrainState
from ampnet.training.run_folder import describe_run, hash_data, open_run_folder
from ampnet.training.setup import (
    Loaders,
    build_loaders,
    build_train_state,
    choose_faces,
    loop_settings,
    training_framing,
)
from ampnet.training.state import RunState, read_state, restore_state, run_identity, save_state
from ampnet.training.targets import blend_targets, training_targets
from ampnet.training.tensorboard import TensorBoardWriter


@dataclass(frozen=True, eq=False)
class Session:
    """A run in this process."""

    config: TrainConfig
    folder: Path
    process: Process
    train_state: TrainState
    loaders: Loaders
    settings: LoopSettings
    class_names: tuple[str, ...]
    framing: Framing
    identity: dict[str, Any]
    state: RunState
    tensorboard: TensorBoardWriter
    started: float
    """Monotonic time, less what earlier parts of the run took."""
    notes: tuple[str, ...]
    """What the user should know before it starts."""

    def checkpoint(self) -> Checkpoint:
        """Give the network as it is now, with what it needs to be used."""
        return Checkpoint(
            model=cast(AMPNet, self.train_state.kept),
            class_names=self.class_names,
            framing=self.framing,
            config=config_to_dict(self.config),
            epoch=self.state.epoch,
            metrics=last_metrics(self.state.history.rows),
            branch_weight=self.config.recipe.branch_weight,
            selected_on=self.config.select_on,
        )

    def seconds(self) -> float:
        """Tell how long the run has taken, over all its parts."""
        return time.monotonic() - self.started

    def save(self) -> None:
        """Write last.pt (the main process does).

        Raises:
            DataError: the file cannot be written.
        """
        self.state.seconds = self.seconds()
        if self.process.is_main:
            save_state(self.folder, self.checkpoint(), self.train_state, self.state, self.identity)


def open_session(config: TrainConfig, process: Process, bar: ProgressBar = silent) -> Session:
    """Load the data, build the network, and make the run's folder or go back to where an interrupted run was.

    The folder is made late, so that a run that cannot begin leaves nothing behind.

    Args:
        config: of the run.
        process: this one.
        bar: shows how the teachers get on.

    Raises:
        UsageError: the run's name is taken, or there is no run to go on with.
        DataError: the data cannot be trained on.
        CheckpointError: the weights to start from or the save to go on with cannot be used.
        TrainingError: the settings or the data are not those of the interrupted run.
        ConfigError: a setting does not fit the device.
    """
    started = time.monotonic()
    index = read_index(config.data)
    parts = choose_faces(index, config)
    data_hash = hash_data(index)
    framing = training_framing(index, parts["train"])
    teachers = load_teachers(config.teachers, index.class_names)
    train_state, model, remark = build_train_state(config, index.class_names, process)
    size = model.architecture
    identity = run_identity(config, data_hash)
    folder = broadcast_object(open_run_folder(config) if process.is_main else Path(), process)
    saved = read_state(folder) if config.resume else None
    state = RunState()
    if saved:
        state = restore_state(saved.content, train_state, identity, folder)
    elif process.is_main:
        describe_run(folder, config, size, index, parts, data_hash, process)
    targets = training_targets(index, parts["train"], config.recipe)
    if teachers:
        said = distillation_targets(
            teachers, index, parts["train"], config, folder, process, bar, asked=saved is not None
        )
        targets = blend_targets(targets, index.labels[parts["train"]], said, config.recipe.teacher_weight)
    faces = ", ".join(f"{len(parts[split])} {split}" for split in ("train", config.select_on))
    millions = sum(parameter.numel() for parameter in model.parameters()) / 1e6
    notes = (
        f"{folder}: {faces} faces, {millions:.1f} M parameters, {size.image_size} px",
        remark,
        saved.remark if saved else "",
        *_warnings(config, index, process.device),
    )
    return Session(
        config=config,
        folder=folder,
        process=process,
        train_state=train_state,
        loaders=build_loaders(index, parts, config, size.image_size, framing.color, process, targets),
        settings=loop_settings(config, index.labels[parts["train"]], size.num_classes, process.device),
        class_names=index.class_names,
        framing=framing,
        identity=identity,
        state=state,
        tensorboard=TensorBoardWriter(folder, config.tensorboard and process.is_main),
        started=started - state.seconds,
        notes=tuple(note for note in notes if note),
    )


def _warnings(config: TrainConfig, index: FaceIndex, device: torch.device) -> list[str]:
    warnings = []
    if config.precision == "bf16" and not has_fast_bf16(device):
        warnings.append(
            "this CPU has no bfloat16 arithmetic: bf16 will be many times slower here than --precision fp32"
        )
    if config.select_on == "test":
        warnings.append("the best epoch is chosen on the test split: its accuracy there will flatter, and is marked so")
    if not any(index.splits):
        warnings.append("the set has no official splits: the published 8:2 split applies, near-duplicates may cross it")
    return warnings
