"""From stored tensors to a network: names, shapes and types are checked before any number is read."""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from ampnet.checkpoints.reading import StoredTensor
from ampnet.errors import CheckpointError
from ampnet.files.printable import printable
from ampnet.models.ampnet import AMPNet
from ampnet.models.layers import share_tensors
from ampnet.models.plain import build_model
from ampnet.settings import ArchitectureConfig


def outline(architecture: ArchitectureConfig) -> AMPNet:
    """Build a network without numbers: names, shapes and types of its tensors, on the meta device.

    It takes neither memory for weights nor the time to draw them, and leaves the random state alone.
    """
    return share_tensors(_first_outline(architecture))


@lru_cache(maxsize=4)
def _first_outline(architecture: ArchitectureConfig) -> AMPNet:
    """Build what all networks of one architecture are copied from: that takes half the time of loading one."""
    with WithoutNumbers():
        return build_model(architecture)


class WithoutNumbers(TorchFunctionMode):
    """Creates tensors on the meta device and skips their initialisation, for which torch would load its compiler."""

    def __torch_function__(
        self, func: Any, types: Iterable[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in (torch.empty, torch.zeros, torch.ones, torch.tensor):
            return func(*args, **{**kwargs, "device": "meta"})
        if func.__name__ in _INITIALISERS:
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)


_INITIALISERS = ("kaiming_uniform_", "kaiming_normal_", "uniform_", "normal_", "fill_", "zero_")


def build_network(architecture: ArchitectureConfig, tensors: Mapping[str, StoredTensor], available: int) -> AMPNet:
    """Build a network with stored weights.

    Args:
        available: bytes of the file; weights that claim more are refused.

    Returns:
        The network in eval mode, on the CPU, float32.

    Raises:
        CheckpointError: see :func:`read_matching`; or the weights claim more bytes than the file has.
    """
    model = outline(architecture)
    if sum(tensor.nbytes for tensor in tensors.values()) > available:  # numbers named twice
        raise CheckpointError("its weights claim more bytes than the file has")
    model.load_state_dict(read_matching(tensors, model.state_dict()), assign=True)
    return model.eval()


def read_matching(
    tensors: Mapping[str, StoredTensor], expected: Mapping[str, Tensor], called: Callable[[str], str] = str
) -> dict[str, Tensor]:
    """Read tensors that must be those of a network.

    Args:
        expected: a network's state; only names, shapes and types are used.
        called: gives the file's own name of a tensor, for messages.

    Returns:
        The tensors in the order and types of ``expected``.

    Raises:
        CheckpointError: a tensor is missing, unknown, or of another shape or kind; or it holds NaN, infinity or a
            negative variance.
    """
    if unknown := tensors.keys() - expected.keys():
        raise CheckpointError(f"the network has no {printable(min(unknown), 80)}")
    for name, value in expected.items():
        if name not in tensors:
            raise CheckpointError(f"{called(name)} is missing")
        stored = tensors[name]
        if stored.shape != value.shape:
            raise CheckpointError(f"{called(name)} has the shape {stored.shape}, expected {tuple(value.shape)}")
        if stored.dtype.is_floating_point != value.dtype.is_floating_point or stored.dtype.is_complex:
            raise CheckpointError(f"{called(name)} has the type {stored.dtype}, expected {value.dtype}")
    values = {name: _like(value, tensors[name].read()) for name, value in expected.items()}
    check_finite({called(name): value for name, value in values.items()})
    for name, value in values.items():
        if name.endswith("running_var") and bool((value < 0).any()):
            raise CheckpointError(f"{called(name)} holds a negative variance")
    return values


def _like(expected: Tensor, value: Tensor) -> Tensor:
    layout = torch.channels_last if expected.ndim == 4 else torch.preserve_format
    return value.to(expected.dtype, memory_format=layout)


def check_finite(values: Mapping[str, Tensor]) -> None:
    """Refuse numbers that would make every prediction NaN.

    Raises:
        CheckpointError: a tensor holds NaN or infinity.
    """
    sums = {name: value.sum(dtype=torch.float64) for name, value in values.items() if value.is_floating_point()}
    if sums and not torch.stack(list(sums.values())).isfinite().all():  # one look at all is four times faster
        name = next(name for name, total in sums.items() if not total.isfinite())
        raise CheckpointError(f"{name} holds NaN or infinity")
