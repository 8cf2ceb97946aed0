"""The run folder, and its description of the run."""

import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from ampnet import __version__
from ampnet.checkpoints.model_files import LAST, PREVIOUS, times_of_saves
from ampnet.dataset.index.face_index import FaceIndex
from ampnet.dataset.index.splits import class_counts
from ampnet.errors import AmpnetError, DataError, UsageError
from ampnet.files.lock import lock_folder, refuse_locked
from ampnet.files.opening import exists, read_text
from ampnet.files.printable import as_text, printable, reason_of
from ampnet.files.writing import write_json
from ampnet.runtime.collectives import broadcast_object
from ampnet.runtime.launch import Process
from ampnet.settings import ArchitectureConfig, Split, TrainConfig, config_to_dict
from ampnet.settings.fields import settings_of

CONFIG, HISTORY, CURVES = "config.json", "history.csv", "curves.png"
SEEDS, FOLDS = "seeds.json", "folds.json"
"""File in the folder of runs over several seeds, or folds: mean, standard deviation and each run."""

MAX_CONFIG_BYTES = 1 << 20


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


def open_run_folder(config: TrainConfig) -> Path:
    """Create the folder of a new run, or of several runs, or find the one to resume.

    Raises:
        UsageError: the name is taken, or there is no run to resume.
        LockedError: the name is that of a run that another command trains just now.
        DataError: the folder cannot be created.
    """
    if config.resume:
        return folder_to_resume(config)
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
            raise DataError(f"cannot create {folder}: {reason_of(error)}; choose another --out") from error


def folder_to_resume(config: TrainConfig) -> Path:
    """Find the folder of a run, or of several runs: by its name, else the one that was saved last.

    Raises:
        UsageError: there is none.
    """
    if config.name:
        folder = config.out / config.name
        if not (exists(folder) and folder.is_dir()):
            raise UsageError(f"{printable(folder)} does not exist, so there is nothing to resume; omit --resume")
        return folder
    saves = saves_of(config)
    if not saves:
        raise UsageError(f"{config.out} holds no run to resume; omit --resume")
    newest = max(saves, key=saves.__getitem__).parent
    return config.out / newest.relative_to(config.out).parts[0]


def saves_of(config: TrainConfig) -> dict[Path, int]:
    """List the saves of runs, which --resume continues, with the time of each in nanoseconds."""
    depths = ("*/*",) if config.has_several_runs else ("*", "*/*")
    saves = [save for name in (LAST, PREVIOUS) for depth in depths for save in config.out.glob(f"{depth}/{name}")]
    return times_of_saves(saves)


def saved_settings(config: TrainConfig, folder: Path) -> TrainConfig:
    """Fill in from a run's config.json what was left at its default, so that --resume repeats no options.

    Settings that differ from their defaults are kept; whether they fit the run is found out when it is restored.

    Returns:
        The settings with the folder's own name; as they were, apart from that, if config.json cannot be read.

    Raises:
        UsageError: the folder is of other runs: of one instead of several, or of other folds.
    """
    try:
        plain = json.loads(read_text(folder / CONFIG, MAX_CONFIG_BYTES))["config"]
        saved = msgspec.convert(plain, TrainConfig, dec_hook=lambda _, text: Path(text))
    except (AmpnetError, msgspec.ValidationError, OSError, ValueError, LookupError, TypeError, RecursionError):
        saved = config
    _refuse_other_series(config, saved, folder)
    requested = {name: value for name, value in config.recipe_changes.items() if value is not None}
    changes = {**(saved.recipe_changes if config.recipe is None else {}), **requested}
    own: dict[str, Any] = {"out": folder.parent, "name": folder.name, "resume": True, "recipe_changes": changes}
    for setting in settings_of(TrainConfig):
        if setting.name not in own and getattr(config, setting.name) == setting.default:
            own[setting.name] = getattr(saved, setting.name)
    return replace(config, **own)


def _refuse_other_series(config: TrainConfig, saved: TrainConfig, folder: Path) -> None:
    """Refuse to put runs beside others that were trained on other faces, or in the folder of one run."""
    requested = {"--folds": (config.folds, saved.folds), "--subjects": (config.subjects, saved.subjects)}
    if config.seeds > 1 and (saved.seeds == 1 or config.seeds < saved.seeds):  # more of them are welcome
        requested["--seeds"] = str(config.seeds), str(saved.seeds) if saved.seeds > 1 else ""
    if saved.has_several_runs and config.seed != TrainConfig.seed:
        requested["--seed"] = str(config.seed), str(saved.seed)
    for flag, (now, before) in requested.items():
        if now not in ("", before):
            how = f"with {flag} {printable(before, 100)}" if before else f"without {flag}"
            raise UsageError(
                f"{printable(folder)} was started {how}; leave it out, or start new runs under another --name"
            )


def write_settings(folder: Path, config: TrainConfig) -> None:
    """Write config.json of a folder of several runs.

    Raises:
        DataError: the file cannot be written.
    """
    write_json(folder / CONFIG, {"ampnet": __version__, "config": config_to_dict(config)})


def hash_data(index: FaceIndex, on_votes: bool = False) -> str:
    """Return the SHA-256 of names, labels, splits, landmarks and the votes to learn from; pixels are not included."""
    if index.shards is not None and index.shards.is_streamed:
        return index.shards.sha256()
    digest = sha256()
    for texts in (index.class_names, index.names, index.splits):
        digest.update("\n".join(texts).encode() + b"\0")
    digest.update(index.labels.tobytes() + index.landmarks.tobytes())
    if index.subjects is not None:  # they decide the validation split
        digest.update("\n".join(index.subjects).encode(errors="surrogateescape"))
    if index.votes is not None and on_votes:
        digest.update("\n".join(index.votes.columns).encode() + index.votes.counts.tobytes())
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
                split: dict(zip(index.class_names, class_counts(index, indices).tolist(), strict=True))
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
    write_json(folder / CONFIG, description)
