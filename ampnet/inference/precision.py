"""Floating-point precision of a network in use: bfloat16 where the processor computes in it, if the answers agree."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from ampnet.checkpoints.checkpoint import Checkpoint
from ampnet.inference.calibration import Prior
from ampnet.inference.classifier import Classifier
from ampnet.inference.golden import sample_faces
from ampnet.runtime.devices import has_bf16_units
from ampnet.settings import UsePrecision


@dataclass(frozen=True)
class Parity:
    """How far the answers of one way of computing are from exact ones."""

    faces: int
    largest: float
    """Largest difference of a probability, in [0, 1]."""
    changed: int
    """Number of faces with another most probable class."""


@dataclass(frozen=True)
class ChosenPrecision:
    """The type that a network's maps and weights have, and why."""

    dtype: torch.dtype
    note: str | None
    """One line for the user; None if nothing was decided."""


def choose_precision(
    requested: UsePrecision,
    checkpoint: Checkpoint,
    device: torch.device,
    mirror: bool = False,
    prior: Prior | None = None,
) -> ChosenPrecision:
    """Decide about bfloat16.

    ``auto`` takes it on GPUs and on processors with instructions for it, unless it changes the label of a sample face.

    Args:
        mirror: see :class:`Classifier`.
        prior: see :meth:`Classifier.from_checkpoint`.

    Raises:
        ConfigError: the prior does not match the checkpoint.
    """
    if requested == "fp32":
        return ChosenPrecision(torch.float32, None)
    has_units = has_bf16_units(device)
    if requested == "auto" and not has_units:
        return ChosenPrecision(torch.float32, "precision: fp32 (this processor has no bfloat16 instructions)")
    decided = decide(requested, measure_parity(checkpoint, device, mirror, prior))
    slow = "" if has_units else "; this processor has no bfloat16 instructions, so fp32 is faster"
    return replace(decided, note=f"{decided.note}{slow}")


def decide(requested: UsePrecision, parity: Parity) -> ChosenPrecision:
    """Decide by a comparison: ``auto`` takes float32 if a label changes."""
    difference = f"probabilities differ by at most {parity.largest:.3f} from fp32 on {parity.faces} sample faces"
    if parity.changed:
        difference += f", {parity.changed} of which get another label"
        if requested == "auto":
            return ChosenPrecision(torch.float32, f"precision: fp32 (in bfloat16, {difference})")
    return ChosenPrecision(torch.bfloat16, f"precision: bfloat16; {difference}")


def measure_parity(
    checkpoint: Checkpoint, device: torch.device, mirror: bool = False, prior: Prior | None = None
) -> Parity:
    """Compare the probabilities in bfloat16 with those in float32; see :func:`choose_precision`."""
    faces = sample_faces(checkpoint.framing)
    exact, fast = (
        Classifier.from_checkpoint(checkpoint, device, mirror, prior, dtype).classify(
            faces, checkpoint.architecture.image_size
        )
        for dtype in (torch.float32, torch.bfloat16)
    )
    return compare(exact, fast)


def compare(exact: NDArray[np.floating], other: NDArray[np.floating]) -> Parity:
    """Compare ``(N, K)`` probabilities with exact ones."""
    changed = int((exact.argmax(axis=1) != other.argmax(axis=1)).sum())
    return Parity(len(exact), float(np.abs(exact - other).max()), changed)
