"""Devices and cores available to a command, and seeding by training step."""

import numpy as np
import torch

from ampnet.errors import ArgumentError, UsageError


def choose_device(gpus: int | None) -> torch.device:
    """Choose the device of a single-process command.

    Args:
        gpus: 0 for the CPU, 1 or more for the first GPU; None: a GPU if there is one.

    Raises:
        UsageError: more GPUs are requested than available.
    """
    return torch.device("cuda", 0) if count_gpus(gpus) else torch.device("cpu")


def usable_device(named: torch.device | str) -> torch.device:
    """Return the device that a program named.

    Raises:
        ArgumentError: there is none of that name, or torch cannot use it here.
    """
    try:
        device = torch.device(named)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:  # torch without CUDA asserts
        reason = str(error).partition("\n")[0].rstrip(".")
        raise ArgumentError(f"cannot use the device {str(named)!r} here: {reason}; take 'cpu'") from error
    return device


def count_gpus(gpus: int | None) -> int:
    """Resolve a number of GPUs: all visible ones for None.

    Raises:
        UsageError: more GPUs are requested than available.
    """
    visible = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if gpus is not None and gpus > visible:
        raise UsageError(f"{gpus} GPUs requested, but {visible or 'none'} available; run with --gpus {visible}")
    return visible if gpus is None else gpus


def has_fast_bf16(device: torch.device) -> bool:
    """Return whether bfloat16 is fast: on GPUs, and on CPUs for which oneDNN has kernels (AVX-512, AMX)."""
    if device.type != "cpu":
        return True
    return torch.backends.mkldnn.is_available() and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())  # type: ignore[no-untyped-call]


def has_onednn_convolutions() -> bool:
    """Return whether torch was built with oneDNN, and gives access to its convolutions with prepared weights."""
    return hasattr(torch.ops.mkldnn, "_convolution_pointwise")


def has_bf16_units(device: torch.device) -> bool:
    """Return whether the processor computes in bfloat16 itself: most GPUs, and CPUs with AMX or AVX-512 BF16."""
    if device.type != "cpu":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    checks = (getattr(torch.cpu, name, None) for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"))
    return has_fast_bf16(device) and any(check is not None and check() for check in checks)


def seed_step(seed: int, step: int, rank: int) -> None:
    """Seed torch by the number of a training step, so that dropout needs no saved random state to resume."""
    torch.manual_seed(int(np.random.SeedSequence((seed, step, rank)).generate_state(1, np.uint64)[0] >> np.uint64(1)))
