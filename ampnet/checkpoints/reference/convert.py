"""Files of the authors' published program: read without trusting them, and written for it."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ampnet.checkpoints.reference.parameter_names import (
    GLOBAL_HEAD,
    IDENTITIES,
    LOCAL_HEAD,
    reference_name,
    unused_tensors,
)
from ampnet.checkpoints.reference.torch_file import TorchFile, open_torch_file
from ampnet.config import ArchitectureConfig
from ampnet.errors import CheckpointError
from ampnet.labels import EXPRESSIONS, EXPRESSIONS_8
from ampnet.media.files import atomic_write
from ampnet.models.ampnet import AMPNet

DATA_PARALLEL = "module."
"""Prefix of all names where the program ran under DataParallel."""


@dataclass(frozen=True)
class PublishedFile:
    """The used part of a published checkpoint."""

    state: dict[str, Tensor]
    """Weights under our names."""
    num_classes: int
    """7 or 8 expressions, or 8631 identities of the pre-training."""
    epoch: int | None
    """Finished epochs, where the file tells."""

    @property
    def is_identities(self) -> bool:
        """Whether this is the pre-training on faces of 8631 people."""
        return self.num_classes == IDENTITIES


def published_class_names(num_classes: int) -> tuple[str, ...]:
    """Name the classes of a published file in its label order, RAF-DB's; none where they are no expressions."""
    return {len(names): names for names in (EXPRESSIONS, EXPRESSIONS_8)}.get(num_classes, ())


def read_reference(path: Path) -> PublishedFile:
    """Read a checkpoint of the published program, executing nothing in it.

    Args:
        path: what the program's ``torch.save`` wrote: a dict with ``state_dict``, or the bare state; names
            with or without ``module.``; torch's old or new file format.

    Raises:
        CheckpointError: the file is missing, broken, or holds another network.
    """
    with open_torch_file(path) as file:
        content = file.content
        epoch = content.get("epoch") if isinstance(content, dict) else None
        records = content.get("state_dict", content) if isinstance(content, dict) else None
        if not isinstance(records, dict):
            raise CheckpointError("it holds no state_dict")
        records = {name.removeprefix(DATA_PARALLEL): value for name, value in records.items() if isinstance(name, str)}
        num_classes = _num_classes(file, records)
        with torch.device("meta"):
            ours = AMPNet(num_classes).state_dict()
        state = {name: _tensor(file, records, reference_name(name), value.shape) for name, value in ours.items()}
    return PublishedFile(state, num_classes, epoch if isinstance(epoch, int) else None)


def load_reference(path: Path | str, num_classes: int | None = None) -> AMPNet:
    """Build the network with the weights of a published checkpoint, executing nothing in the file.

    Args:
        path: see :func:`read_reference`.
        num_classes: classes of the network; None takes the file's. Where they differ (the file pre-trained
            on 8631 identities), both heads start afresh.

    Returns:
        The paper's network in eval mode.

    Raises:
        CheckpointError: the file is missing, broken, or holds another network.
    """
    return build_reference(read_reference(Path(path)), num_classes)


def build_reference(published: PublishedFile, num_classes: int | None = None) -> AMPNet:
    """Build the network of :func:`load_reference` from a file that has been read."""
    model = AMPNet(num_classes or published.num_classes)
    own_heads = model.architecture.num_classes == published.num_classes
    weights = {name: value for name, value in published.state.items() if own_heads or "_head." not in name}
    model.load_state_dict({**model.state_dict(), **weights})
    return model.eval()


def write_reference(path: Path, model: AMPNet, *, epoch: int = 0, data_parallel: bool = False) -> None:
    """Write a checkpoint that the published program loads.

    Args:
        path: file to write, replaced whole (458 MB: half of it zeros for parameters that the program never reads).
        model: the paper's network (width 1, all modules); any number of classes.
        epoch: finished epochs to note in the file.
        data_parallel: begin all names with ``module.``, as the program's DataParallel does.

    Raises:
        CheckpointError: the network has another shape than the published one.
        DataError: the file cannot be written.
    """
    wanted = ArchitectureConfig(num_classes=model.architecture.num_classes)
    if (model.architecture.width, set(model.architecture.modules)) != (wanted.width, set(wanted.modules)):
        raise CheckpointError("the published program holds the full network only: width 1, modules gp, lp and ap")
    state = reference_state_dict(model)
    prefix = DATA_PARALLEL if data_parallel else ""
    with atomic_write(path) as aside:
        torch.save({"epoch": epoch, "state_dict": {prefix + name: value for name, value in state.items()}}, aside)


def reference_state_dict(model: AMPNet) -> dict[str, Tensor]:
    """Give the whole state under the published names; what only the published network has is zero."""
    ours = {reference_name(name): value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    return ours | unused_tensors(model.architecture.num_classes)


def _num_classes(file: TorchFile, records: dict[str, object]) -> int:
    classes = {len(_tensor(file, records, f"{head}.bias")) for head in (LOCAL_HEAD, GLOBAL_HEAD)}
    if len(classes) != 1:
        raise CheckpointError(f"its heads {LOCAL_HEAD} and {GLOBAL_HEAD} have different numbers of classes")
    if (num_classes := classes.pop()) < 2:
        raise CheckpointError(f"its heads have {num_classes} class")
    return num_classes


def _tensor(file: TorchFile, records: dict[str, object], name: str, shape: torch.Size | None = None) -> Tensor:
    if name not in records:
        raise CheckpointError(f"it is no checkpoint of the published program: {name} is missing")
    tensor = file.tensor(records[name])
    if shape is not None and tensor.shape != shape:
        raise CheckpointError(f"{name} has the shape {tuple(tensor.shape)}; the published program's is {tuple(shape)}")
    return tensor
