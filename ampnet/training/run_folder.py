"""The run folder, and its description of the run."""

import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ampnet import __version__
from ampnet.dataset.index.face_index import FaceIndex
from ampnet.dataset.index.splits import class_counts
from ampnet.errors import DataError, UsageError
from ampnet.files.lock import lock_folder, refuse_locked
from ampnet.files.opening import exists
from ampnet.files.printable import as_text, printable
from ampnet.files.writing import atomic_write
from ampnet.runtime.collectives import broadcast_object
from ampnet.runtime.launch import Process
from ampnet.settings import ArchitectureConfig, Split, TrainConfig, config_to_dict
from ampnet.training.state import LAST, PREVIOUS

CONFIG, HISTORY, CURVES = "config.json", "history.csv", "curves.png"
SEEDS = "seeds.json"
"""File in the folder of a run over several seeds: mean, standard deviation and each run."""


@contextmanager
def locked_run_folder(config: TrainConfig, process: Process) -> Iterator[tuple[Path, str]]:
    """Open the run folder in all processes of a run; the first keeps other commands out of it during the block.

    Yields:
        The folder, and a warning for the user (empty if there is none).

    Raises:
        LockedError: another command trains in that folder.
        UsageError, DataError: see :func:`open_run_folder`.
    """
    if not process.is_main:
        yield broadcast_object((Path(), ""), process)
        return
    folder = open_run_folder(config)
    with lock_folder(folder) as warning:
        yield broadcast_object((folder, warning), process)


def open_run_folder(config: TrainConfig, of_seeds: bool = False) -> Path:
    """Create the folder of a new run, or find the one to resume.

    Args:
        config: settings of the run.
        of_seeds: whether the folder holds a run folder for each seed.

    Raises:
        UsageError: the name is taken, or there is no run to resume.
        LockedError: the name is that of a run that another command trains just now.
        DataError: the folder cannot be created.
    """
    if config.resume:
        return _existing(config, of_seeds)
    number = 1
    while True:
        folder = config.out / (config.name or f"run{number}")
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            if config.name:
                refuse_locked(folder)
                raise UsageError(
                    f"{folder} already exists; resume it with --resume, or choose another --name"
                ) from None
            number += 1
        except OSError as error:
            raise DataError(f"cannot create {folder}: {error.strerror}; choose another --out") from error


def _existing(config: TrainConfig, of_seeds: bool) -> Path:
    if config.name:
        folder = config.out / config.name
        if not (exists(folder) and folder.is_dir()):
            raise UsageError(f"{printable(folder)} does not exist, so there is nothing to resume; omit --resume")
        return folder
    below = "*/seed*" if of_seeds else "*"
    saves = [save for name in (LAST, PREVIOUS) for save in config.out.glob(f"{below}/{name}")]
    if not saves:
        raise UsageError(f"{config.out} holds no run to resume; omit --resume")
    newest = max(saves, key=lambda save: save.lstat().st_mtime).parent
    return newest.parent if of_seeds else newest


def hash_data(index: FaceIndex) -> str:
    """Return the SHA-256 of names, labels, splits and landmarks; pixels are not included."""
    if index.shards is not None and index.shards.is_streamed:
        return index.shards.sha256()
    digest = sha256()
    for texts in (index.class_names, index.names, index.splits):
        digest.update("\n".join(texts).encode() + b"\0")
    digest.update(index.labels.tobytes() + index.landmarks.tobytes())
    if index.subjects is not None:  # they decide the validation split
        digest.update("\n".join(index.subjects).encode(errors="surrogateescape"))
    return digest.hexdigest()


def describe_run(
    folder: Path,
    config: TrainConfig,
    architecture: ArchitectureConfig,
    index: FaceIndex,
    parts: dict[Split, NDArray[np.int64]],
    data_hash: str,
    process: Process,
) -> None:
    """Write config.json: settings, architecture, data, versions and machine.

    Raises:
        DataError: the file cannot be written.
    """
    description: dict[str, Any] = {
        "ampnet": __version__,
        "config": config_to_dict(config),
        "architecture": asdict(architecture),
        "data": {
            "root": as_text(config.data.resolve()),
            "sha256": data_hash,
            "counts": {
                split: dict(
                    zip(
                        index.class_names,
                        class_counts(index, indices).tolist(),
                        strict=True,
                    )
                )
                for split, indices in parts.items()
            },
        },
        "environment": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "platform": platform.platform(),
            "device": torch.cuda.get_device_name(process.device) if process.device.type == "cuda" else "cpu",
            "cores": os.cpu_count(),
            "threads": torch.get_num_threads(),
            "processes": process.world_size,
        },
    }
    with atomic_write(folder / CONFIG) as aside:
        aside.write_text(json.dumps(description, indent=1, ensure_ascii=False, allow_nan=False), encoding="utf-8")
