"""FER+'s published rules for what counts as an image's label (Barsoum et al. 2016, arXiv:1608.01041).

Eight emotions and two other answers, unknown and no face. An answer with a single vote is an outlier and loses it.
Then:

- ``ferplus-majority``: the answer with more than half of the remaining votes.
- ``ferplus-plurality``: the answer with the most remaining votes, the first of several.
- ``ferplus-probability``: the most frequent emotions, at most three, until they hold three quarters of the remaining
  votes; dropped if they hold no more than half. A prediction is right if it is the most frequent of them.

Images without such a label, and those whose label is unknown or no face, are left out. Votes for contempt count, so a
network without that class is wrong about the images of contempt.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ampnet.errors import DataError
from ampnet.evaluation.intervals import Clusters, Estimate, clusters_at, defined, share_of
from ampnet.settings.choices import FerplusRule
from ampnet.settings.labels import FERPLUS_ANSWERS
from ampnet.settings.labels import FERPLUS_COLUMNS as EMOTIONS

UNDECIDED, OTHER = -1, -2
"""Labels of images that are left out: no label by the rule, and unknown or no face."""

MAX_EMOTIONS = 3
"""Maximum number of emotions that form an image's target by the rule of probabilities."""


@dataclass(frozen=True)
class ProtocolScores:
    """Accuracy by one of the published rules."""

    protocol: FerplusRule
    accuracy: Estimate
    images: int
    """Images that have a label by the rule."""
    undecided: int
    """Images left out, for no answer is decided."""
    other: int
    """Images left out, whose label is unknown or no face."""
    unvoted: int
    """Images left out, without votes."""
    impossible: int
    """Images whose label the network has no class for, which count as errors: contempt."""


def score_protocol(
    protocol: FerplusRule,
    answers: NDArray[np.int64],
    class_names: Sequence[str],
    columns: Sequence[str],
    counts: NDArray[np.floating],
    clusters: Clusters = None,
) -> ProtocolScores:
    """Score predictions by a published rule.

    Args:
        answers: ``(N,)`` predicted classes; -1 for none, which is an error.
        columns: V answers that annotators could give; FER+'s ten, in any order.
        counts: ``(N, V)`` votes; zeros for an image without votes.

    Raises:
        DataError: a column of FER+ is missing, or no image has a label by the rule.
    """
    if missing := [name for name in FERPLUS_ANSWERS if name not in columns]:
        raise DataError(f"--protocol {protocol} needs FER+'s votes, and the data set's have no column {missing[0]}")
    ordered = counts[:, [list(columns).index(name) for name in FERPLUS_ANSWERS]]
    voted = ordered.any(axis=1)
    labels = np.full(len(ordered), UNDECIDED)
    labels[voted] = [label_of(row, protocol) for row in ordered[voted]]
    kept = labels >= 0
    if not kept.any():
        raise DataError(f"no image of the split has a label by --protocol {protocol}")
    predicted = np.array(
        [EMOTIONS.index(name) if name in EMOTIONS else UNDECIDED for name in class_names] + [UNDECIDED]
    )
    right = predicted[answers[kept]] == labels[kept]
    known = np.isin(labels[kept], predicted)
    return ProtocolScores(
        protocol=protocol,
        accuracy=defined(share_of(right, clusters_at(clusters, kept))),
        images=int(kept.sum()),
        undecided=int((voted & (labels == UNDECIDED)).sum()),
        other=int((labels == OTHER).sum()),
        unvoted=int((~voted).sum()),
        impossible=int((~known).sum()),
    )


def label_of(votes: NDArray[np.floating], protocol: FerplusRule) -> int:
    """Return an image's emotion by a rule, :data:`UNDECIDED` or :data:`OTHER`; ``(10,)`` votes in FER+'s order."""
    left = np.where(votes > 1, votes, 0.0)
    if not left.any():
        return UNDECIDED
    if protocol == "ferplus-probability":
        return _most_probable(left)
    top = int(left.argmax())
    if protocol == "ferplus-majority" and not 2 * left[top] > left.sum():
        return UNDECIDED
    return top if top < len(EMOTIONS) else OTHER


def _most_probable(left: NDArray[np.floating]) -> int:
    """Follow the authors' program: answers are taken by votes, those with as many votes together."""
    taken, total, others = np.zeros_like(left), left.sum(), False
    remaining, count = left.copy(), 0
    while taken.sum() < 0.75 * total and count < MAX_EMOTIONS and not others:
        most = remaining.max()
        for answer in np.flatnonzero(remaining == most):
            if answer >= len(EMOTIONS):
                others = True
                if not taken.any():
                    return OTHER
                break
            taken[answer], remaining[answer], count = most, 0.0, count + 1
    if 2 * taken.sum() <= total or count > MAX_EMOTIONS:
        return UNDECIDED
    return int(taken.argmax())
