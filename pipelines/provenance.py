"""Where a report's numbers come from: files, hashes, versions, and the command that repeats them."""

import platform
import shlex
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ampnet import __version__
from ampnet.checkpoints.checkpoint import Checkpoint
from ampnet.checkpoints.model_files import display_name
from ampnet.dataset.index.face_index import FaceIndex
from ampnet.dataset.index.index_files import index_sha256
from ampnet.evaluation.report import Provenance
from ampnet.settings import EvalConfig

PACKAGES = ("torch", "torchvision", "opencv-python", "numpy")


def provenance_of(config: EvalConfig, file: Path, sha256: str, index: FaceIndex, model: dict[str, Any]) -> Provenance:
    """Describe an evaluation.

    Args:
        file: the checkpoint, or the file of predictions.
        sha256: of what was read of it; a run in progress replaces its best checkpoint.
        model: from :func:`describe`; empty for a file of predictions.
    """
    return Provenance(
        kind="predictions" if config.predictions else "checkpoint",
        path=file,
        sha256=sha256,
        data=config.data,
        layout=index.layout,
        split=config.split,
        index_sha256=index_sha256(index.root),
        command=command_of(config, file),
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        versions=versions(),
        model=model,
    )


def versions() -> dict[str, str]:
    """Return the versions of ampnet, Python and the packages that numbers depend on."""
    return {
        "ampnet": __version__,
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
    }


def describe(checkpoint: Checkpoint, config: EvalConfig, offsets: NDArray[np.floating]) -> dict[str, Any]:
    """Describe a checkpoint and how its logits become answers, as plain values.

    Args:
        offsets: ``(K,)`` added to the fused logits; -inf, for a class that is never predicted, becomes None.
    """
    architecture = checkpoint.architecture
    return {
        "epoch": checkpoint.epoch,
        "selected_on": checkpoint.selected_on,
        "seed": checkpoint.config.get("seed"),
        "beta": checkpoint.branch_weight,
        "temperature": checkpoint.temperature,
        "rejection_threshold": checkpoint.rejection_threshold,
        "prior": config.prior or f"strength {checkpoint.prior_strength:g}",
        "offsets": [round(value, 6) if np.isfinite(value) else None for value in offsets.tolist()],
        "mirror": config.mirror,
        "precision": config.precision,
        "network": architecture.network,
        "width": architecture.width,
        "image_size": architecture.image_size,
        "modules": list(architecture.modules),
        "parameters": sum(parameter.numel() for parameter in checkpoint.model.parameters()),
        "training": _plain(checkpoint.config),
    }


def command_of(config: EvalConfig, file: Path) -> str:
    """Write the command that repeats an evaluation, with the checkpoint that was found and without machine options."""
    words = ["ampnet", "eval"]
    words += ["--predictions", str(config.predictions)] if config.predictions else [display_name(file)]
    words += ["--data", str(config.data), "--split", config.split]
    words += ["--protocol", config.protocol] if config.protocol else []
    words += ["--by", ",".join(config.by)] if config.by else []
    words += ["--groups", str(config.groups)] if config.groups else []
    words += ["--mirror"] if config.mirror else []
    words += ["--prior", config.prior] if config.prior else []
    words += ["--precision", config.precision] if config.precision != "fp32" else []
    return shlex.join(words)


def _plain(value: Any) -> Any:
    """Turn a checkpoint's settings into JSON values; what JSON cannot hold becomes text."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, torch.Tensor):
        return _plain(value.tolist())
    if value is None or isinstance(value, bool | int | str):
        return value
    return value if isinstance(value, float) and np.isfinite(value) else str(value)
