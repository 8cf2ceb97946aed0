"""The files of a report."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ampnet.evaluation.metrics import normalise_rows
from ampnet.evaluation.predictions import write_predictions
from ampnet.evaluation.report import NO_FACE, EvalReport
from ampnet.evaluation.submission import SUBMISSION_FILE
from ampnet.files.writing import write_json, write_text
from ampnet.reports.figures import FORMATS, figures, save_figure
from ampnet.reports.latex import evaluation_latex
from ampnet.reports.metrics_file import METRICS_FILE, plain_metrics

PREDICTIONS_FILE = "predictions.csv"
LATEX_FILE = "classes.tex"
FORMER_FILE = "report.json"
"""What earlier versions wrote instead of metrics.json."""


def write_submission(folder: Path, result: dict[str, Any]) -> None:
    """Write submission.json, for others to score again.

    Raises:
        DataError: it cannot be written.
    """
    write_json(folder / SUBMISSION_FILE, result)


def write_report(folder: Path, report: EvalReport) -> None:
    """Write metrics.json, predictions.csv, the tables as CSV and LaTeX, and the figures as PNG and SVG.

    Args:
        folder: output folder, created if missing; an earlier version's report.json in it is removed.

    Raises:
        DataError: a file cannot be written.
    """
    columns = [*report.class_names, NO_FACE]
    shares = normalise_rows(report.matrix)
    write_predictions(folder / PREDICTIONS_FILE, report.table)
    _write_csv(folder / "classes.csv", classes_table(report))
    _write_csv(folder / "confusion.csv", _matrix_table(report.matrix, report.class_names, columns))
    _write_csv(folder / "confusion_shares.csv", _matrix_table(shares.round(6), report.class_names, columns))
    write_text(folder / LATEX_FILE, evaluation_latex(report))
    for name, figure in figures(report).items():
        for form in FORMATS:
            save_figure(figure, folder / f"{name}.{form}")
    write_json(folder / METRICS_FILE, plain_metrics(report), indent=2)  # last: its presence marks a complete report
    (folder / FORMER_FILE).unlink(missing_ok=True)


def classes_table(report: EvalReport) -> pd.DataFrame:
    """Tabulate images, images without a prediction, recall over all images, precision and F1, with 95% intervals."""
    rows = []
    for scores in report.all.classes:
        row: dict[str, Any] = {"class": scores.name, "images": scores.images, "undetected": scores.undetected}
        for name in ("recall", "precision", "f1"):
            found = getattr(scores, name)
            row[name], row[f"{name}_low"], row[f"{name}_high"] = (
                (found.value, *found.interval) if found else (None, None, None)
            )
        rows.append(row)
    return pd.DataFrame(rows)


def _matrix_table(matrix: Any, rows: Sequence[str], columns: Sequence[str]) -> pd.DataFrame:
    table = pd.DataFrame(matrix, columns=list(columns))
    table.insert(0, "true", list(rows))
    return table


def _write_csv(path: Path, table: pd.DataFrame) -> None:
    write_text(path, table.to_csv(index=False, lineterminator="\n"))
