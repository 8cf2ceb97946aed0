"""The files of a report."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ampnet.evaluation.metrics import normalise_rows
from ampnet.evaluation.predictions import write_predictions
from ampnet.evaluation.report import NO_FACE, EvalReport
from ampnet.files.writing import write_json, write_rows, write_text
from ampnet.reports.figures import figures, save_figures
from ampnet.reports.latex import evaluation_latex
from ampnet.reports.metrics_file import METRICS_FILE, plain_metrics

PREDICTIONS_FILE = "predictions.csv"
LATEX_FILE = "classes.tex"
RATES = ("recall", "precision", "f1")
FORMER_FILE = "report.json"
"""What earlier versions wrote instead of metrics.json."""


def write_report(folder: Path, report: EvalReport) -> None:
    """Write metrics.json, predictions.csv, the tables as CSV and LaTeX, and the figures as PNG and SVG.

    Args:
        folder: output folder, created if missing; an earlier version's report.json in it is removed.

    Raises:
        DataError: a file cannot be written.
    """
    write_predictions(folder / PREDICTIONS_FILE, report.table)
    columns = ["class", "images", "undetected", *(f"{rate}{end}" for rate in RATES for end in ("", "_low", "_high"))]
    write_rows(folder / "classes.csv", columns, _classes(report))
    _write_matrix(folder / "confusion.csv", report, report.matrix)
    _write_matrix(folder / "confusion_shares.csv", report, normalise_rows(report.matrix).round(6))
    write_text(folder / LATEX_FILE, evaluation_latex(report))
    save_figures(folder, figures(report))
    write_json(folder / METRICS_FILE, plain_metrics(report), indent=2)  # last: its presence marks a complete report
    (folder / FORMER_FILE).unlink(missing_ok=True)


def _classes(report: EvalReport) -> Iterator[list[object]]:
    """Yield each class with its images, those without a prediction, and its rates with their intervals, if defined."""
    for scores in report.all.classes:
        rates = [getattr(scores, name) for name in RATES]
        cells = [cell for rate in rates for cell in ((rate.value, *rate.interval) if rate else ("", "", ""))]
        yield [scores.name, scores.images, scores.undetected, *cells]


def _write_matrix(path: Path, report: EvalReport, matrix: NDArray[Any]) -> None:
    rows = ([name, *row] for name, row in zip(report.class_names, matrix.tolist(), strict=True))
    write_rows(path, ["true", *report.class_names, NO_FACE], rows)
