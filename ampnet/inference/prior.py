"""Class priors: logit adjustment after training (Menon et al. 2021, arXiv:2007.07314).

A network learns how often each class occurs in its training set. If other class frequencies are expected, the log of
the ratio of expected to learned frequency is added to the logits; no weight changes.
"""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ampnet.checkpoints.checkpoint import Checkpoint
from ampnet.errors import ConfigError, DataError
from ampnet.files.documents import read_json
from ampnet.files.printable import printable

MIN_CLASS_SHARE = 1e-4
"""Lower bound of class frequencies: a class with frequency 0 could never be predicted."""

STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Strengths of the adjustment shown in reports; calibration uses finer steps."""

MAX_PRIOR_BYTES = 1 << 20
"""Maximum size of a file of frequencies, in bytes."""

_Frequency = Annotated[float, msgspec.Meta(ge=0, le=1e15)]
_Shares = Annotated[dict[str, _Frequency], msgspec.Meta(min_length=1)]

Prior = Literal["training", "balanced"] | dict[str, float]
"""The training set's class frequencies, equal ones, or frequencies by class name."""


def read_prior(text: str) -> Prior:
    """Parse the value of `--prior`.

    Args:
        text: ``training``, ``balanced``, or the path of a JSON object of class name -> frequency or count.

    Raises:
        ConfigError: the file is missing, or is not an object of non-negative numbers.
    """
    if text == "training":
        return "training"
    if text == "balanced":
        return "balanced"
    cure = 'give training, balanced, or a JSON object of class -> frequency, such as {"happiness": 0.4, "neutral": 0.6}'
    try:
        return read_json(Path(text), _Shares, cure, MAX_PRIOR_BYTES)
    except DataError as error:
        raise ConfigError(str(error)) from error


def strength_offsets(class_shares: NDArray[np.floating], strength: float) -> Tensor:
    """Return the logit offsets that remove part of the learned prior.

    Args:
        class_shares: ``(K,)`` relative class frequencies in the training targets.
        strength: 0 keeps the training set's frequencies, 1 expects all classes equally often.

    Returns:
        ``(K,)`` float32.
    """
    shares = np.maximum(np.asarray(class_shares, dtype=np.float64), MIN_CLASS_SHARE)
    return torch.from_numpy((-strength * np.log(shares)).astype(np.float32))


def prior_offsets(checkpoint: Checkpoint, prior: Prior | None) -> Tensor | None:
    """Return the offsets of a checkpoint's fused logits for a prior.

    Args:
        checkpoint: holds the class frequencies of its training targets, and its tuned strength.
        prior: expected class frequencies; None applies the tuned strength.

    Returns:
        ``(K,)`` float32, or None if there is nothing to add.

    Raises:
        ConfigError: the checkpoint does not hold its training frequencies, or the prior names other classes.
    """
    if prior == "training" or (prior is None and not checkpoint.prior_strength):
        return None
    if not checkpoint.class_shares:
        raise ConfigError(
            "this checkpoint does not hold the class frequencies of its training set; use --prior training"
        )
    shares = np.array(checkpoint.class_shares)
    if prior is None or prior == "balanced":
        return strength_offsets(shares, checkpoint.prior_strength if prior is None else 1.0)
    unknown, missing = prior.keys() - set(checkpoint.class_names), set(checkpoint.class_names) - prior.keys()
    if unknown or missing:
        raise ConfigError(
            f"the prior must name the classes {', '.join(checkpoint.class_names)}"
            + (f"; unknown: {printable(', '.join(sorted(unknown)), 80)}" if unknown else "")
            + (f"; missing: {', '.join(sorted(missing))}" if missing else "")
        )
    expected = np.array([prior[name] for name in checkpoint.class_names])
    if expected.sum() <= 0:
        raise ConfigError("the prior is 0 for every class; at least one frequency must be above 0")
    return strength_offsets(shares, 1.0) - strength_offsets(expected / expected.sum(), 1.0)


def ruled_out(offsets: Tensor | None, class_names: Sequence[str], missing: Collection[str]) -> Tensor:
    """Return ``(K,)`` offsets, 0 for None, with -inf for the classes that the data do not have."""
    allowed = torch.zeros(len(class_names)) if offsets is None else offsets.clone()
    allowed[[class_names.index(name) for name in missing]] = -torch.inf
    return allowed
