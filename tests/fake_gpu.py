"""A GPU that no machine needs to have: tensors claim to be on it, shapes and devices are checked, nothing is computed.

Under :func:`fake_gpu` the code under test runs as on ``cuda``: an operation that mixes devices raises, and so does
NumPy's view of a tensor that was not brought back. Values do not exist: whatever reads one gets 1, or 0 of
an integer. The backward pass needs a real device; here it gives each parameter of the graph a gradient of its shape.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.overrides import TorchFunctionMode

CUDA = torch.device("cuda", 0)

UNKNOWN = 2
"""Length of what depends on values, such as the candidates of a detector."""


class _Values(TorchFunctionMode):
    """Answers what would read values of a tensor."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        name = getattr(func, "__name__", "")
        if name.startswith(("_foreach_", "_fused_")):
            _require_one_device(args)
            if name.startswith("_fused_"):  # steps of optimizers, which fake tensors do not know
                return None
        if name in ("any", "all") and len(args) == 1 and not kwargs:
            return name == "all"
        if name == "__getitem__":  # fake tensors take indices from anywhere
            _require_reachable_indices(*args)
        if name == "nonzero":
            return tuple(torch.zeros(UNKNOWN, dtype=torch.int64, device=args[0].device) for _ in args[0].shape)
        if name == "bincount":
            return torch.zeros((kwargs or {})["minlength"], dtype=torch.int64, device=args[0].device)
        if name == "__deepcopy__":
            return _copied(*args)
        if name == "backward":
            return _give_gradients(args[0])
        if name == "numpy":
            if args[0].device.type != "cpu":
                raise TypeError("cannot convert a tensor on a GPU to numpy; bring it back with .cpu() first")
            return _values(args[0])
        if name == "tolist":
            return _values(args[0]).tolist()
        if name in ("item", "__int__", "__float__", "__bool__", "__index__"):
            return {"__float__": 1.0, "__bool__": True, "item": _values(args[0]).flat[0].item()}.get(name, 0)
        return func(*args, **(kwargs or {}))


def _values(tensor: Tensor) -> NDArray[Any]:
    value = tensor.dtype.is_floating_point or tensor.dtype == torch.bool
    return np.full(tensor.shape, value, dtype=str(tensor.dtype).removeprefix("torch."))


def _copied(tensor: Tensor, memo: dict[int, Any]) -> Tensor:
    copy = tensor.detach().clone()
    memo[id(tensor)] = nn.Parameter(copy, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else copy
    return memo[id(tensor)]


def _require_reachable_indices(tensor: Tensor, index: Any) -> None:
    for part in index if isinstance(index, tuple) else (index,):
        if isinstance(part, Tensor) and part.device.type != "cpu" and part.device != tensor.device:
            raise RuntimeError(f"indices are on another device ({part.device}) than the tensor ({tensor.device})")


def _require_one_device(lists: Iterable[Any]) -> None:
    devices = {str(tensor.device) for tensors in lists if isinstance(tensors, list) for tensor in tensors}
    if len(devices) > 1:
        raise RuntimeError(f"one operation has tensors on several devices: {sorted(devices)}")


def _give_gradients(loss: Tensor) -> None:
    waiting, seen = [loss.grad_fn], set()
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            node.variable.grad = torch.empty_like(node.variable)
        waiting += [following for following, _ in node.next_functions]


def _moved(module: nn.Module, change: Callable[[Tensor], Tensor], recurse: bool = True) -> nn.Module:
    """As ``nn.Module._apply``, which cannot exchange fake tensors that other tensors view."""
    for part in module.modules() if recurse else [module]:
        for name, parameter in part._parameters.items():
            if parameter is not None:
                part._parameters[name] = nn.Parameter(change(parameter.detach()), parameter.requires_grad)
        for name, buffer in part._buffers.items():
            if buffer is not None:
                part._buffers[name] = change(buffer)
    return module


@contextmanager
def fake_gpu() -> Iterator[torch.device]:
    """Run a block as on a GPU; gives the device. Skips the test where torch is too old for it."""
    if not hasattr(torch._C, "_ensureCUDADeviceGuardSet") and not torch.cuda.is_available():
        pytest.skip("before 2.6, torch asks the driver even for fake tensors")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nn.Module, "_apply", _moved)
        for name in ("Stream", "stream", "current_stream"):  # all is done at once, so nothing waits
            patch.setattr(torch.cuda, name, MagicMock())
        patch.setattr(Tensor, "record_stream", lambda _tensor, _stream: None)
        patch.setattr(torch.cuda, "get_device_name", lambda _device: "a GPU of the tests")
        with FakeTensorMode(allow_fallback_kernels=False, allow_non_fake_inputs=True), _Values():
            yield CUDA
