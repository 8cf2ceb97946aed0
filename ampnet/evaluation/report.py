"""An evaluation report: everything that is measured on a split, from its table of predictions."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from ampnet import __version__
from ampnet.evaluation.agreement import Agreement, measure_agreement
from ampnet.evaluation.confusions import ConfusedPair, confused_pairs, in_words
from ampnet.evaluation.copies import CopyScores, score_without_copies
from ampnet.evaluation.ferplus import ProtocolScores
from ampnet.evaluation.fusion import HeadScores, PriorScores, fuse, score_heads, score_priors
from ampnet.evaluation.groups import Grouping, score_groups
from ampnet.evaluation.intervals import Clusters, Counts, Estimate, Share, clusters_at, share_of
from ampnet.evaluation.metrics import Resampled, Scores, confusion_of, normalise_rows, resampled_clusters, score
from ampnet.evaluation.official_sets import OfficialScores, score_published
from ampnet.evaluation.predictions import PredictionTable
from ampnet.evaluation.reliability import (
    ProbabilityScores,
    RiskCoverage,
    score_probabilities,
    score_risk_coverage,
    top_hits,
)
from ampnet.evaluation.runs import RunsScores
from ampnet.settings import Split
from ampnet.settings.choices import Protocol

Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]

FORMAT: Literal[2] = 2
"""Version of metrics.json; 1 was report.json."""

NO_FACE = "no face"
"""Heading of the column of images without a prediction."""


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """What was measured on what, and how to do it again."""

    kind: Literal["checkpoint", "predictions", "runs"]
    """What was measured: a checkpoint, a file of predictions, or a folder of runs over folds or seeds."""
    path: Path
    """The checkpoint, the file of predictions, or the folder."""
    sha256: Sha256
    """Of that file; of a folder, of the SHA-256 of its runs' checkpoints, one a line."""
    data: Path
    """The prepared data set."""
    layout: str
    """Its layout; empty if unknown."""
    split: Split | Literal["all"]
    """``all``: every image, each predicted by the run that has not seen it."""
    index_sha256: Sha256
    """Of its index/data_label.txt, or index/shards.json: names and labels of its images."""
    command: str
    """Command that repeats the evaluation."""
    created: Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
    """Date and time in UTC, ISO 8601."""
    versions: dict[str, str]
    """Of Python and the packages that compute."""
    model: dict[str, Any] = field(default_factory=dict)
    """Of a checkpoint: epoch, selected_on (split that chose it), seed, beta (weight of the local head), temperature,
    rejection_threshold (probability below which the answer is "not sure"; 0: never), prior, offsets (added to the fused
    logits; null: the class is ruled out), mirror, precision (of the network's maps and weights: fp32 or bf16),
    network (ampnet, or torchvision's), width, image_size, modules, parameters, training (the run's settings). Empty for
    a file of predictions."""


@dataclass(frozen=True, kw_only=True)
class Fusion:
    """How a checkpoint turns its heads' logits into answers."""

    beta: float
    """Weight of the local head."""
    offsets: NDArray[np.floating]
    """``(K,)`` added to the fused logits for the prior; -inf rules a class out."""
    priors: tuple[tuple[float, NDArray[np.floating]], ...] = ()
    """Other strengths of the prior adjustment to report, with their offsets."""
    rejection_threshold: float = 0.0
    """Probability below which the answer is "not sure"; 0 never rejects."""


@dataclass(frozen=True)
class Confusion:
    """The confusion matrix: a row for each true class, a column for each answer."""

    rows: tuple[str, ...]
    """True classes."""
    columns: tuple[str, ...]
    """Answers; the last is "no face": images without a prediction."""
    counts: list[list[int]]
    shares: list[list[Share]]
    """Of the true class's images; 0 for a class without images."""


@dataclass(frozen=True, kw_only=True)
class Metrics:
    """metrics.json of `ampnet eval`. Fractions are in [0, 1]. docs/evaluation.md explains every number."""

    format: Literal[2]
    """Version of this file; 1 was report.json."""
    ampnet: str
    """Version of ampnet that wrote the file."""
    about: Provenance
    """What was measured on what, and how to do it again."""
    sentence: str
    """The result in plain English."""
    notes: tuple[str, ...]
    """Caveats for the reader."""
    class_names: Annotated[tuple[str, ...], Meta(min_length=2)]
    """In the order that all rows and columns follow."""
    images: int
    """Images of the split."""
    undetected: int
    """Images among them without a prediction, unreadable ones included."""
    unreadable: int
    """Images among them that cannot be read."""
    unassigned: int
    """Images without a detected face that belong to no split, since the data set has no official splits."""
    all: Scores
    """Over all images of the split; those without a prediction are errors."""
    scored: Scores | None
    """Over the images with a prediction; null without any."""
    top2: Estimate | None
    """Fraction of all images whose true class is one of the two most probable; null without probabilities."""
    probabilities: ProbabilityScores | None
    """Over the images with a prediction; null without probabilities."""
    risk_coverage: RiskCoverage | None
    """Likewise."""
    heads: HeadScores | None
    """The two heads and their fusion; null for a file of predictions."""
    confusion: Confusion
    confused_pairs: tuple[ConfusedPair, ...]
    """The most confused classes."""
    copies: CopyScores | None
    """Accuracy without copies of training images; null if duplicates are unknown, or on the training split."""
    crowd: Agreement | None
    """Agreement with annotators' votes; null if the data set has none."""
    protocol: ProtocolScores | None = None
    """Accuracy by one of FER+'s published rules; null if none was requested."""
    official: OfficialScores | None = None
    """Accuracy over a data set's official images; null if none was requested."""
    priors: tuple[PriorScores, ...]
    """Scores for several strengths of the prior adjustment; empty if the class frequencies are unknown."""
    seconds: float
    """Duration of the evaluation."""
    groups: tuple[Grouping, ...] = ()
    """Scores of groups of images, by column; empty unless they were requested (--by)."""
    runs: RunsScores | None = None
    """Scores of each run and their spread, of a folder of runs over folds or seeds; else null."""


@dataclass(frozen=True, kw_only=True)
class EvalReport(Metrics):
    """An evaluation: its numbers, and what they are computed from, which metrics.json leaves out."""

    table: PredictionTable
    """The predictions themselves, as in predictions.csv."""
    matrix: Counts
    """``(K, K + 1)``: true class by predicted class; the last column counts the images without a prediction."""


def measure(
    table: PredictionTable,
    about: Provenance,
    *,
    fusion: Fusion | None = None,
    groups: Mapping[str, NDArray[np.str_]] = MappingProxyType({}),
    notes: Iterable[str] = (),
    unassigned: int = 0,
    seconds: float = 0.0,
    protocol: Protocol | None = None,
    runs: RunsScores | None = None,
) -> EvalReport:
    """Compute every number of a report.

    Args:
        table: predictions for all images of the split, at least one; intervals draw its images' clusters, if any.
        fusion: how the answers follow from the table's logits; None leaves out heads and priors.
        groups: ``(N,)`` the group of each image by the column's name; empty where it is unknown.
        protocol: published rule to score by as well.
        notes, unassigned, seconds, runs: as in the report.

    Raises:
        DataError: see :func:`score_published`.
    """
    names, labels, scored, clusters = table.class_names, table.labels, table.scored, table.images.clusters
    matrix = confusion_of(labels, table.answers, len(names))
    top2, probabilities, risk = _of_probabilities(table, fusion.rejection_threshold if fusion else 0.0, clusters)
    resampled = resampled_clusters(labels, table.answers, len(names), clusters)
    of_all, pairs = score(matrix, names, resampled=resampled), confused_pairs(matrix, names, resampled=resampled)
    (by_votes, official), undetected = score_published(table, protocol), int((~scored).sum())
    return EvalReport(
        format=FORMAT,
        ampnet=__version__,
        about=about,
        sentence=in_words(of_all, pairs, undetected),
        notes=tuple(notes),
        class_names=names,
        images=of_all.images,
        undetected=undetected,
        unreadable=int((table.status == "unreadable").sum()),
        unassigned=unassigned,
        all=of_all,
        scored=score(matrix[:, :-1], names, resampled=_without_last(resampled)) if scored.any() else None,
        top2=top2,
        probabilities=probabilities,
        risk_coverage=risk,
        heads=_heads(table, fusion),
        confusion=Confusion(names, (*names, NO_FACE), matrix.tolist(), normalise_rows(matrix).tolist()),
        confused_pairs=pairs,
        copies=_copies(table),
        crowd=_crowd(table),
        protocol=by_votes,
        official=official,
        priors=_priors(table, fusion),
        seconds=round(seconds, 3),
        groups=score_groups(table, groups),
        runs=runs,
        table=table,
        matrix=matrix,
    )


def _of_probabilities(
    table: PredictionTable, threshold: float, clusters: Clusters
) -> tuple[Estimate | None, ProbabilityScores | None, RiskCoverage | None]:
    """Score the probabilities of the images that have them; None where none has."""
    labels, scored = table.labels, table.scored
    if table.probabilities is None or not scored.any():
        return None, None, None
    p = table.probabilities[scored]
    of_scored = clusters_at(clusters, scored)
    in_top2 = np.zeros(len(labels), dtype=bool)
    in_top2[scored] = top_hits(p, labels[scored], 2)
    return (
        share_of(in_top2, clusters),
        score_probabilities(p, labels[scored], of_scored),
        score_risk_coverage(p, labels[scored], threshold, of_scored),
    )


def _copies(table: PredictionTable) -> CopyScores | None:
    copies = table.images.copies
    if copies is None:
        return None
    return score_without_copies(table.labels, table.answers, copies, table.images.clusters)


def _crowd(table: PredictionTable) -> Agreement | None:
    votes = table.images.votes
    if votes is None or not votes.totals.any():
        return None
    return measure_agreement(
        table.answers, table.probabilities, votes, table.class_names, clusters=table.images.clusters
    )


def _without_last(resampled: Resampled | None) -> Resampled | None:
    """Leave out the images without a prediction, and resamples of people without any other."""
    if resampled is None:
        return None
    scored = resampled.matrices[:, :, :-1]
    return replace(resampled, matrices=scored[scored.sum(axis=(1, 2)) > 0])


def _heads(table: PredictionTable, fusion: Fusion | None) -> HeadScores | None:
    if fusion is None or table.local is None or table.global_ is None:
        return None
    return score_heads(table.local, table.global_, table.labels, fusion.beta, fusion.offsets, table.images.clusters)


def _priors(table: PredictionTable, fusion: Fusion | None) -> tuple[PriorScores, ...]:
    if fusion is None or table.local is None or table.global_ is None or not fusion.priors:
        return ()
    votes = table.images.votes
    fused = fuse(table.local, table.global_, fusion.beta)
    return score_priors(fused, fusion.priors, table.labels, None if votes is None else votes.majority())
