"""How often each class is expected: the prior, adjusted after training (Menon et al. 2021, arXiv:2007.07314).

A network learns how often each class occurs in its training set. Where other shares are expected, the log of the
wanted share over the learned one is added to the logits; no weight changes.
"""

import json
import math
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ampnet.checkpoints.checkpoint import Checkpoint
from ampnet.errors import ConfigError

SMALLEST_SHARE = 1e-4
"""Shares below this are raised to it: a class that is never expected could never be answered."""

STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Strengths that a report shows and from which calibration chooses, finer steps between them."""

Prior = Literal["training", "balanced"] | dict[str, float]
"""The training set's own shares, equal shares, or shares by class name."""


def read_prior(text: str) -> Prior:
    """Read what `--prior` names.

    Args:
        text: ``training``, ``balanced``, or the path of a JSON object of class name -> share or count.

    Raises:
        ConfigError: the file is missing, or is no object of non-negative numbers.
    """
    if text == "training":
        return "training"
    if text == "balanced":
        return "balanced"
    try:
        value = json.loads(Path(text).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(
            f"cannot read the prior {text} ({error}); give training, balanced, "
            'or a JSON file such as {"happiness": 0.4, "neutral": 0.6}'
        ) from error
    if not isinstance(value, dict) or not value or not all(_is_share(share) for share in value.values()):
        raise ConfigError(f"{text} must be a JSON object of class name -> share, each a number from 0 up")
    return {str(name): float(share) for name, share in value.items()}


def strength_offsets(class_shares: NDArray[np.floating], strength: float) -> Tensor:
    """Give what to add to the logits to take a share of the learned prior out.

    Args:
        class_shares: ``(K,)`` of the training targets.
        strength: 0 keeps the training set's shares, 1 expects every class alike.

    Returns:
        ``(K,)`` float32.
    """
    shares = np.maximum(np.asarray(class_shares, dtype=np.float64), SMALLEST_SHARE)
    return torch.from_numpy((-strength * np.log(shares)).astype(np.float32))


def prior_offsets(checkpoint: Checkpoint, prior: Prior | None) -> Tensor | None:
    """Give what to add to a checkpoint's fused logits for a prior.

    Args:
        checkpoint: knows the class shares of its training targets, and the strength that it was tuned to.
        prior: None takes that strength.

    Returns:
        ``(K,)`` float32, or None where nothing is to be added.

    Raises:
        ConfigError: the checkpoint does not know its training shares, or the prior names other classes.
    """
    if prior == "training" or (prior is None and not checkpoint.prior_strength):
        return None
    if not checkpoint.class_shares:
        raise ConfigError("this checkpoint does not know the class shares that it was trained on; use --prior training")
    shares = np.array(checkpoint.class_shares)
    if prior is None or prior == "balanced":
        return strength_offsets(shares, checkpoint.prior_strength if prior is None else 1.0)
    unknown, missing = prior.keys() - set(checkpoint.class_names), set(checkpoint.class_names) - prior.keys()
    if unknown or missing:
        raise ConfigError(
            f"the prior must name the classes {', '.join(checkpoint.class_names)}"
            + (f"; unknown: {', '.join(sorted(unknown))}" if unknown else "")
            + (f"; missing: {', '.join(sorted(missing))}" if missing else "")
        )
    wanted = np.array([prior[name] for name in checkpoint.class_names])
    if wanted.sum() <= 0:
        raise ConfigError("the prior expects no class at all; at least one share must be above 0")
    return strength_offsets(shares, 1.0) - strength_offsets(wanted / wanted.sum(), 1.0)


def _is_share(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0
