"""Score any tool's predictions by ampnet's own rules: python -m benchmarks.rivals.score DATA PREDICTIONS.csv...

DATA is a prepared data set; its test split is scored. Each CSV has a column `name` and a column of probabilities for
each class, named as in the data set; predictions.csv of `ampnet eval` also works. A name is the path of a source image
below any folder of the raw data set, or the image's name in the index.
"""

import argparse
import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ampnet.data.index.face_index import FACES_FILE, FaceIndex, read_index
from ampnet.data.index.label_votes import MIN_VOTES
from ampnet.data.index.splits import split_indices
from ampnet.data.preparation.faces_table import read_faces
from ampnet.errors import AmpnetError, DataError
from ampnet.evaluation.agreement import measure_agreement
from ampnet.evaluation.metrics import Interval, confusion_matrix, score
from benchmarks.measure import print_table

SPLIT = "test"
HEAD = ("predictions", "accuracy", "macro-F1", "crowd accuracy", "crowd mean recall")


@dataclass(frozen=True)
class SplitFaces:
    """The faces to score."""

    faces: FaceIndex
    spellings: list[list[str]]
    """Names that a CSV may use for each face."""


def main() -> None:
    """Print one table, a row for each CSV."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("predictions", type=Path, nargs="+", metavar="PREDICTIONS.csv")
    arguments = parser.parse_args()
    try:
        chosen = read_split(arguments.data)
        rows = [row_of(path, chosen) for path in arguments.predictions]
    except AmpnetError as error:
        raise SystemExit(str(error)) from error
    votes = chosen.faces.votes
    title = f"{len(chosen.faces):,} images of {arguments.data}, {SPLIT}, in percent with 95 % intervals"
    print_table(title, HEAD if votes else HEAD[:3], [row[: len(HEAD) if votes else 3] for row in rows])
    if votes:
        no_face = votes.calls_no_face()
        majority = int(((votes.majority(chosen.faces.class_names) >= 0) & ~no_face).sum())
        print(f"\nCrowd: {majority:,} images where one class has more than half of all votes.")
        print(f"{int(no_face.sum())} images are excluded: their most frequent vote is no face.")


def read_split(data: Path) -> SplitFaces:
    """Read the test split of a prepared set.

    Raises:
        DataError: it cannot be read, or images of the split were rejected, so that its index is not the whole split.
    """
    index = read_index(data)
    if rejected := sum(index.undetected.get(SPLIT, {}).values()):
        raise DataError(f"{data} rejected {rejected} {SPLIT} images; prepare it with --no-face template to score all")
    faces = index.subset(split_indices(index)[SPLIT])
    sources = {row.name: row.source for row in read_faces(data / "index" / FACES_FILE)}
    return SplitFaces(faces, [[name, *_path_ends(sources[name])] for name in faces.names])


def read_predictions(path: Path, chosen: SplitFaces) -> NDArray[np.float64]:
    """Read the probabilities of each face, ``(N, K)`` in the set's class order.

    Raises:
        DataError: the file cannot be read, lacks a class or a face, or holds anything but shares that add up to 1.
    """
    class_names = chosen.faces.class_names
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            header = reader.fieldnames or []
            if "name" not in header:
                raise DataError(f"{path} has no column name")
            listed = list(reader)
        table = {row["name"]: row for row in listed}
        if len(table) < len(listed):
            raise DataError(f"{path} lists some names more than once")
        columns = [name if name in header else f"score_{name}" for name in class_names]
        if lacking := [name for name, column in zip(class_names, columns, strict=True) if column not in header]:
            raise DataError(f"{path} has no column for {', '.join(lacking)}")
        known = [next((name for name in names if name in table), None) for names in chosen.spellings]
        if missing := [face for face, name in zip(chosen.faces.names, known, strict=True) if name is None]:
            raise DataError(f"{path} lacks {len(missing)} of {len(known)} images, the first is {missing[0]}")
        shares = np.array([[float(table[name][column]) for column in columns] for name in known if name is not None])
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    except (csv.Error, TypeError, ValueError) as error:
        raise DataError(f"cannot read {path}: {error}") from error
    if len(set(known)) < len(known):
        raise DataError(f"{path}: one row stands for several images; give names as paths in the raw set")
    if not (np.isfinite(shares).all() and (shares >= 0).all() and np.allclose(shares.sum(axis=1), 1, atol=1e-3)):
        raise DataError(f"{path}: the probabilities of each row must be from 0 up and add up to 1")
    return shares


def row_of(path: Path, chosen: SplitFaces) -> list[str]:
    """Score one CSV against the labels and, if the data set has them, the votes."""
    shares, faces = read_predictions(path, chosen), chosen.faces
    names, answers = faces.class_names, shares.argmax(axis=1)
    against_labels = score(confusion_matrix(faces.labels, answers, len(names)), names)
    row = [
        path.stem,
        _percent(against_labels.accuracy, against_labels.accuracy_interval),
        _percent(against_labels.macro_f1, against_labels.macro_f1_interval),
    ]
    if (votes := faces.votes) is None:
        return row
    total, no_face = votes.counts.sum(axis=1), votes.calls_no_face()
    crowd = measure_agreement(shares, votes.on_classes(names), total, no_face, names, MIN_VOTES)
    majority = np.where(no_face, -1, votes.majority(names))
    decided = majority >= 0
    by_class = score(confusion_matrix(majority[decided], answers[decided], len(names)), names)
    return [
        *row,
        _percent(crowd.accuracy, crowd.accuracy_interval),
        _percent(crowd.mean_recall, by_class.mean_class_accuracy_interval),
    ]


def _path_ends(source: str) -> list[str]:
    """Return ``a/b/c.png``, ``b/c.png`` and ``c.png``."""
    parts = source.split("/")
    return ["/".join(parts[start:]) for start in range(len(parts))]


def _percent(share: float | None, interval: Interval | None) -> str:
    if share is None or interval is None:
        return "none"
    return f"{100 * share:.1f} ({100 * interval[0]:.1f} to {100 * interval[1]:.1f})"


if __name__ == "__main__":
    main()
