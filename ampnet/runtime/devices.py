"""Finds the devices and cores that a command may use, and makes random numbers depend on a step's number alone."""

import os

import numpy as np
import torch

from ampnet.errors import UsageError


def choose_device(gpus: int | None) -> torch.device:
    """Choose where a command of one process runs.

    Args:
        gpus: 0 for the CPU, 1 or more for the first GPU; None: a GPU where there is one.

    Raises:
        UsageError: more GPUs are asked for than there are.
    """
    return torch.device("cuda", 0) if count_gpus(gpus) else torch.device("cpu")


def count_gpus(gpus: int | None) -> int:
    """Resolve a number of GPUs: all visible ones for None.

    Raises:
        UsageError: more are asked for than there are.
    """
    visible = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if gpus is not None and gpus > visible:
        raise UsageError(f"{gpus} GPUs were asked for, but {visible or 'none'} can be used; run with --gpus {visible}")
    return visible if gpus is None else gpus


def usable_cores() -> int:
    """Count the CPU cores that this process may use: containers and batch systems often grant fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def has_fast_bf16(device: torch.device) -> bool:
    """Tell whether bfloat16 is worth its while: on GPUs, and on CPUs for which oneDNN has kernels (AVX-512, AMX)."""
    if device.type != "cpu":
        return True
    return torch.backends.mkldnn.is_available() and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())  # type: ignore[no-untyped-call]


def seed_step(seed: int, step: int, rank: int) -> None:
    """Set torch's random state from a training step's number.

    A step's dropout then depends on nothing that came before it, so no random state needs saving.
    """
    torch.manual_seed(int(np.random.SeedSequence((seed, step, rank)).generate_state(1, np.uint64)[0] >> np.uint64(1)))
