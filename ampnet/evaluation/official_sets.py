"""Data sets' official test images: published accuracies are over exactly these, with these classes.

An image without an answer is an error. Numbers as the data sets' owners give them, FER-2013's by class as counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from ampnet.errors import DataError
from ampnet.evaluation.ferplus import ProtocolScores, score_protocol
from ampnet.evaluation.intervals import Clusters, Estimate, defined, share_of
from ampnet.evaluation.predictions import PredictionTable
from ampnet.settings.choices import FerplusRule, OfficialSplit, Protocol, Split
from ampnet.settings.labels import EXPRESSIONS, EXPRESSIONS_8


@dataclass(frozen=True)
class OfficialSet:
    """The images that papers report."""

    split: Split
    images: int
    class_names: tuple[str, ...] = EXPRESSIONS
    of_class: tuple[int, ...] = ()
    """Images of each class; empty where only their sum is published."""


OFFICIAL: dict[OfficialSplit, OfficialSet] = {
    "fer2013": OfficialSet("test", 3589, of_class=(416, 528, 55, 879, 594, 491, 626)),  # PrivateTest
    "rafdb": OfficialSet("test", 3068, of_class=(329, 74, 160, 1185, 478, 162, 680)),
    "affectnet-7": OfficialSet("val", 3500, of_class=(500,) * 7),
    "affectnet-8": OfficialSet("val", 4000, EXPRESSIONS_8, (500,) * 8),
    "sfew": OfficialSet("val", 436),
    "fedro": OfficialSet("test", 400),
}


@dataclass(frozen=True)
class OfficialScores:
    """Accuracy over a data set's official images, and whether these are they."""

    protocol: OfficialSplit
    accuracy: Estimate
    images: int
    official: int
    """Images of the official split."""
    deviations: tuple[str, ...]
    """Numbers of images that are not the official ones; empty: comparable with published accuracies."""


def score_official(
    protocol: OfficialSplit,
    labels: NDArray[np.int64],
    answers: NDArray[np.int64],
    class_names: Sequence[str],
    clusters: Clusters = None,
) -> OfficialScores:
    """Score predictions for a data set's official split.

    Args:
        labels: ``(N,)`` of all images of the split, in ``class_names``.
        answers: ``(N,)``; -1 for none, which is an error.

    Raises:
        DataError: the classes are not the official ones.
    """
    rule = OFFICIAL[protocol]
    counts = {name: int((labels == code).sum()) for code, name in enumerate(class_names)}
    missing = [name for name in rule.class_names if not counts.get(name)]
    others = [name for name, count in counts.items() if count and name not in rule.class_names]
    if missing or others:
        raise DataError(
            f"--protocol {protocol} needs images and a network of the classes {', '.join(rule.class_names)}"
            + (f"; missing: {', '.join(missing)}" if missing else "")
            + (f"; further ones: {', '.join(others)}" if others else "")
        )
    official = zip(rule.class_names, rule.of_class, strict=False)
    deviations = [f"{counts[name]:,} of {name} ({wanted:,})" for name, wanted in official if counts[name] != wanted]
    if not deviations and len(labels) != rule.images:
        deviations = [f"{len(labels):,} ({rule.images:,})"]
    accuracy = defined(share_of(answers == labels, clusters))
    return OfficialScores(protocol, accuracy, len(labels), rule.images, tuple(deviations))


def score_published(
    table: PredictionTable, protocol: Protocol | None
) -> tuple[ProtocolScores | None, OfficialScores | None]:
    """Score by the published rule of `--protocol`: one of FER+'s, or over a data set's official images.

    Raises:
        DataError: the data set has no votes for the rule, or other classes.
    """
    clusters, votes = table.images.clusters, table.images.votes
    if protocol is None:
        return None, None
    if protocol in OFFICIAL:
        return None, score_official(protocol, table.labels, table.answers, table.class_names, clusters)
    if votes is None or votes.answers is None:
        raise DataError(f"--protocol {protocol} needs annotators' votes, and the data set has none")
    rule = cast(FerplusRule, protocol)
    return score_protocol(rule, table.answers, table.class_names, votes.columns, votes.answers, clusters), None
