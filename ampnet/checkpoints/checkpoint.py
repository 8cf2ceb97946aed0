"""Checkpoint files: weights together with everything needed to use them.

Two formats hold the same content. ``.pt`` is torch's (exact floats, read with ``weights_only``); ``.safetensors`` is
for distribution (half precision, everything but the weights as JSON in its header).
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from msgspec import structs
from safetensors.torch import save
from torch import Tensor

from ampnet.checkpoints.header import FORMAT, VERSION, Header, parse_header
from ampnet.checkpoints.model_files import bundled_or_path, checkpoint_file
from ampnet.checkpoints.network import build_network, check_finite
from ampnet.checkpoints.reading import StoredTensor, reading
from ampnet.checkpoints.safetensors_file import HEADER, open_safetensors
from ampnet.checkpoints.torch_file import TorchFile, open_torch_file, write_torch_file
from ampnet.errors import CheckpointError
from ampnet.faces.framing import Framing
from ampnet.files.printable import printable
from ampnet.files.writing import atomic_write, sha256_of
from ampnet.models.ampnet import AMPNet
from ampnet.settings import ArchitectureConfig

MODEL, TRAINING = "model", "training"
"""Keys of weights and training state in torch's format, in addition to the header's."""


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
    """How much of that prior is removed from the logits, in [0, 1] (see :mod:`ampnet.inference.calibration`)."""
    rejection_threshold: float = 0.0
    """Faces whose predicted class has a lower probability get the answer "not sure"; in [0, 1], 0 never rejects."""
    version: int = VERSION
    file: Path | None = None
    """Where it was loaded from; None for a network that is in memory only."""

    @property
    def architecture(self) -> ArchitectureConfig:
        """Size of the network."""
        return self.model.architecture

    def header(self) -> dict[str, Any]:
        """Return everything except the weights as plain values."""
        names = (one.name for one in fields(self) if one.name not in ("model", "file"))
        return {name: getattr(self, name) for name in names} | {
            "format": FORMAT,
            "architecture": asdict(self.architecture) | {"modules": list(self.architecture.modules)},
            "class_names": list(self.class_names),
            "framing": self.framing.to_dict(),
            "class_shares": list(self.class_shares),
        }


@dataclass(frozen=True)
class StoredCheckpoint:
    """An open checkpoint file, whose numbers are not read yet."""

    header: Any
    """Everything except the weights as plain values, unchecked."""
    tensors: Mapping[str, StoredTensor]
    """The weights."""
    training: Callable[[], Any]
    """Reads the training state: plain values and :class:`StoredTensor`; None if there is none."""
    size: int
    """Of the file, in bytes."""

    def checkpoint(self) -> Checkpoint:
        """Build the checkpoint; see :func:`parse_header` and :func:`build_network` for what is refused."""
        header = parse_header(self.header)
        values = structs.asdict(header)
        architecture = values.pop("architecture")
        return Checkpoint(model=build_network(architecture, self.tensors, self.size), **values)


def save_checkpoint(path: Path, checkpoint: Checkpoint, training: Mapping[str, Any] | None = None) -> None:
    """Write a checkpoint atomically.

    Args:
        path: ``.safetensors`` selects half precision, any other suffix torch's format with exact floats.
        training: plain values and tensors needed to resume a run (torch's format only).

    Raises:
        DataError: the file cannot be written.
        CheckpointError: a value is out of range, or a weight beyond half precision: no reader would take the file.
        ValueError: ``training`` is given for a safetensors file.
    """
    header = checkpoint.header()
    with reading(path, "cannot write"):
        parse_header(header)
    state = {name: value.detach().cpu().contiguous() for name, value in checkpoint.model.state_dict().items()}
    if path.suffix == ".safetensors":
        if training is not None:
            raise ValueError("a safetensors file holds no training state")
        _save_half(path, header, state)
        return
    content = header | {MODEL: state} | ({} if training is None else {TRAINING: dict(training)})
    with atomic_write(path) as aside:
        write_torch_file(aside, content)


def _save_half(path: Path, header: dict[str, Any], state: dict[str, Tensor]) -> None:
    half = {name: value.half() if value.is_floating_point() else value for name, value in state.items()}
    with reading(path, "cannot write"):
        check_finite(half)
    text = json.dumps(header, ensure_ascii=False, allow_nan=False)
    with atomic_write(path) as aside:
        # Not save_file: it creates files that only their owner can read.
        aside.write_bytes(save(half, metadata={HEADER: text}))


def load_checkpoint(path: Path | str) -> Checkpoint:
    """Load a checkpoint without executing anything in the file.

    A damaged or forged file ends in a one-line error, and takes no more memory than its own size.

    Args:
        path: a ``.pt`` or ``.safetensors`` file, a run folder (its best.pt), or ``bundled`` and ``bundled:NAME``.

    Raises:
        CheckpointError: the file is missing, damaged, another program's, or written by a newer version of ampnet.
    """
    file = checkpoint_file(bundled_or_path(Path(path)))
    with open_checkpoint(file) as stored:
        return replace(stored.checkpoint(), file=file)


def read_header(path: Path) -> Header:
    """Read all but the weights of a checkpoint file, or of a run folder's best.

    Raises:
        CheckpointError: see :func:`load_checkpoint`; the weights are not checked.
    """
    with open_checkpoint(checkpoint_file(path)) as stored:
        return parse_header(stored.header)


def load_with_hash(file: Path) -> tuple[Checkpoint, str]:
    """Load a checkpoint file and hash it together: a training in progress replaces its best one.

    Returns:
        The checkpoint, and the file's SHA-256 in hexadecimal.

    Raises:
        CheckpointError: see :func:`load_checkpoint`.
        DataError: see :func:`ampnet.files.writing.sha256_of`.
    """
    return load_checkpoint(file), sha256_of(file)


@contextmanager
def open_checkpoint(file: Path) -> Iterator[StoredCheckpoint]:
    """Open a checkpoint file, reading no more than its header.

    Raises:
        CheckpointError: the file is missing, damaged or of another kind; or the block raised any exception.
    """
    if file.suffix == ".onnx":
        readers = "predict and serve --runtime onnx, and ampnet.onnx, read it"
        raise CheckpointError(f"{printable(file)} is an exported model, not a checkpoint; {readers}")
    if file.suffix == ".safetensors":
        with open_safetensors(file) as half:
            yield StoredCheckpoint(half.header, half.tensors, lambda: None, half.size)
    else:
        with open_torch_file(file) as whole:
            yield _of_torch(whole)


def _of_torch(file: TorchFile) -> StoredCheckpoint:
    content = file.content
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        return StoredCheckpoint(None, {}, lambda: None, file.size)
    header = file.plain({key: value for key, value in content.items() if key not in (MODEL, TRAINING)})
    tensors = {str(name): file.stored(record) for name, record in content[MODEL].items()}
    return StoredCheckpoint(header, tensors, lambda: file.plain(content.get(TRAINING), with_tensors=True), file.size)
