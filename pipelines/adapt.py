"""`ampnet adapt`: one's own classes from a few photos of each, by new heads on a trained network."""

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ampnet.checkpoints.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from ampnet.dataset.index.raw_images import RawDataSet, SourceImage
from ampnet.dataset.sources import open_source
from ampnet.detection.detector import FaceDetector
from ampnet.detection.finder import FaceFinder
from ampnet.errors import DataError, ImageError
from ampnet.evaluation.intervals import rate, wilson_interval
from ampnet.evaluation.paired_tests import mcnemar
from ampnet.faces.alignment import AlignedFace
from ampnet.faces.framing import frame_faces
from ampnet.files.printable import printable
from ampnet.files.writing import make_folder, refuse_overwrite, sha256_of
from ampnet.inference.classifier import network_input
from ampnet.reading.photo import Photo
from ampnet.reports.numbers import with_unit
from ampnet.runtime.devices import choose_device
from ampnet.settings import AdaptConfig, DetectorConfig
from ampnet.settings.labels import class_key, meant_expression
from ampnet.training.adaptation import (
    MAX_LEFT_OUT,
    EmbeddedFaces,
    adapted_checkpoint,
    choose_temperature,
    embed_faces,
    fit_heads,
    left_out_scores,
)
from pipelines.model import find_model
from pipelines.progress import notices, progress_bar
from pipelines.result_folder import is_writable

CHUNK = 32
MIN_FACES = 5
"""Faces that each class needs."""

MANY = 200
"""With more faces of a class, training the network is worth its time."""

LEVEL = 0.01
"""Largest probability of so many hits by guessing the most frequent class."""


@dataclass(frozen=True)
class AdaptResult:
    """What the new heads are worth."""

    checkpoint: Path
    class_names: tuple[str, ...]
    faces: dict[str, int]
    """By class."""
    hits: int
    """Faces that heads fitted without them get right."""
    old_hits: int
    """Faces that the old heads get right, choosing among the classes that they know."""
    majority: int
    """Faces of the most frequent class."""
    left_out: str
    """What was left out in turn: photos, or people."""
    seconds: float

    @property
    def total(self) -> int:
        """Number of faces."""
        return sum(self.faces.values())

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain values for JSON."""
        shares = {"accuracy": self.hits, "old_accuracy": self.old_hits, "majority": self.majority}
        return {
            "checkpoint": str(self.checkpoint),
            "class_names": list(self.class_names),
            "faces": self.faces,
            **{name: hits / self.total for name, hits in shares.items()},
            "interval": list(wilson_interval(self.hits, self.total)),
            "left_out": self.left_out,
            "seconds": round(self.seconds, 1),
        }

    def shown(self) -> str:
        """Return the accuracies of the new heads, the old ones and guessing, with their intervals."""
        return ", ".join(
            f"{what} {with_unit(rate(hits, self.total), 1)}"
            for what, hits in (("new", self.hits), ("old model", self.old_hits), ("most frequent class", self.majority))
        )

    def comparison(self) -> str:
        """Compare the new heads, the old ones and guessing in one line."""
        return f"accuracy on {self.total:,} faces, leaving out {self.left_out} in turn: {self.shown()}"

    def lines(self) -> list[str]:
        """Describe it in a few lines."""
        lines = [self.comparison()]
        if max(self.faces.values()) > MANY:
            lines.append(
                f"more than {MANY} faces of a class are enough to train the whole network on: `ampnet prepare`, then "
                "`ampnet train --pretrained bundled`"
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
    checkpoint = load_checkpoint(file)
    with progress_bar(console)("adapt", len(source.items)) as advance:
        faces, skipped, old_hits = _embedded(config, checkpoint, source, advance)
    if skipped:
        console.print(f"left out: {len(skipped):,} photos, first {skipped[0]}")
    names = source.class_names
    counts = Counter(faces.labels.tolist())
    if few := [name for code, name in enumerate(names) if counts[code] < MIN_FACES]:
        raise DataError(f"{config.photos} has fewer than {MIN_FACES} faces of {', '.join(few)}; add photos")
    scores = left_out_scores(faces, len(names))
    hits = scores.argmax(axis=1) == faces.labels
    by_person = len(set(faces.groups.tolist())) < len(faces.labels)
    result = AdaptResult(
        checkpoint=target,
        class_names=names,
        faces={name: counts[code] for code, name in enumerate(names)},
        hits=int(hits.sum()),
        old_hits=int(old_hits.sum()),
        majority=max(counts.values()),
        left_out=_left_out(by_person, len(set(faces.groups.tolist()))),
        seconds=time.monotonic() - started,
    )
    _require_better(result, hits, old_hits, _confused(scores.argmax(axis=1), faces.labels, names))
    fit = fit_heads(faces, np.arange(len(faces.labels)), len(names))
    made = adapted_checkpoint(
        checkpoint, fit, choose_temperature(scores, faces.labels), names, _counterparts(names, checkpoint.class_names)
    )
    shares = tuple(counts[code] / result.total for code in range(len(names)))
    about = {"adapted_from": sha256_of(file), "photos": result.total}
    make_folder(target.parent)
    save_checkpoint(
        target, replace(made, config=about, metrics={"val_accuracy": result.hits / result.total}, class_shares=shares)
    )
    return replace(result, seconds=time.monotonic() - started)


def _require_better(result: AdaptResult, hits: NDArray[np.bool_], old_hits: NDArray[np.bool_], confused: str) -> None:
    by_chance = _at_least(result.hits, result.total, result.majority / result.total)
    paired = mcnemar(int((hits & ~old_hits).sum()), int((old_hits & ~hits).sum()))
    if by_chance > LEVEL or result.hits <= result.old_hits or paired.p_value > 2 * 0.05:  # one-sided
        raise DataError(
            f"nothing was written, as the new heads are not shown to be better than both: {result.shown()}. "
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
    return sum(math.comb(count, k) * share**k * (1 - share) ** (count - k) for k in range(hits, count + 1))


def _left_out(by_person: bool, groups: int) -> str:
    what = "people" if by_person else "photos"
    return (
        f"a twentieth of the {what}"
        if groups > MAX_LEFT_OUT
        else {"people": "each person", "photos": "each photo"}[what]
    )


def _counterparts(names: Sequence[str], old: Sequence[str]) -> list[int]:
    """Find the old class of each new one; -1 without one."""
    keys = {class_key(name): code for code, name in enumerate(old)}
    return [keys.get(class_key(name), keys.get(meant_expression(name) or "", -1)) for name in names]


def _embedded(
    config: AdaptConfig, checkpoint: Checkpoint, source: RawDataSet, advance: Callable[[int], None]
) -> tuple[EmbeddedFaces, list[str], NDArray[np.bool_]]:
    """Find, frame and embed the largest face of each photo.

    Returns:
        The faces, the photos without one, and whether the old heads are right about each face.
    """
    finder = FaceFinder(FaceDetector(DetectorConfig(), choose_device(config.gpus)), "largest")
    model, size = checkpoint.model, checkpoint.architecture.image_size
    counterparts = _counterparts(source.class_names, checkpoint.class_names)
    known = np.array([code for code in counterparts if code >= 0], dtype=np.int64)
    features, old, labels, groups, right, skipped = [], [], [], [], [], list[str]()
    people = {name: number for number, name in enumerate(sorted({item.subject for item in source.items}))}
    for start in range(0, len(source.items), CHUNK):
        chunk = source.items[start : start + CHUNK]
        framed = list(_framed(chunk, start, finder, checkpoint, skipped))
        if framed:
            batch = network_input([face for _number, face in framed], size).to(torch.device("cpu"))
            z, logits = embed_faces(model, checkpoint.branch_weight, batch.images, batch.landmarks)
            features.append(z)
            padded = np.pad(logits, ((0, 0), (0, 1)))  # the last column stands for no class
            old.append(padded[:, counterparts])
            for row, (number, _face) in enumerate(framed):
                item = source.items[number]
                label = source.class_names.index(item.class_name)
                labels.append(label)
                groups.append(people[item.subject] if item.subject else len(people) + number)
                answer = int(known[logits[row, known].argmax()]) if len(known) else -1
                right.append(answer >= 0 and answer == counterparts[label])
        advance(len(chunk))
    if not features:
        raise DataError(f"no face was found in the photos of {config.photos}")
    faces = EmbeddedFaces(np.concatenate(features), np.concatenate(old), np.array(labels), np.array(groups))
    return faces, skipped, np.array(right)


def _framed(
    items: Sequence[SourceImage], start: int, finder: FaceFinder, checkpoint: Checkpoint, skipped: list[str]
) -> Iterator[tuple[int, AlignedFace]]:
    """Yield the number of each photo with a face, and that face; note the others."""
    photos: list[tuple[int, Photo]] = []
    for number, item in enumerate(items, start=start):
        try:
            photo = item.picture().photo
            if photo.problem is not None:
                raise ImageError(photo.problem)
            photos.append((number, photo))
        except ImageError as error:
            skipped.append(str(error))
    for (number, photo), found in zip(photos, finder.find([photo for _number, photo in photos]), strict=True):
        if not found.faces:
            skipped.append(f"{printable(photo.name)}: no face found")
            continue
        try:
            size = checkpoint.architecture.image_size
            (face,) = frame_faces(photo, [found.faces[0].landmarks], checkpoint.framing, size)
            yield number, face
        except ImageError as error:
            skipped.append(str(error))
