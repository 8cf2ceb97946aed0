"""Copies of a network that share its tensors."""

from typing import TypeVar

from torch import nn

M = TypeVar("M", bound=nn.Module)


def share_tensors(module: M) -> M:
    """Copy a module and its parts, but not their tensors.

    Rebuilding the hundreds of parts of AMP-Net, or copying them by ``deepcopy``, takes several times as long.

    Returns:
        A module whose parts, tensors and hooks can be replaced, added and removed without a change to the original;
        writing into a tensor changes both.
    """
    shell = object.__new__(type(module))
    own = {name: value.copy() for name, value in vars(module).items() if isinstance(value, dict)}
    own["_modules"] = {name: child and share_tensors(child) for name, child in module._modules.items()}
    shell.__dict__ = vars(module) | own
    return shell
