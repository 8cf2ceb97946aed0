"""Evaluation reports, and the files they are written to."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ampnet import __version__
from ampnet.errors import UsageError
from ampnet.evaluation.agreement import Agreement
from ampnet.evaluation.metrics import Counts, Scores, normalise_rows
from ampnet.evaluation.plots import save_confusion
from ampnet.media.files import atomic_write

REPORT_FILE = "report.json"
REPORT_FORMAT = 1


@dataclass(frozen=True)
class CrowdReport:
    """Predictions compared with annotators' votes for the same images."""

    agreement: Agreement
    scores: Scores
    """Over the images with a majority, which is taken as the true class."""
    calibration_error: float
    """Expected calibration error against the majority."""


@dataclass(frozen=True)
class PriorScores:
    """Scores for one strength of the class-prior adjustment."""

    strength: float
    """0 keeps the training set's class frequencies, 1 expects all classes equally often."""
    accuracy: float
    mean_recall: float
    """Both against the labels."""
    crowd_accuracy: float | None
    crowd_mean_recall: float | None
    """Both against the annotators' majority."""


@dataclass(frozen=True, kw_only=True)
class EvalReport:
    """Evaluation of a checkpoint on a split of a data set."""

    checkpoint: Path
    epoch: int
    data: Path
    split: str
    class_names: tuple[str, ...]
    """In the checkpoint's order, which all rows and columns follow."""
    matrix: Counts
    """``(K, K + 1)``: true class by predicted class; the last column counts the images without a detected face."""
    all: Scores
    """Over all images of the split; those without a detected face are errors."""
    scored: Scores
    """Over the images with a detected face."""
    local_accuracy: float
    """Accuracy of the local branches (LP and AP) alone, over all images."""
    global_accuracy: float
    """Accuracy of the global branch (GP) alone, over all images."""
    mirror: bool
    """Whether predictions are averaged over each face and its mirror image."""
    calibration_error: float
    """Expected calibration error against the labels, over the scored images."""
    crowd: CrowdReport | None
    """Agreement with annotators' votes; None if the data set has none."""
    priors: tuple[PriorScores, ...]
    """Scores for several strengths of the prior adjustment; empty if the class frequencies are unknown."""
    unassigned: int
    """Images without a detected face that belong to no split, since the data set has no official splits."""
    notes: tuple[str, ...]
    """Caveats for the reader."""
    seconds: float

    @property
    def undetected(self) -> int:
        """Images of the split without a prediction."""
        return self.all.images - self.scored.images

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values for JSON; fractions in [0, 1]."""
        names = [*self.class_names, "no face"]
        return {
            "format": REPORT_FORMAT,
            "ampnet": __version__,
            "checkpoint": str(self.checkpoint.resolve()),
            "epoch": self.epoch,
            "data": str(self.data.resolve()),
            "split": self.split,
            "notes": list(self.notes),
            "images": self.all.images,
            "undetected": self.undetected,
            "lost_unassigned": self.unassigned,
            "accuracy": {
                "fused": self.all.accuracy,
                "local": self.local_accuracy,
                "global": self.global_accuracy,
            },
            "all": asdict(self.all),
            "scored": asdict(self.scored),
            "mirror": self.mirror,
            "calibration_error": self.calibration_error,
            "crowd": self.crowd and asdict(self.crowd),
            "priors": [asdict(scores) for scores in self.priors],
            "confusion": {
                "rows": list(self.class_names),
                "columns": names,
                "counts": self.matrix.tolist(),
                "shares": normalise_rows(self.matrix).tolist(),
            },
            "seconds": round(self.seconds, 3),
        }


def free_folder(root: Path, names: Sequence[str], checkpoint: Path, data: Path, split: str) -> Path:
    """Choose the first folder that holds no report, or an earlier one of the same evaluation.

    Args:
        root: parent of the folders.
        names: folder names to try in order; the last one is returned if all are taken.
        checkpoint: evaluated checkpoint.
        data: evaluated data set.
        split: evaluated split.
    """
    for name in names[:-1]:
        try:
            check_free(root / name, checkpoint, data, split)
        except UsageError:
            continue
        return root / name
    return root / names[-1]


def check_free(folder: Path, checkpoint: Path, data: Path, split: str) -> None:
    """Check that writing a report to ``folder`` would only replace one of the same evaluation.

    Raises:
        UsageError: the folder holds a report on another checkpoint, data set or split.
    """
    path = folder / REPORT_FILE
    if not path.exists():
        return
    try:
        earlier = json.loads(path.read_text(encoding="utf-8"))
        about = [earlier["checkpoint"], earlier["data"], earlier["split"]]
    except (OSError, ValueError, KeyError, TypeError):
        about = []
    if about != [str(checkpoint.resolve()), str(data.resolve()), split]:
        what = f"the report on {about[0]} with {about[1]}, {about[2]}" if about else "another file"
        raise UsageError(f"{path} is {what}; choose another folder with --out, or replace it with --force")


def write_report(folder: Path, report: EvalReport, predictions: pd.DataFrame) -> None:
    """Write report.json, classes.csv, confusion.csv, confusion_shares.csv, predictions.csv and confusion.png.

    Args:
        folder: output folder, created if missing.
        report: the report.
        predictions: a row for each scored image.

    Raises:
        DataError: a file cannot be written.
    """
    columns = [*report.class_names, "no face"]
    shares = normalise_rows(report.matrix)
    _write_csv(folder / "predictions.csv", predictions)
    _write_csv(folder / "classes.csv", classes_table(report))
    _write_csv(folder / "confusion.csv", _matrix_table(report.matrix, report.class_names, columns))
    _write_csv(folder / "confusion_shares.csv", _matrix_table(shares.round(6), report.class_names, columns))
    drawn = report.matrix if report.undetected else report.matrix[:, :-1]
    title = f"{report.split}: {report.all.accuracy:.1%} of {report.all.images} images"
    save_confusion(folder / "confusion.png", drawn, report.class_names, title)
    with atomic_write(folder / REPORT_FILE) as aside:  # last, so that its presence marks a complete report
        aside.write_text(json.dumps(report.to_dict(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def classes_table(report: EvalReport) -> pd.DataFrame:
    """Tabulate images, undetected faces, recall over all images, precision and F1 of each class."""
    rows = []
    for over_all, over_scored in zip(report.all.classes, report.scored.classes, strict=True):
        undetected = over_all.images - over_scored.images
        rows.append({"class": over_all.name, "images": over_all.images, "undetected": undetected, **_shares(over_all)})
    return pd.DataFrame(rows)


def _shares(scores: Any) -> dict[str, float | None]:
    return {"recall": scores.recall, "precision": scores.precision, "f1": scores.f1}


def _matrix_table(matrix: Any, rows: Sequence[str], columns: Sequence[str]) -> pd.DataFrame:
    table = pd.DataFrame(matrix, columns=list(columns))
    table.insert(0, "true", list(rows))
    return table


def _write_csv(path: Path, table: pd.DataFrame) -> None:
    with atomic_write(path) as aside:
        table.to_csv(aside, index=False, lineterminator="\n")
