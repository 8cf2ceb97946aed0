"""Adjustment of probabilities after training: temperature, rejection threshold and class prior.

The first two are fitted on held-out faces. The prior is logit adjustment (Menon et al. 2021, arXiv:2007.07314): a
network learns how often each class occurs in its training set. If other class frequencies are expected, the log of the
ratio of expected to learned frequency is added to the logits; no weight changes.
"""

import math
from collections.abc import Collection, Mapping, Sequence
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

MIN_TEMPERATURE, MAX_TEMPERATURE = 0.05, 20.0
"""Bounds of a fit: faces that are all right would ask for 0, faces that are all wrong for infinity."""

STEPS = 50
"""Halvings of that range, by ratio; they leave 14 digits."""


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """Fit the temperature that maximises the likelihood of held-out labels (Guo et al. 2017, arXiv:1706.04599).

    The predicted classes do not change.

    Args:
        logits: ``(N, K)`` fused logits, adjusted to the prior, of faces that the network was not trained on.
        labels: ``(N,)`` int64.

    Returns:
        The divisor of the logits before the softmax, within :data:`MIN_TEMPERATURE` and :data:`MAX_TEMPERATURE`; above
        1 for an overconfident network, 1 if no temperature makes a difference.
    """
    scores = logits.double()
    mean_of_label = scores.gather(1, labels[:, None]).mean()

    def slope(temperature: float) -> float:
        """Derivative of the log loss with respect to 1 / temperature; the loss is convex in that."""
        return float((((scores / temperature).softmax(dim=1) * scores).sum(dim=1).mean() - mean_of_label).item())

    if abs(slope(1.0)) < 1e-12:
        return 1.0
    low, high = MIN_TEMPERATURE, MAX_TEMPERATURE
    for _ in range(STEPS):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if slope(middle) > 0 else (low, middle)
    return math.sqrt(low * high)


def threshold_for_coverage(confidence: NDArray[np.floating], coverage: float) -> float:
    """Choose the highest rejection threshold that leaves an answer to enough faces.

    Args:
        confidence: ``(N,)`` probabilities of the predicted classes of held-out faces, N at least 1.
        coverage: share of the faces to answer at least, in (0, 1].

    Returns:
        A probability in [0, 1], halfway between the last face that is answered and the first one that is not; 0, which
        never rejects, if all are answered.
    """
    ranked = np.sort(confidence.astype(np.float64))[::-1]
    return _below(ranked, ranked[math.ceil(coverage * len(ranked) - 1e-9) - 1])


def threshold_for_precision(confidence: NDArray[np.floating], is_right: NDArray[np.bool_], precision: float) -> float:
    """Choose the lowest rejection threshold above which enough of the answers are right.

    Args:
        confidence: ``(N,)`` probabilities of the predicted classes of held-out faces, N at least 1.
        is_right: ``(N,)`` whether the predicted class is the true one.
        precision: share of the answers that is right at least, in (0, 1].

    Returns:
        As :func:`threshold_for_coverage`.

    Raises:
        DataError: no threshold gives this precision.
    """
    order = np.argsort(-confidence, kind="stable")
    ranked = confidence[order].astype(np.float64)
    shares = np.cumsum(is_right[order]) / np.arange(1, len(ranked) + 1)
    is_end = np.append(ranked[1:] < ranked[:-1], True)  # faces of the same probability are answered together
    enough = np.flatnonzero(is_end & (shares >= precision - 1e-12))
    if not len(enough):
        raise DataError(
            f"no rejection threshold makes {precision:.1%} of the answers right: the best one reaches "
            f"{shares[is_end].max():.1%}; use a lower --precision"
        )
    return _below(ranked, ranked[enough[-1]])


def _below(ranked: NDArray[np.float64], lowest: float) -> float:
    """Return a threshold that answers down to a probability and no further: rounding elsewhere does not move it."""
    rejected = ranked[ranked < lowest]
    return float((lowest + rejected[0]) / 2) if len(rejected) else 0.0


def threshold_notes(checkpoint: Checkpoint, mirror: bool, prior: object | None) -> list[str]:
    """Warn if a checkpoint's rejection threshold is applied to probabilities that it was not chosen on."""
    others = [flag for flag, is_used in (("--prior", prior is not None), ("--mirror", mirror)) if is_used]
    if not checkpoint.rejection_threshold or not others:
        return []
    threshold = f"the checkpoint's rejection threshold, {checkpoint.rejection_threshold:.3g}"
    return [f'{threshold}, was chosen without {" and ".join(others)}: the share of faces called "not sure" will differ']


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
        class_shares: ``(K,)`` relative class frequencies in the training targets; a class without any is not lifted, as
            how far the network has learned to leave it out is unknown.
        strength: 0 keeps the training set's frequencies, 1 expects all classes equally often.

    Returns:
        ``(K,)`` float32.
    """
    shares = np.asarray(class_shares, dtype=np.float64)
    known = np.where(shares > 0, np.maximum(shares, MIN_CLASS_SHARE), 1.0)
    return torch.from_numpy((-strength * np.log(known)).astype(np.float32))


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
    if not isinstance(prior, Mapping):
        raise ConfigError(f"the prior must be training, balanced, or a share for each class, got {prior!r}")
    unknown, missing = prior.keys() - set(checkpoint.class_names), set(checkpoint.class_names) - prior.keys()
    if unknown or missing:
        raise ConfigError(
            f"the prior must name the classes {', '.join(checkpoint.class_names)}"
            + (f"; unknown: {printable(', '.join(sorted(unknown)), 80)}" if unknown else "")
            + (f"; missing: {', '.join(sorted(missing))}" if missing else "")
        )
    expected = np.array([prior[name] for name in checkpoint.class_names])
    if not ((expected >= 0) & (expected < np.inf)).all():  # false for NaN, too
        raise ConfigError("every frequency of the prior must be a number of at least 0")
    if expected.sum() <= 0:
        raise ConfigError("the prior is 0 for every class; at least one frequency must be above 0")
    wanted = np.log(np.maximum(expected / expected.sum(), MIN_CLASS_SHARE)).astype(np.float32)
    return strength_offsets(shares, 1.0) + torch.from_numpy(wanted)


def ruled_out(offsets: Tensor | None, class_names: Sequence[str], missing: Collection[str]) -> Tensor:
    """Return ``(K,)`` offsets, 0 for None, with -inf for the classes that the data do not have."""
    allowed = torch.zeros(len(class_names)) if offsets is None else offsets.clone()
    allowed[[class_names.index(name) for name in missing]] = -torch.inf
    return allowed
