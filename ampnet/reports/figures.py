"""Figures of an evaluation and a calibration: matrices, scores, reliability and curves; how all figures are written."""

import io
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from ampnet.evaluation.fusion import HeadScores, PriorScores
from ampnet.evaluation.intervals import Counts, Estimate, Interval
from ampnet.evaluation.metrics import Scores, normalise_rows
from ampnet.evaluation.reliability import ProbabilityScores, RiskCoverage
from ampnet.evaluation.report import NO_FACE, EvalReport
from ampnet.files.printable import printable
from ampnet.files.writing import atomic_write

BLUE, ORANGE, GREEN, GREY = "#1f6fb4", "#c4501b", "#2a8a5a", "#7a7a7a"
ERROR_BARS: dict[str, Any] = {"markersize": 5, "capsize": 2.5}
DOTS_PER_INCH = 120
FORMATS = ("png", "svg")
PAGE_COLORS = {BLUE: "accent", ORANGE: "second", GREY: "soft", "#000000": "ink", "#b0b0b0": "line"}
"""What a colour of a figure is called in the style sheet of the report's page."""

_METADATA = {"Date": None}


def figures(report: EvalReport, titled: bool = True) -> dict[str, Figure]:
    """Draw a report's figures, by the name of their files; what was not measured is not drawn."""
    accuracy = f"{report.all.accuracy.value:.1%} of {report.all.images:,} images"

    def title(text: str) -> str:
        return f"{report.about.split}: {text}" if titled else ""

    matrix = report.matrix if report.undetected else report.matrix[:, :-1]
    drawn = {
        "confusion": draw_confusion(matrix, report.class_names, title(accuracy)),
        "classes": draw_classes(report.all, title("classes, with 95% intervals")),
    }
    if report.probabilities:
        drawn["reliability"] = draw_reliability({"": report.probabilities}, title("reliability of the probabilities"))
    if report.risk_coverage:
        drawn["risk_coverage"] = draw_risk_coverage(report.risk_coverage, title("risk and coverage"))
    if report.heads:
        drawn["fusion"] = draw_fusion(report.heads, title("fusion of the two heads"))
    if report.priors:
        drawn["priors"] = draw_priors(report.priors, title("class prior"))
    return drawn


def draw_confusion(matrix: Counts, class_names: Sequence[str], title: str) -> Figure:
    """Draw a confusion matrix twice: as counts, and normalised by true class.

    Args:
        matrix: ``(K, K)``, or ``(K, K + 1)`` with a last column of images without a prediction.
    """
    num_classes = len(class_names)
    columns = _short([*class_names, NO_FACE])[: matrix.shape[1]]
    shares = normalise_rows(matrix)
    side = 1.8 + 0.62 * num_classes
    figure = Figure(figsize=(2 * side + 1.2, side + 0.7), layout="constrained")
    counts_axes, shares_axes = figure.subplots(1, 2)
    figure.suptitle(title, parse_math=False)
    for axes, values, heading in ((counts_axes, matrix, "images"), (shares_axes, shares * 100, "% of the true class")):
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        axes.set_title(heading, fontsize=10)
        axes.set_xlabel("predicted")
        axes.set_xticks(range(len(columns)), columns, rotation=40, ha="right", rotation_mode="anchor", parse_math=False)
        axes.set_yticks(range(num_classes), columns[:num_classes], parse_math=False)
        axes.tick_params(length=0)
        for row, column in np.ndindex(*matrix.shape):
            color = "white" if shares[row, column] > 0.7 else "black"
            axes.text(column, row, f"{values[row, column]:.0f}", ha="center", va="center", color=color, fontsize=9)
    counts_axes.set_ylabel("true")
    return figure


def draw_classes(scores: Scores, title: str) -> Figure:
    """Draw recall, precision and F1 of each class with their 95% intervals."""
    classes = scores.classes
    figure = Figure(figsize=(6.4, 1.6 + 0.5 * len(classes)), layout="constrained")
    axes = figure.subplots()
    figure.suptitle(title, parse_math=False)
    rates = (("recall", "recall", BLUE, "o"), ("precision", "precision", ORANGE, "s"), ("f1", "F1", GREEN, "D"))
    for shift, (name, label, color, marker) in zip((-0.22, 0.0, 0.22), rates, strict=True):
        found: list[Estimate | None] = [getattr(known, name) for known in classes]
        rows = [row + shift for row, value in enumerate(found) if value]
        values = np.array([value.value for value in found if value])
        around = _around(values, [value.interval for value in found if value])
        axes.errorbar(values, rows, xerr=around, label=label, color=color, marker=marker, linestyle="", **ERROR_BARS)
    names = _short([known.name for known in classes])
    labels = [f"{name} ({known.images:,})" for name, known in zip(names, classes, strict=True)]
    axes.set_yticks(range(len(classes)), labels, parse_math=False)
    axes.set_ylim(len(classes) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    tidy(axes)
    axes.legend(frameon=False, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1))
    return figure


def draw_reliability(diagrams: Mapping[str, ProbabilityScores], title: str) -> Figure:
    """Draw reliability diagrams side by side: accuracy by probability of the predicted class, and images below it.

    Args:
        diagrams: scores with their bins, by what stands before the calibration error, such as ``"before: "``.
    """
    figure = Figure(figsize=(5 * len(diagrams), 5.6), layout="constrained")
    grid = figure.subplots(2, len(diagrams), sharex=True, sharey="row", height_ratios=(3, 1), squeeze=False)
    figure.suptitle(title, parse_math=False)
    for (heading, scores), (axes, below) in zip(diagrams.items(), grid.T, strict=True):
        _reliability(axes, below, scores, heading)
    return figure


def _reliability(axes: Axes, below: Axes, scores: ProbabilityScores, heading: str) -> None:
    filled = [known for known in scores.bins if known.images]
    confidence = np.array([known.confidence for known in filled], dtype=float)
    accuracy = np.array([known.accuracy for known in filled], dtype=float)
    around = _around(accuracy, [known.interval for known in filled if known.interval])
    axes.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1, label="calibrated")
    axes.errorbar(confidence, accuracy, yerr=around, label="95% interval", color=BLUE, marker="o", **ERROR_BARS)
    axes.set_ylabel("accuracy")
    axes.set_ylim(0, 1)
    axes.legend(frameon=False)
    axes.set_title(f"{heading}expected calibration error {scores.calibration_error.value:.1%}", fontsize=10)
    width = scores.bins[0].high - scores.bins[0].low
    shares = [known.images / scores.images for known in scores.bins]
    below.bar([known.low for known in scores.bins], shares, width=width, align="edge", color=BLUE, edgecolor="white")
    below.set_xlabel("probability of the predicted class")
    below.set_ylabel("images")
    below.set_xlim(0, 1)
    for part in (axes.xaxis, axes.yaxis, below.yaxis):
        part.set_major_formatter(PercentFormatter(1, decimals=0))
    tidy(axes)
    tidy(below)


def draw_risk_coverage(scores: RiskCoverage, title: str) -> Figure:
    """Draw the share of wrong answers over the share of the images that get one, with 95% intervals.

    Args:
        scores: with the curve; the checkpoint's rejection threshold is marked if it has one.
    """
    figure, axes = _single(title)
    points = [(point.coverage, point.risk) for point in scores.curve if point.risk]
    coverages = [coverage for coverage, _ in points]
    low, high = zip(*(risk.interval for _, risk in points), strict=True)
    axes.fill_between(coverages, low, high, color=BLUE, alpha=0.15, linewidth=0, label="95% interval")
    axes.plot(coverages, [risk.value for _, risk in points], color=BLUE, marker="o", markersize=3, label="risk")
    chosen = scores.rejection
    if chosen:
        label = f"rejection threshold {chosen.threshold:.2f}"
        axes.axvline(chosen.coverage, color=GREY, linestyle="--", linewidth=1, label=label)
    axes.set_title(f"area under the curve {scores.area.value:.3f}", fontsize=10)
    axes.set_xlabel("coverage: images that get an answer, most probable first")
    axes.set_ylabel("risk: wrong answers among these")
    axes.set_xlim(0, 1.01)
    axes.set_ylim(bottom=0)
    for part in (axes.xaxis, axes.yaxis):
        part.set_major_formatter(PercentFormatter(1))
    tidy(axes)
    axes.legend(frameon=False, loc="best")
    return figure


def draw_fusion(heads: HeadScores, title: str) -> Figure:
    """Draw accuracy over beta, the weight of the local head, with its 95% interval and the checkpoint's own weight."""
    figure, axes = _single(title)
    betas = [point.beta for point in heads.curve]
    low, high = zip(*(point.accuracy.interval for point in heads.curve), strict=True)
    axes.fill_between(betas, low, high, color=BLUE, alpha=0.15, linewidth=0, label="95% interval")
    accuracy = [point.accuracy.value for point in heads.curve]
    _accuracy_and_recall(axes, betas, accuracy, [point.mean_class_accuracy for point in heads.curve])
    axes.axvline(heads.beta, color=GREY, linestyle="--", linewidth=1, label=f"the checkpoint's, {heads.beta:g}")
    axes.set_xlabel("beta: weight of the local head (0: global head alone, 1: local head alone)")
    axes.legend(frameon=False, ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1))
    return figure


def draw_priors(priors: Sequence[PriorScores], title: str) -> Figure:
    """Draw accuracy and mean recall over the strength of the class-prior adjustment.

    Args:
        priors: scores of each strength, at least one.
    """
    figure, axes = _single(title)
    strengths = [scores.strength for scores in priors]
    recalls = [scores.mean_recall for scores in priors]
    _accuracy_and_recall(axes, strengths, [scores.accuracy for scores in priors], recalls, marker="o", markersize=3)
    axes.set_xlabel("strength of the prior adjustment (0: as in training, 1: equal)")
    axes.legend(frameon=False, ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1))
    return figure


def _single(title: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(6, 4.2), layout="constrained")
    figure.suptitle(title, parse_math=False)
    return figure, figure.subplots()


def _accuracy_and_recall(
    axes: Axes, places: Sequence[float], accuracy: Sequence[float], recall: Sequence[float], **style: Any
) -> None:
    axes.plot(places, accuracy, color=BLUE, label="accuracy", **style)
    axes.plot(places, recall, color=ORANGE, linestyle="-.", label="mean class accuracy", **style)
    axes.set_xlim(0, 1)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    tidy(axes)


def _short(class_names: Sequence[str]) -> list[str]:
    """Shorten long names, beside which there would be no room for a plot; the tables hold them in full."""
    return [printable(name, 28) for name in class_names]


def _around(values: NDArray[np.float64], intervals: Sequence[Interval]) -> NDArray[np.float64]:
    """Return ``(2, N)``: how far the ends of the intervals are below and above the values."""
    ends = np.array(intervals, dtype=float).reshape(-1, 2)
    return np.asarray(np.maximum(np.stack([values - ends[:, 0], ends[:, 1] - values]), 0))


def tidy(axes: Axes) -> None:
    """Draw a faint grid, and no frame above and to the right."""
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as PNG or SVG, by the suffix; the same figure gives the same file.

    Raises:
        DataError: the file cannot be written.
    """
    with atomic_write(path) as aside, _drawing():
        figure.savefig(
            aside, format=path.suffix[1:], dpi=DOTS_PER_INCH, metadata=_METADATA if path.suffix == ".svg" else None
        )


def save_figures(folder: Path, drawn: Mapping[str, Figure | None]) -> None:
    """Write figures in all of :data:`FORMATS`, by the name of their files; None deletes that of an earlier report.

    Raises:
        DataError: a file cannot be written.
    """
    for name, figure in drawn.items():
        for form in FORMATS:
            path = folder / f"{name}.{form}"
            path.unlink(missing_ok=True) if figure is None else save_figure(figure, path)


def inline_svg(figure: Figure, description: str) -> str:
    """Draw a figure as an ``<svg>`` element of a page: texts stay texts, and colours follow the page's.

    Args:
        figure: the figure; its background is left out.
        description: what it shows, for screen readers.
    """
    drawn = io.StringIO()
    with _drawing(), mpl.rc_context({"svg.fonttype": "none"}):
        figure.savefig(drawn, format="svg", transparent=True, metadata=_METADATA)
    text = drawn.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", text[text.index("<svg") :], flags=re.S)
    text = re.sub(r'<g id="[^"]*">', "<g>", text)  # the same in every figure
    for color, name in PAGE_COLORS.items():
        text = text.replace(f": {color}", f": var(--{name})")
    return text.replace("<svg", f'<svg class="chart" role="img" aria-label="{escape(description)}"', 1)


@contextmanager
def _drawing() -> Iterator[None]:
    with warnings.catch_warnings(), mpl.rc_context({"svg.hashsalt": "ampnet"}):  # ids in an SVG are random otherwise
        # Class names in scripts that the font lacks are drawn as boxes; the tables beside the plot hold them in full.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield
