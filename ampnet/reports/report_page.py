"""The page and the files of a report; `report.html` has what a reviewer needs, in words that a user understands."""

import base64
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup
from numpy.typing import NDArray

from ampnet.checkpoints.model_files import display_name
from ampnet.evaluation.metrics import normalise_rows
from ampnet.evaluation.predictions import write_predictions
from ampnet.evaluation.report import NO_FACE, EvalReport
from ampnet.files.writing import atomic_write, write_json, write_rows, write_text
from ampnet.reports.figures import figures, inline_svg, save_figures
from ampnet.reports.latex import evaluation_latex
from ampnet.reports.metrics_file import METRICS_FILE, plain_metrics
from ampnet.reports.numbers import GAP_HEADS, GROUP_MEASURES, group_notes, p_value, points, shown_numbers

REPORT_FILE = "report.html"

FRAME = 224
"""Side of a face's frame in pixels, in which regions are given."""

DESCRIPTIONS = {
    "reliability": "Reliability: for each range of stated probability, the share that was right",
    "risk_coverage": "Risk and coverage: the share of wrong answers for each share of the images, most probable first",
    "fusion": "Accuracy for each weight beta of the local head: 0 is the global head alone, 1 the local head alone",
    "priors": "Accuracy and mean recall for each strength of the class-prior adjustment",
}
"""The figures on the page, for screen readers; its tables show the others."""


@dataclass(frozen=True, eq=False)
class Mistake:
    """A face that the network was sure about, and wrong."""

    name: str
    picture: bytes
    """JPEG."""
    true: str
    predicted: str
    probability: float
    boxes: NDArray[np.floating]
    """``(R, 4)`` regions of the face, x0, y0, x1, y1 in the 224 x 224 frame."""
    region_names: tuple[str, ...]

    @property
    def source(self) -> str:
        """The picture as a data URI."""
        return f"data:image/jpeg;base64,{base64.b64encode(self.picture).decode('ascii')}"


def write_page(folder: Path, report: EvalReport, mistakes: Sequence[Mistake] = ()) -> Path:
    """Write report.html.

    Args:
        folder: where metrics.json and the figures of the same report are.
        mistakes: confident mistakes for the gallery, worst first.

    Raises:
        DataError: the file cannot be written.
    """
    path = folder / REPORT_FILE
    with atomic_write(path) as aside:
        aside.write_text(render(report, mistakes), encoding="utf-8", errors="replace")
    return path


def render(report: EvalReport, mistakes: Sequence[Mistake] = ()) -> str:
    """Return the page as text; every number on it is one of metrics.json, and says which (``data-metric``)."""
    metrics = plain_metrics(report)
    return _template().render(
        m=metrics,
        numbers=shown_numbers(report),
        group_measures=GROUP_MEASURES,
        gap_heads=GAP_HEADS,
        group_notes=[group_notes(grouping) for grouping in report.groups],
        mistakes=mistakes,
        frame=FRAME,
        subject=display_name(report.about.path),
        charts=_charts(report),
        rivals=[pair for pair in metrics["confused_pairs"] if pair["images"]],
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("ampnet.reports", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        percent=points, number=_number, json=partial(json.dumps, indent=1, ensure_ascii=False), p=p_value
    )
    return environment.get_template("report.html.j2")


def _charts(report: EvalReport) -> dict[str, Markup]:
    """Draw the curves as SVG; matplotlib escapes the texts in them."""
    drawn = figures(report, titled=False)
    return {name: Markup(inline_svg(drawn[name], text)) for name, text in DESCRIPTIONS.items() if name in drawn}


def _number(value: float | None, digits: int = 3) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


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
    former = dict.fromkeys(DESCRIPTIONS) if (folder / METRICS_FILE).exists() else {}  # not the user's own file
    save_figures(folder, {**former, **figures(report)})
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
