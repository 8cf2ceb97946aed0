"""Collective operations over the processes of a command; no-ops in a single process."""

from collections.abc import Iterator
from typing import TypeVar

from torch import Tensor, distributed

from ampnet.runtime.launch import Process

R = TypeVar("R")


def sum_over_processes(values: Tensor, process: Process) -> Tensor:
    """Sum a tensor over all processes, in place."""
    if process.world_size > 1:
        distributed.all_reduce(values)
    return values


def broadcast_tensors(tensors: Iterator[Tensor], process: Process) -> None:
    """Overwrite tensors with process 0's."""
    if process.world_size > 1:
        for tensor in tensors:
            distributed.broadcast(tensor, src=0)


def broadcast_object(value: R, process: Process) -> R:
    """Return process 0's value in every process."""
    if process.world_size == 1:
        return value
    box = [value if process.is_main else None]
    distributed.broadcast_object_list(box, src=0, device=process.device)
    return box[0]  # type: ignore[return-value]


def gather_objects(value: R, process: Process) -> list[R]:
    """Return the values of all processes, in every process."""
    if process.world_size == 1:
        return [value]
    values: list[R | None] = [None] * process.world_size
    distributed.all_gather_object(values, value)
    return values  # type: ignore[return-value]
