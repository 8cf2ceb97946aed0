"""Checkpoints of the reference program (the paper's authors' code): safe reading, and writing."""

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from torch import Tensor

from ampnet.checkpoints.header import MAX_EPOCHS
from ampnet.checkpoints.network import outline, read_matching
from ampnet.checkpoints.reading import StoredTensor
from ampnet.checkpoints.reference.wrapped_weights import (
    GLOBAL_HEAD,
    IDENTITIES,
    LOCAL_HEAD,
    find_weights,
    reference_name,
    unused_tensors,
)
from ampnet.checkpoints.torch_file import TorchFile, open_torch_file, write_torch_file
from ampnet.errors import CheckpointError
from ampnet.files.writing import atomic_write
from ampnet.models.ampnet import AMPNet
from ampnet.settings import MAX_OUTPUTS, ArchitectureConfig
from ampnet.settings.labels import EXPRESSIONS, EXPRESSIONS_8

DATA_PARALLEL = "module."
"""Prefix of all parameter names in files saved under DataParallel."""


@dataclass(frozen=True)
class ReferenceFile:
    """The used parts of a reference checkpoint."""

    state: dict[str, Tensor]
    """Weights under our names."""
    num_classes: int
    """7 or 8 expressions, or the 8631 identities of the pre-training."""
    epoch: int | None
    """Finished epochs; None if the file does not say."""

    @property
    def is_identities(self) -> bool:
        """Whether this is the face recognition pre-training on 8631 people."""
        return self.num_classes == IDENTITIES


def reference_class_names(num_classes: int) -> tuple[str, ...]:
    """Return the classes in the reference program's label order (RAF-DB's); empty if they are not expressions."""
    return {len(names): names for names in (EXPRESSIONS, EXPRESSIONS_8)}.get(num_classes, ())


def read_reference(path: Path) -> ReferenceFile:
    """Read a checkpoint of the reference program without executing anything in it.

    Args:
        path: file written by ``torch.save``, in the old or new format: a state dict, bare or within other dicts, whose
            names may have prefixes (see :mod:`ampnet.checkpoints.reference.wrapped_weights`).

    Raises:
        CheckpointError: the file is missing, damaged, or holds another network.
    """
    with open_torch_file(path) as file:
        content = file.content
        epoch = content.get("epoch") if isinstance(content, dict) else None
        records = find_weights(content, _published_names())
        num_classes = _num_classes(file, records)
        ours = outline(ArchitectureConfig(num_classes=num_classes)).state_dict()
        stored = {name: _stored(file, records, reference_name(name)) for name in ours}
        state = read_matching(stored, ours, reference_name)
    return ReferenceFile(state, num_classes, epoch if type(epoch) is int and 0 <= epoch <= MAX_EPOCHS else None)


@cache
def _published_names() -> tuple[str, ...]:
    return tuple(reference_name(name) for name in outline(ArchitectureConfig()).state_dict())


def load_reference(path: Path | str, num_classes: int | None = None) -> AMPNet:
    """Build the network with the weights of a reference checkpoint, without executing anything in the file.

    Args:
        path: see :func:`read_reference`.
        num_classes: classes of the network; None takes the file's. If they differ (the file pre-trained on 8631
            identities), both heads are newly initialised.

    Returns:
        The paper's network in eval mode.

    Raises:
        CheckpointError: the file is missing, damaged, or holds another network.
    """
    return build_reference(read_reference(Path(path)), num_classes)


def build_reference(reference: ReferenceFile, num_classes: int | None = None) -> AMPNet:
    """Build the network of :func:`load_reference` from a file already read."""
    if num_classes is None or num_classes == reference.num_classes:
        model = outline(ArchitectureConfig(num_classes=reference.num_classes))
        model.load_state_dict(reference.state, assign=True)
    else:
        model = AMPNet(num_classes)
        without_heads = {name: value for name, value in reference.state.items() if "_head." not in name}
        model.load_state_dict({**model.state_dict(), **without_heads})
    return model.eval()


def write_reference(path: Path, model: AMPNet, *, epoch: int = 0, data_parallel: bool = False) -> None:
    """Write a checkpoint that the reference program can load.

    Args:
        path: file to write, replaced atomically (458 MB, half of it zeros for parameters that the program never uses).
        model: the paper's network, with any number of classes.
        epoch: finished epochs to record in the file.
        data_parallel: prefix all names with ``module.``, as DataParallel does.

    Raises:
        CheckpointError: the network is not the paper's.
        DataError: the file cannot be written.
    """
    own = model.architecture
    wanted = ArchitectureConfig(num_classes=own.num_classes, dropout=own.dropout)
    if replace(own, modules=tuple(sorted(own.modules))) != replace(wanted, modules=tuple(sorted(wanted.modules))):
        raise CheckpointError(
            "the reference program holds the full network only: width 1, 224 px, modules gp, lp and ap, regions on "
            "whole cells, faces not standardised"
        )
    state = reference_state_dict(model)
    prefix = DATA_PARALLEL if data_parallel else ""
    with atomic_write(path) as aside:
        write_torch_file(aside, {"epoch": epoch, "state_dict": {prefix + name: value for name, value in state.items()}})


def reference_state_dict(model: AMPNet) -> dict[str, Tensor]:
    """Return the state dict under the reference names; tensors that only the reference network has are zero."""
    ours = {reference_name(name): value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    return ours | unused_tensors(model.architecture.num_classes)


def _num_classes(file: TorchFile, records: dict[str, object]) -> int:
    shapes = [_stored(file, records, f"{head}.bias").shape for head in (LOCAL_HEAD, GLOBAL_HEAD)]
    if shapes[0] != shapes[1] or len(shapes[0]) != 1:
        raise CheckpointError(f"its heads {LOCAL_HEAD} and {GLOBAL_HEAD} have different numbers of classes")
    (num_classes,) = shapes[0]
    if not 2 <= num_classes <= MAX_OUTPUTS:
        raise CheckpointError(f"its heads have {num_classes} classes")
    return num_classes


def _stored(file: TorchFile, records: dict[str, object], name: str) -> StoredTensor:
    if name not in records:
        raise CheckpointError(f"it is not a checkpoint of the reference program: {name} is missing")
    return file.stored(records[name])
