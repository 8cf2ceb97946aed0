"""The images of a split and the predictions for them: the table that every number comes from, `predictions.csv`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ampnet.evaluation.agreement import CrowdVotes
from ampnet.files.writing import write_rows

PredictionStatus = Literal["scored", "undetected", "unreadable"]
"""Whether an image has a prediction; if not: no face was found (or none was given), or the image cannot be read."""


@dataclass(frozen=True, eq=False)
class SplitImages:
    """Every image of a split, N of them, those without a face too."""

    class_names: tuple[str, ...]
    """K classes, in the order of the labels."""
    names: tuple[str, ...]
    """Names in the index; empty for images that `ampnet prepare` rejected."""
    sources: tuple[str, ...]
    """Paths in the raw data set, with ``/``; empty if unknown."""
    labels: NDArray[np.int64]
    """``(N,)`` true classes."""
    status: NDArray[np.str_]
    """``(N,)`` of :data:`PredictionStatus`: what `ampnet prepare` could make of each image."""
    copies: NDArray[np.str_] | None = None
    """``(N,)`` of :data:`ampnet.evaluation.copies.Copy`; None if duplicates are unknown."""
    votes: CrowdVotes | None = None
    """The annotators' votes; None if the data set has none."""
    clusters: NDArray[np.int64] | None = None
    """``(N,)`` number of the person in each image; None where single images are drawn for intervals."""

    def __len__(self) -> int:
        return len(self.labels)

    def subset(self, rows: NDArray[np.int64]) -> "SplitImages":
        """Keep the images at ``rows``, in that order."""
        chosen = rows.tolist()
        return replace(
            self,
            names=tuple(self.names[row] for row in chosen),
            sources=tuple(self.sources[row] for row in chosen),
            labels=self.labels[rows],
            status=self.status[rows],
            copies=None if self.copies is None else self.copies[rows],
            votes=None if self.votes is None else self.votes.subset(rows),
            clusters=None if self.clusters is None else self.clusters[rows],
        )

    def with_classes(self, kept: Sequence[str], further: Sequence[str]) -> "SplitImages":
        """Renumber the classes: those of the images that are kept, then further ones, which no image has.

        A vote for a class that is not kept still counts in an image's total, so it can cost the image its majority.
        """
        chosen = [self.class_names.index(name) for name in kept]
        codes = np.full(len(self.class_names), -1, dtype=np.int64)
        codes[chosen] = np.arange(len(chosen))
        votes = self.votes
        if votes is not None:
            votes = replace(votes, counts=np.pad(votes.counts[:, chosen], ((0, 0), (0, len(further)))))
        return replace(self, class_names=(*kept, *further), labels=codes[self.labels], votes=votes)


@dataclass(frozen=True, eq=False)
class PredictionTable:
    """Predictions for every image of a split."""

    images: SplitImages
    status: NDArray[np.str_]
    """``(N,)`` of :data:`PredictionStatus`."""
    answers: NDArray[np.int64]
    """``(N,)`` predicted classes; -1 where the status is not ``scored``."""
    probabilities: NDArray[np.floating] | None = None
    """``(N, K)``, rows sum to 1, NaN in rows that are not scored; None if only the answers are known."""
    local: NDArray[np.float32] | None = None
    """``(N, K)`` logits of the local head before fusion and prior, NaN likewise; None for a file of predictions."""
    global_: NDArray[np.float32] | None = None
    """``(N, K)`` logits of the global head."""
    unreadable: Mapping[str, str] = field(default_factory=dict)
    """Name -> reason of each prepared image that turned out to be unreadable."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """The K classes."""
        return self.images.class_names

    @property
    def labels(self) -> NDArray[np.int64]:
        """``(N,)`` true classes."""
        return self.images.labels

    @property
    def scored(self) -> NDArray[np.bool_]:
        """``(N,)`` whether an image has a prediction."""
        return np.asarray(self.answers >= 0)


def table_of(
    images: SplitImages,
    rows: NDArray[np.int64],
    probabilities: NDArray[np.floating],
    local: NDArray[np.float32] | None = None,
    global_: NDArray[np.float32] | None = None,
    unreadable: Mapping[str, str] = MappingProxyType({}),
) -> PredictionTable:
    """Spread the predictions of some images over all rows of the split.

    Args:
        images: all N images.
        rows: ``(n,)`` positions of the images with predictions.
        probabilities: ``(n, K)``; the most probable class is the answer.
        local: ``(n, K)`` logits.
        global_: ``(n, K)`` logits.
        unreadable: name -> reason of each image that turned out to be unreadable.
    """

    def spread(values: NDArray[np.floating] | None) -> NDArray[np.float32] | None:
        if values is None:
            return None
        full = np.full((len(images), values.shape[1]), np.nan, dtype=np.float32)
        full[rows] = values
        return full

    answers = np.full(len(images), -1, dtype=np.int64)
    answers[rows] = probabilities.argmax(axis=1)
    status = np.where(images.status == "scored", "undetected", images.status)
    status[rows] = "scored"
    status[[name in unreadable for name in images.names]] = "unreadable"
    return PredictionTable(images, status, answers, spread(probabilities), spread(local), spread(global_), unreadable)


def write_predictions(path: Path, table: PredictionTable) -> None:
    """Write predictions.csv: a row for every image of the split.

    Columns: ``name`` (in the index), ``source`` (path in the raw data), ``status``, ``copy``, ``true``, ``predicted``,
    the probabilities ``p_<class>`` and, of our own networks, the heads' logits ``local_<class>`` and
    ``global_<class>``. Cells without a value are empty.

    Raises:
        DataError: the file cannot be written.
    """
    names, images = table.class_names, table.images
    numbers = {"p": table.probabilities, "local": table.local, "global": table.global_}
    given = {prefix: values for prefix, values in numbers.items() if values is not None}
    header = ["name", "source", "status", "copy", "true", "predicted"]
    header += [f"{prefix}_{name}" for prefix in given for name in names]
    copies = images.copies if images.copies is not None else np.full(len(images), "")
    cells = np.column_stack(list(given.values())) if given else np.empty((len(images), 0))
    described = zip(
        *(images.names, images.sources, table.status, copies, images.labels, table.answers, cells), strict=True
    )
    rows = (
        [*about, names[label], names[answer], *(f"{value:.7g}" for value in row.tolist())]
        if answer >= 0
        else [*about, names[label], "", *[""] * len(row)]
        for *about, label, answer, row in described
    )
    write_rows(path, header, rows)
