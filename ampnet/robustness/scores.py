"""Numbers of the robustness suite: accuracy under each condition, and corruption errors.

Everything is computed from hits, ``(..., N)`` booleans that say for each face whether it was answered correctly.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ampnet.evaluation.intervals import Z_95, Estimate, Interval, defined, widened, wilson_interval

Hits = NDArray[np.bool_]

MIN_DEGRADATION = 0.01
"""Minimum mean increase of the baseline's error under a corruption for a relative corruption error: dividing by less
than a percentage point would say more about noise than about the network."""


@dataclass(frozen=True)
class Rate:
    """How often faces are answered correctly."""

    images: int
    accuracy: float
    interval: Interval
    """95%: Wilson's for one condition; by the spread between faces where each face counts several times."""
    mean_recall: float
    """Mean of the recalls of the classes with faces."""


def hit_rate(hits: Hits, labels: NDArray[np.integer]) -> Rate:
    """Summarise one condition.

    Args:
        hits: ``(N,)``, N at least 1.
        labels: ``(N,)`` true classes.
    """
    return pooled_rate(hits[None], labels)


def pooled_rate(hits: Hits, labels: NDArray[np.integer], counted: Hits | None = None) -> Rate:
    """Summarise several conditions of the same faces by their mean.

    Args:
        hits: ``(S, N)``.
        labels: ``(N,)`` true classes.
        counted: ``(S, N)`` which of them count; None counts all. At least one must.
    """
    weights = np.ones_like(hits) if counted is None else counted
    right, trials = (hits & weights).sum(axis=0), weights.sum(axis=0)
    seen = np.flatnonzero(trials)
    right, trials, labels = right[seen], trials[seen], labels[seen]
    accuracy = float(right.sum() / trials.sum())
    by_class = [right[labels == label].sum() / trials[labels == label].sum() for label in np.unique(labels)]
    if trials.max() == 1:
        interval = wilson_interval(int(right.sum()), int(trials.sum()))
    else:
        # The conditions of one face are not independent, the faces are: variance of a ratio of sums over faces.
        interval = _around(accuracy, float(np.sqrt(((right - accuracy * trials) ** 2).sum()) / trials.sum()), len(seen))
    return Rate(len(seen), accuracy, interval, float(np.mean(by_class)))


def _around(share: float, error: float, faces: int) -> Interval:
    """Return the interval of a share with a standard error; Wilson's where all faces are alike, as 12 right of 12."""
    interval = max(share - Z_95 * error, 0.0), min(share + Z_95 * error, 1.0)
    return defined(widened(Estimate(share, interval), faces)).interval


@dataclass(frozen=True)
class CorruptionError:
    """Errors over a set of corruptions, in [0, 1]; None where there is no baseline."""

    clean: float
    """Error on the uncorrupted faces."""
    mean: float
    """Mean over corruptions and severities of the error: mCE without a baseline to divide by."""
    mean_interval: Interval
    """95%, by the spread between faces."""
    increase: float
    """``mean - clean``."""
    ratio: float | None
    """``mean / clean``; None if nothing is wrong on clean faces."""
    mce: float | None
    """Mean over corruptions of the error summed over severities, divided by the baseline's."""
    relative_mce: float | None
    """The same of the increase over the clean error."""
    relative_left_out: int
    """Corruptions that the relative mCE leaves out, because the baseline hardly suffers from them."""


def corruption_error(
    hits: Hits, clean: Hits, baseline: Hits | None = None, baseline_clean: Hits | None = None
) -> CorruptionError:
    """Summarise errors as Hendrycks and Dietterich do (2019, arXiv:1903.12261, section 4.2).

    Their baseline is AlexNet on ImageNet; here it is any other network on the same faces.

    Args:
        hits: ``(C, S, N)`` for C corruptions and S severities.
        clean: ``(N,)``.
        baseline: ``(C, S, N)`` of the baseline.
        baseline_clean: ``(N,)``.
    """
    clean_error, errors = 1 - float(clean.mean()), 1 - hits.mean(axis=2)  # (C, S)
    mean = float(errors.mean())
    of_face = 1 - hits.mean(axis=(0, 1))
    standard_error = float(of_face.std() / np.sqrt(len(of_face)))
    mce = relative = None
    left_out = 0
    if baseline is not None and baseline_clean is not None:
        reference, reference_clean = 1 - baseline.mean(axis=2), 1 - float(baseline_clean.mean())
        totals = reference.sum(axis=1)
        mce = float((errors.sum(axis=1) / totals).mean()) if totals.all() else None
        increases = reference.mean(axis=1) - reference_clean
        large = increases >= MIN_DEGRADATION
        left_out = int((~large).sum())
        if large.any():
            relative = float(((errors.mean(axis=1) - clean_error)[large] / increases[large]).mean())
    return CorruptionError(
        clean=clean_error,
        mean=mean,
        mean_interval=_around(mean, standard_error, len(of_face)),
        increase=mean - clean_error,
        ratio=mean / clean_error if clean_error else None,
        mce=mce,
        relative_mce=relative,
        relative_left_out=left_out,
    )
