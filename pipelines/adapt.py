"""`ampnet adapt`: your own classes from a few photos of each, by new heads on a trained network."""

import math
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ampnet.checkpoints.checkpoint import load_with_hash, save_checkpoint
from ampnet.dataset.sources import open_source
from ampnet.errors import DataError
from ampnet.evaluation.intervals import Estimate, defined, mcnemar, share_of
from ampnet.files.printable import printable
from ampnet.files.writing import make_folder, refuse_overwrite
from ampnet.reports.numbers import with_unit
from ampnet.settings import AdaptConfig
from ampnet.training.adaptation import (
    MAX_LEFT_OUT,
    adapted_checkpoint,
    choose_temperature,
    fit_heads,
    left_out_scores,
)
from pipelines.adapt_faces import counterparts, embedded
from pipelines.model import find_model
from pipelines.progress import notices, progress_bar
from pipelines.result_folder import is_writable

MIN_FACES = 5
"""Faces that each class needs."""

MANY = 200
"""With more faces of a class, training the whole network may be better."""

LEVEL = 0.01
"""Largest probability of so many hits by guessing the most frequent class."""


@dataclass(frozen=True)
class AdaptResult:
    """The accuracy of the new heads."""

    checkpoint: Path
    class_names: tuple[str, ...]
    faces: dict[str, int]
    """By class."""
    accuracy: Estimate
    """Share of the faces that heads fitted without them get right; where people are known, intervals draw people."""
    old_accuracy: Estimate | None
    """Share that the old heads get right, choosing among the classes that they know; None if they know none."""
    majority: Estimate
    """Share of the most frequent class."""
    left_out: str
    """What was left out in turn: photos, or people."""
    seconds: float
    problem: str | None = None
    """The photos that cannot be read, in one line."""

    @property
    def total(self) -> int:
        """Number of faces."""
        return sum(self.faces.values())

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain values for JSON."""
        return {
            "checkpoint": str(self.checkpoint),
            "class_names": list(self.class_names),
            "faces": self.faces,
            "accuracy": self.accuracy.value,
            "old_accuracy": self.old_accuracy and self.old_accuracy.value,
            "majority": self.majority.value,
            "interval": list(self.accuracy.interval),
            "left_out": self.left_out,
            "seconds": round(self.seconds, 1),
        }

    def shown(self) -> str:
        """Return the accuracies of the new heads, the old ones and guessing, with their intervals."""
        old = with_unit(self.old_accuracy, 1) if self.old_accuracy else "has none of these classes"
        return f"new {with_unit(self.accuracy, 1)}, old model {old}, most frequent class {with_unit(self.majority, 1)}"

    def comparison(self) -> str:
        """Compare the new heads, the old ones and guessing in one line."""
        return f"accuracy on {self.total:,} faces, leaving out {self.left_out} in turn: {self.shown()}"

    def lines(self) -> list[str]:
        """Describe it in a few lines."""
        lines = [self.comparison()]
        if max(self.faces.values()) > MANY:
            lines.append(
                f"with more than {MANY} faces of a class, training the whole network may be better (65.4 against 63.5% "
                "in docs/training.md): `ampnet prepare`, then `ampnet train --pretrained bundled`"
            )
        return [*lines, f"checkpoint: {self.checkpoint}", f"next: ampnet predict PHOTO --checkpoint {self.checkpoint}"]


def run(config: AdaptConfig, quiet: bool = False) -> AdaptResult:
    """Fit new heads to the photos, measure them on photos that they have not seen, and write a better checkpoint.

    Raises:
        UsageError: there is no such checkpoint, or the file to write exists.
        CheckpointError: the checkpoint cannot be used.
        DataError: the photos cannot be used, or the new heads are not better than the old ones and than guessing.
    """
    started = time.monotonic()
    console = notices(quiet)
    target = refuse_overwrite(config.out, config.force)
    if not is_writable(target.parent):
        raise DataError(f"cannot write to {target.parent}; choose another place with --out")
    source = open_source(config.photos, fold=None, classes=config.classes or None)
    for note in source.notes:
        console.print(f"note: {note}")
    file = find_model(config.checkpoint, console, "--checkpoint")
    checkpoint, sha256 = load_with_hash(file)
    with progress_bar(console)("adapt", len(source.items)) as advance:
        faces, left_out, old_hits = embedded(config, checkpoint, source, advance)
    for line in left_out.notes():
        console.print(f"left out: {line}")
    names = source.class_names
    counts = Counter(faces.labels.tolist())
    if few := [name for code, name in enumerate(names) if counts[code] < MIN_FACES]:
        raise DataError(
            f"{config.photos} has fewer than {MIN_FACES} faces of {', '.join(few)}; add photos{left_out.hint()}"
        )
    scores = left_out_scores(faces, len(names))
    hits = scores.argmax(axis=1) == faces.labels
    by_person = len(set(faces.groups.tolist())) < len(faces.labels)
    is_most = faces.labels == counts.most_common(1)[0][0]
    people = faces.groups if by_person else None
    accuracy, old_accuracy, majority = (defined(share_of(one, people)) for one in (hits, old_hits, is_most))
    former = counterparts(names, checkpoint.class_names)
    result = AdaptResult(
        checkpoint=target,
        class_names=names,
        faces={name: counts[code] for code, name in enumerate(names)},
        accuracy=accuracy,
        old_accuracy=old_accuracy if max(former) >= 0 else None,
        majority=majority,
        left_out=_left_out(by_person, len(set(faces.groups.tolist()))),
        seconds=time.monotonic() - started,
        problem=left_out.problem,
    )
    _require_better(result, hits, old_hits, _confused(scores.argmax(axis=1), faces.labels, names))
    fit = fit_heads(faces, np.arange(len(faces.labels)), len(names))
    made = adapted_checkpoint(checkpoint, fit, choose_temperature(scores, faces.labels), names, former)
    shares = tuple(counts[code] / result.total for code in range(len(names)))
    about = {"adapted_from": sha256, "photos": result.total}
    make_folder(target.parent)
    save_checkpoint(target, replace(made, config=about, metrics={"val_accuracy": accuracy.value}, class_shares=shares))
    return replace(result, seconds=time.monotonic() - started)


def _require_better(result: AdaptResult, hits: NDArray[np.bool_], old_hits: NDArray[np.bool_], confused: str) -> None:
    by_chance = _at_least(int(hits.sum()), len(hits), result.majority.value)
    paired = mcnemar(int((hits & ~old_hits).sum()), int((old_hits & ~hits).sum()))
    if by_chance > LEVEL or hits.sum() <= old_hits.sum() or paired.p_value > 2 * 0.05:  # one-sided
        raise DataError(
            f"nothing was written: the new heads are not significantly better than both others: {result.shown()}. "
            f"{confused}Add photos, or ampnet train --pretrained bundled"  # fits a line
        )


def _confused(answers: NDArray[np.int64], labels: NDArray[np.int64], names: Sequence[str]) -> str:
    """Name the pair of classes that is confused most often; nothing without a mistake."""
    pairs = Counter(
        tuple(sorted(pair)) for pair in zip(labels.tolist(), answers.tolist(), strict=True) if len({*pair}) > 1
    )
    if not pairs:
        return ""
    (pair, count) = pairs.most_common(1)[0]
    one, other = (printable(names[code], 18) for code in pair)
    return f"Confused most: {one} and {other} ({count:,} faces). "


def _at_least(hits: int, count: int, share: float) -> float:
    """Return the probability of at least so many hits by chance."""
    if share == 1:  # there is one class only
        return 1.0

    def exactly(k: int) -> float:  # by logarithms: with 1,100 faces, the number of choices is beyond a float
        ways = math.lgamma(count + 1) - math.lgamma(k + 1) - math.lgamma(count - k + 1)
        return math.exp(ways + k * math.log(share) + (count - k) * math.log1p(-share))

    return sum(map(exactly, range(hits, count + 1)))


def _left_out(by_person: bool, groups: int) -> str:
    one, several = ("person", "people") if by_person else ("photo", "photos")
    return f"a twentieth of the {several}" if groups > MAX_LEFT_OUT else f"each {one}"
