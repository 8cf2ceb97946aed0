"""Several runs that differ in their seed or their fold: the predictions of all together, and the spread over them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ampnet.evaluation.comparison import Spread, spread_of
from ampnet.evaluation.intervals import Share
from ampnet.evaluation.metrics import confusion_of, score
from ampnet.evaluation.predictions import PredictionTable

FEW_PEOPLE = 20
"""With fewer, intervals over people are too narrow: those of a normal mean hold it in 51, 72, 79 and 83% of all cases
with 2, 3, 4 and 5 people, in 89% with 10 (4,000 trials each)."""


@dataclass(frozen=True)
class RunScore:
    """One run's scores on the images that it predicted."""

    name: str
    """Its folder."""
    sha256: str
    """Of its checkpoint."""
    images: int
    accuracy: Share
    macro_f1: Share


@dataclass(frozen=True)
class RunsScores:
    """The scores of several runs, and their spread."""

    runs: tuple[RunScore, ...]
    accuracy: Spread
    """Mean and sample standard deviation over the runs, each counting the same."""
    macro_f1: Spread
    folds_sha256: str | None
    """Of folds.csv, which says who was held out when; null for runs on one split."""


def score_run(name: str, sha256: str, table: PredictionTable, is_fold: bool = False) -> RunScore:
    """Score one run on its own images; those without a prediction are errors.

    Args:
        is_fold: leave out what `ampnet prepare` rejected, which is in no fold.
    """
    own = np.array([bool(name) or not is_fold for name in table.images.names], dtype=bool)
    scores = score(confusion_of(table.labels[own], table.answers[own], len(table.class_names)), table.class_names)
    return RunScore(name, sha256, scores.images, scores.accuracy.value, scores.macro_f1.value)


def score_runs(runs: Sequence[RunScore], folds_sha256: str | None) -> RunsScores:
    """Combine the scores of all runs."""
    return RunsScores(
        runs=tuple(runs),
        accuracy=spread_of([one.accuracy for one in runs]),
        macro_f1=spread_of([one.macro_f1 for one in runs]),
        folds_sha256=folds_sha256,
    )


def stack_tables(tables: Sequence[PredictionTable]) -> PredictionTable:
    """Concatenate tables about the same images: each image counts once for each."""
    first = tables[0]
    every = np.tile(np.arange(len(first.labels)), len(tables))

    def stacked(name: str) -> NDArray[np.float32] | None:
        parts = [getattr(one, name) for one in tables]
        return None if any(part is None for part in parts) else np.concatenate(parts)

    return PredictionTable(
        images=first.images.subset(every),
        status=np.concatenate([one.status for one in tables]),
        answers=np.concatenate([one.answers for one in tables]),
        probabilities=stacked("probabilities"),
        local=stacked("local"),
        global_=stacked("global_"),
        unreadable={name: why for one in tables for name, why in one.unreadable.items()},
    )


def clusters_of(subjects: Sequence[str], copies: int = 1) -> NDArray[np.int64] | None:
    """Number the people of N images, each of which is in a table so many times.

    Args:
        subjects: the person in each image; an unknown one stands alone.
        copies: of each image.

    Returns:
        ``(copies * N,)``; None where single images can be drawn, as each is in the table once and all are of unknown
        people, or of one alone.
    """
    if copies == 1 and len(set(subjects)) < 2:
        return None
    alone = len({*subjects} - {""}) < 2
    keys = [f"\0{number}" if alone or not person else person for number, person in enumerate(subjects)]
    _keys, numbers = np.unique(np.array(keys), return_inverse=True)
    return np.tile(numbers.astype(np.int64), copies)
