"""`report.html`: one self-contained page with everything that a reviewer asks for and a user understands."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup
from numpy.typing import NDArray

from ampnet.checkpoints.bundled import display_name
from ampnet.evaluation.html.charts import Axis, Bar, Line, axis_around, chart
from ampnet.evaluation.report import EvalReport
from ampnet.files.writing import atomic_write

REPORT_FILE = "report.html"

FRAME = 224
"""Side of a face's frame in pixels, in which regions are given."""


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
        report: the report.
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
    metrics = report.to_dict()
    return _template().render(
        m=metrics,
        mistakes=mistakes,
        frame=FRAME,
        subject=display_name(report.about.path),
        charts={name: Markup(drawn) for name, drawn in _charts(metrics).items()},  # built by us, its texts escaped
        rivals=[pair for pair in metrics["confused_pairs"] if pair["images"]],
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("ampnet.evaluation.html", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(percent=_percent, number=_number, json=_json)
    return environment.get_template("report.html.j2")


def _charts(metrics: dict[str, Any]) -> dict[str, str]:
    drawn = {}
    if metrics["probabilities"]:
        drawn["reliability"] = _reliability(metrics["probabilities"]["bins"])
    if metrics["risk_coverage"]:
        drawn["risk_coverage"] = _risk_coverage(metrics["risk_coverage"])
    if metrics["heads"]:
        drawn["fusion"] = _fusion(metrics["heads"]["curve"])
    if metrics["priors"]:
        drawn["priors"] = _priors(metrics["priors"])
    return drawn


def _reliability(bins: Sequence[dict[str, Any]]) -> str:
    bars = [
        Bar(
            item["low"],
            item["high"],
            item["accuracy"],
            f"said {item['confidence']:.0%}, right {item['accuracy']:.0%} of {item['images']:,}",
            None if item["interval"] is None else tuple(item["interval"]),
        )
        for item in bins
        if item["images"]
    ]
    ideal = Line("as sure as right", [(0.0, 0.0), (1.0, 1.0)], "ideal")
    description = "Reliability: for each range of stated probability, the share that was right"
    return chart(description, Axis("stated probability", 0, 1), Axis("right", 0, 1), [ideal], bars)


def _risk_coverage(scores: dict[str, Any]) -> str:
    points = [(item["coverage"], item["risk"]["value"]) for item in scores["curve"]]
    y = axis_around("risk", [0, *(value for _, value in points)])
    lines = [Line("coverage - risk", points, "one", is_marked=True)]
    if scores["rejection"]:
        coverage = scores["rejection"]["coverage"]
        lines.append(Line("rejection threshold", [(coverage, y.low), (coverage, y.high)], "ideal"))
    description = "Risk and coverage: the share of wrong answers for each share of the images answered, surest first"
    return chart(description, Axis("coverage (images that get an answer)", 0, 1), y, lines)


def _fusion(curve: Sequence[dict[str, Any]]) -> str:
    points = [(item["beta"], item["accuracy"]["value"]) for item in curve]
    y = axis_around("accuracy", [value for _, value in points])
    line = Line("beta", points, "one", is_marked=True)
    description = "Accuracy for each weight beta of the local head: 0 is the global head alone, 1 the local head alone"
    return chart(description, Axis("beta (weight of the local head)", 0, 1, is_percent=False), y, [line])


def _priors(priors: Sequence[dict[str, Any]]) -> str:
    accuracy = [(item["strength"], item["accuracy"]) for item in priors]
    recall = [(item["strength"], item["mean_recall"]) for item in priors]
    y = axis_around("", [value for _, value in accuracy + recall])
    lines = [Line("accuracy", accuracy, "one", is_marked=True), Line("mean recall", recall, "two", is_marked=True)]
    description = "Accuracy and mean recall for each strength of the class-prior adjustment"
    return chart(description, Axis("strength of the prior adjustment", 0, 1, is_percent=False), y, lines)


def _percent(value: float | None, digits: int = 1) -> str:
    return "-" if value is None else f"{100 * value:.{digits}f}"


def _number(value: float | None, digits: int = 3) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False)
