"""Checkpoint files: weights together with everything needed to use them.

Two formats hold the same content. ``.pt`` is torch's (exact floats, read with ``weights_only``); ``.safetensors`` is
for distribution (half precision, everything but the weights as JSON in its header).
"""

import json
import pickle
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from ampnet.config import ArchitectureConfig
from ampnet.errors import CheckpointError, ConfigError, DataError
from ampnet.faces.framing import Framing
from ampnet.media.files import atomic_write
from ampnet.models.ampnet import AMPNet

FORMAT = "ampnet"
VERSION = 1
BEST = "best.pt"
HEADER = "ampnet"
"""Metadata key of the JSON text in a safetensors file."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A trained network and everything needed to use it."""

    model: AMPNet
    """In eval mode, on the CPU, float32."""
    class_names: tuple[str, ...]
    """In the order of the logits."""
    framing: Framing
    """How the training faces were framed."""
    config: dict[str, Any] = field(default_factory=dict)
    """Settings of the training run, as plain values."""
    epoch: int = 0
    """Finished epochs."""
    metrics: dict[str, float] = field(default_factory=dict)
    """Metrics of that epoch: train_loss, val_loss, val_accuracy, ..."""
    branch_weight: float = 0.5
    """Weight of the local logits in the fused logits, in [0, 1]."""
    selected_on: str = "val"
    """Split that chose this epoch."""
    temperature: float = 1.0
    """Divides the fused logits before the softmax, to calibrate the probabilities."""
    class_shares: tuple[float, ...] = ()
    """Relative frequency of each class in the training targets; empty if unknown."""
    prior_strength: float = 0.0
    """How much of that prior is removed from the logits, in [0, 1] (see :mod:`ampnet.inference.prior`)."""
    version: int = VERSION

    @property
    def architecture(self) -> ArchitectureConfig:
        """Size of the network."""
        return self.model.architecture

    def header(self) -> dict[str, Any]:
        """Return everything except the weights as plain values."""
        return {
            "format": FORMAT,
            "version": self.version,
            "architecture": asdict(self.architecture) | {"modules": list(self.architecture.modules)},
            "class_names": list(self.class_names),
            "framing": self.framing.to_dict(),
            "config": self.config,
            "epoch": self.epoch,
            "metrics": self.metrics,
            "branch_weight": self.branch_weight,
            "selected_on": self.selected_on,
            "temperature": self.temperature,
            "class_shares": list(self.class_shares),
            "prior_strength": self.prior_strength,
        }


def save_checkpoint(path: Path, checkpoint: Checkpoint, training: Mapping[str, Any] | None = None) -> None:
    """Write a checkpoint atomically.

    Args:
        path: ``.safetensors`` selects half precision, any other suffix torch's format with exact floats.
        checkpoint: what to write.
        training: plain values and tensors needed to resume a run (torch's format only).

    Raises:
        DataError: the file cannot be written.
        ValueError: ``training`` is given for a safetensors file.
    """
    state = {name: value.detach().cpu().contiguous() for name, value in checkpoint.model.state_dict().items()}
    with atomic_write(path) as aside:
        if path.suffix == ".safetensors":
            if training is not None:
                raise ValueError("a safetensors file holds no training state")
            half = {name: value.half() if value.is_floating_point() else value for name, value in state.items()}
            # Not save_file: it creates files that only their owner can read.
            aside.write_bytes(save(half, metadata={HEADER: json.dumps(checkpoint.header(), ensure_ascii=False)}))
        else:
            content = checkpoint.header() | {"model": state}
            torch.save(content if training is None else content | {"training": dict(training)}, aside)


def checkpoint_file(path: Path) -> Path:
    """Resolve a run folder to its best checkpoint; a file is returned unchanged.

    Raises:
        CheckpointError: the path does not exist, or the folder holds no best.pt.
    """
    if path.is_dir():
        if not (path / BEST).is_file():
            raise CheckpointError(f"{path} holds no {BEST}; give a run folder of `ampnet train` or a checkpoint file")
        return path / BEST
    if not path.is_file():
        raise CheckpointError(f"{path} does not exist; give a run folder of `ampnet train` or a checkpoint file")
    return path


def newest_run(folder: Path) -> Path | None:
    """Find the run below a folder that saved a checkpoint last and has a best one; None if there is none.

    Args:
        folder: holds runs, or folders of several seeds' runs, such as ./checkpoint.
    """
    runs = [best.parent for pattern in (f"*/{BEST}", f"*/seed*/{BEST}") for best in folder.glob(pattern)]
    return max(runs, key=lambda run: max(save.stat().st_mtime for save in run.glob("*.pt")), default=None)


def load_checkpoint(path: Path | str) -> Checkpoint:
    """Load a checkpoint without executing anything in the file.

    Args:
        path: a ``.pt`` or ``.safetensors`` file, or a run folder (its best.pt).

    Raises:
        CheckpointError: the file is missing, damaged, another program's, or written by a newer version of ampnet.
    """
    file = checkpoint_file(Path(path))
    return build_checkpoint(read_content(file), file)


def read_content(file: Path) -> dict[str, Any]:
    """Read a file's header, weights (``model``) and, in torch's format, training state.

    Raises:
        CheckpointError: as for :func:`load_checkpoint`.
    """
    content = _read_safetensors(file) if file.suffix == ".safetensors" else _read_torch(file)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise CheckpointError(
            f"{file} is not an ampnet checkpoint; convert a reference program's file with `ampnet import`"
        )
    if not isinstance(content.get("version"), int) or content["version"] > VERSION:
        raise CheckpointError(f"{file} was written by a newer ampnet; upgrade ampnet, or train again")
    return content


def build_checkpoint(content: Mapping[str, Any], file: Path) -> Checkpoint:
    """Build a checkpoint from a file's content.

    Args:
        content: from :func:`read_content`.
        file: its path, for error messages.

    Raises:
        CheckpointError: a part is missing or does not match.
    """
    try:
        sizes = content["architecture"]
        model = AMPNet(**{**sizes, "modules": tuple(sizes["modules"])})
        model.load_state_dict(content["model"])
        class_names = tuple(str(name) for name in content["class_names"])
        if len(class_names) != model.architecture.num_classes:
            raise CheckpointError(
                f"{file} is damaged: {len(class_names)} class names for {model.architecture.num_classes} classes"
            )
        return Checkpoint(
            model=model.eval(),
            class_names=class_names,
            framing=Framing.from_dict(content["framing"]),
            config=dict(content["config"]),
            epoch=int(content["epoch"]),
            metrics={name: float(value) for name, value in content["metrics"].items()},
            branch_weight=float(content["branch_weight"]),
            selected_on=str(content["selected_on"]),
            temperature=float(content["temperature"]),
            class_shares=_class_shares(content.get("class_shares", ()), len(class_names)),
            prior_strength=float(content.get("prior_strength", 0.0)),
            version=int(content["version"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError, ConfigError, DataError) as error:
        first_line = str(error).splitlines()[0] if str(error) else ""
        raise CheckpointError(f"{file} is damaged ({type(error).__name__}: {first_line}); train again") from error


def _class_shares(shares: Sequence[float], num_classes: int) -> tuple[float, ...]:
    values = tuple(float(share) for share in shares)
    if values and (len(values) != num_classes or not all(0 <= share <= 1 for share in values)):
        raise ValueError("class_shares must hold one number in [0, 1] for each class")
    return values


def _read_torch(file: Path) -> Any:
    try:
        if not zipfile.is_zipfile(file):
            raise CheckpointError(f"{file} is not a checkpoint, or is truncated")
        with zipfile.ZipFile(file) as archive:
            damaged = archive.testzip()
        if damaged is not None:
            raise CheckpointError(f"{file} is damaged (in {damaged}); copy it again, or train again")
        return torch.load(file, map_location="cpu", weights_only=True)
    except OSError as error:
        raise CheckpointError(f"cannot read {file}: {error.strerror or error}") from error
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{file} holds more than weights and plain values, so it is not loaded; "
            "convert a reference program's file with `ampnet import`"
        ) from error
    except (RuntimeError, ValueError, KeyError, EOFError, NotImplementedError, zipfile.BadZipFile) as error:
        raise CheckpointError(f"{file} is not a checkpoint, or is damaged") from error


def _read_safetensors(file: Path) -> Any:
    try:
        with safe_open(file, framework="pt") as stored:
            header = json.loads((stored.metadata() or {}).get(HEADER, "null"))
            tensors: dict[str, Tensor] = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
    except OSError as error:
        raise CheckpointError(f"cannot read {file}: {error.strerror or error}") from error
    except (SafetensorError, ValueError) as error:
        raise CheckpointError(f"{file} is not a checkpoint, or is damaged") from error
    return header | {"model": tensors} if isinstance(header, dict) else None
