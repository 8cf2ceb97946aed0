"""Figures of an evaluation, a calibration and a training run: matrices, scores, reliability, and curves."""

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from ampnet.evaluation.fusion import HeadScores
from ampnet.evaluation.intervals import Counts, Estimate, Interval
from ampnet.evaluation.metrics import Scores, normalise_rows
from ampnet.evaluation.reliability import ProbabilityScores
from ampnet.evaluation.risk_coverage import RiskCoverage
from ampnet.files.writing import atomic_write

SPLIT_COLORS = {"train": "#7a7a7a", "val": "#1f6fb4", "test": "#c4501b"}
BLUE, ORANGE, GREEN, GREY = "#1f6fb4", "#c4501b", "#2a8a5a", "#7a7a7a"
ERROR_BARS: dict[str, Any] = {"markersize": 5, "capsize": 2.5}
DOTS_PER_INCH = 120
FORMATS = ("png", "svg")


def draw_confusion(matrix: Counts, class_names: Sequence[str], title: str) -> Figure:
    """Draw a confusion matrix twice: as counts, and normalised by true class.

    Args:
        matrix: ``(K, K)``, or ``(K, K + 1)`` with a last column of images without a prediction.
        class_names: K names.
        title: title above both.
    """
    num_classes = len(class_names)
    columns = [*class_names, "no face"][: matrix.shape[1]]
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
        axes.set_yticks(range(num_classes), class_names, parse_math=False)
        axes.tick_params(length=0)
        for row, column in np.ndindex(*matrix.shape):
            color = "white" if shares[row, column] > 0.7 else "black"
            axes.text(column, row, f"{values[row, column]:.0f}", ha="center", va="center", color=color, fontsize=9)
    counts_axes.set_ylabel("true")
    return figure


def draw_classes(scores: Scores, title: str) -> Figure:
    """Draw recall, precision and F1 of each class with their 95% intervals.

    Args:
        scores: over all images.
        title: title above.
    """
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
    labels = [f"{known.name} ({known.images:,})" for known in classes]
    axes.set_yticks(range(len(classes)), labels, parse_math=False)
    axes.set_ylim(len(classes) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    _tidy(axes)
    axes.legend(frameon=False, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1))
    return figure


def draw_reliability(scores: ProbabilityScores, title: str) -> Figure:
    """Draw the reliability diagram: accuracy by probability of the predicted class, above the share of the images.

    Args:
        scores: with the bins.
        title: title above.
    """
    return _draw_reliability({"": scores}, title)


def draw_calibration(before: ProbabilityScores, after: ProbabilityScores, title: str) -> Figure:
    """Draw two reliability diagrams side by side: before a calibration, and after it.

    Args:
        before: with the bins.
        after: with the bins, over the same images.
        title: title above both.
    """
    return _draw_reliability({"before: ": before, "after: ": after}, title)


def _draw_reliability(diagrams: dict[str, ProbabilityScores], title: str) -> Figure:
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
    _tidy(axes)
    _tidy(below)


def draw_risk_coverage(scores: RiskCoverage, title: str) -> Figure:
    """Draw the share of wrong answers over the share of the images that get one, with 95% intervals.

    Args:
        scores: with the curve; the checkpoint's rejection threshold is marked if it has one.
        title: title above.
    """
    figure = Figure(figsize=(6, 4.2), layout="constrained")
    axes = figure.subplots()
    figure.suptitle(title, parse_math=False)
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
    axes.set_xlabel("coverage: images that get an answer, the surest first")
    axes.set_ylabel("risk: wrong answers among these")
    axes.set_xlim(0, 1.01)
    axes.set_ylim(bottom=0)
    for part in (axes.xaxis, axes.yaxis):
        part.set_major_formatter(PercentFormatter(1))
    _tidy(axes)
    axes.legend(frameon=False, loc="best")
    return figure


def draw_fusion(heads: HeadScores, title: str) -> Figure:
    """Draw accuracy over beta, the weight of the local head, with its 95% interval and the checkpoint's own weight.

    Args:
        heads: with the curve.
        title: title above.
    """
    figure = Figure(figsize=(6, 4.2), layout="constrained")
    axes = figure.subplots()
    figure.suptitle(title, parse_math=False)
    betas = [point.beta for point in heads.curve]
    low, high = zip(*(point.accuracy.interval for point in heads.curve), strict=True)
    axes.fill_between(betas, low, high, color=BLUE, alpha=0.15, linewidth=0, label="95% interval")
    axes.plot(betas, [point.accuracy.value for point in heads.curve], color=BLUE, label="accuracy")
    means = [point.mean_class_accuracy for point in heads.curve]
    axes.plot(betas, means, color=ORANGE, linestyle="-.", label="mean class accuracy")
    axes.axvline(heads.beta, color=GREY, linestyle="--", linewidth=1, label=f"the checkpoint's, {heads.beta:g}")
    axes.set_xlabel("beta: weight of the local head (0: global head alone, 1: local head alone)")
    axes.set_xlim(0, 1)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    _tidy(axes)
    axes.legend(frameon=False, ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1))
    return figure


def save_curves(path: Path, history: pd.DataFrame, title: str, best_epoch: int | None = None) -> None:
    """Draw loss and accuracy over the epochs of a training run.

    Args:
        path: PNG file to write.
        history: a row for each epoch, with ``epoch`` and any of ``train_loss``, ``val_loss``, ``test_loss``,
            ``train_accuracy``, ``val_accuracy``, ``test_accuracy`` (in [0, 1]).
        title: title above both.
        best_epoch: epoch to mark by a line; None marks none.

    Raises:
        DataError: the file cannot be written.
    """
    figure = Figure(figsize=(10, 4), layout="constrained")
    loss_axes, accuracy_axes = figure.subplots(1, 2)
    figure.suptitle(title, parse_math=False)
    _curves(loss_axes, history, "loss", 1.0)
    _curves(accuracy_axes, history, "accuracy", 100.0)
    accuracy_axes.set_ylabel("accuracy (%)")
    for axes in (loss_axes, accuracy_axes):
        if best_epoch is not None:
            axes.axvline(best_epoch, color="#b0b0b0", linestyle="--", linewidth=1, zorder=0, label="best epoch")
        if axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False)
    save_figure(figure, path)


def _curves(axes: Axes, history: pd.DataFrame, what: str, unit: float) -> None:
    for split, color in SPLIT_COLORS.items():
        name = f"{split}_{what}"
        if name in history:
            marker = "o" if len(history) < 30 else ""
            axes.plot(history["epoch"], history[name] * unit, color=color, label=split, marker=marker, markersize=3)
    axes.set_xlabel("epoch")
    axes.set_ylabel(what)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    _tidy(axes)


def _around(values: NDArray[np.float64], intervals: Sequence[Interval]) -> NDArray[np.float64]:
    """Return ``(2, N)``: how far the ends of the intervals are below and above the values."""
    ends = np.array(intervals, dtype=float).reshape(-1, 2)
    return np.asarray(np.maximum(np.stack([values - ends[:, 0], ends[:, 1] - values]), 0))


def _tidy(axes: Axes) -> None:
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as PNG or SVG, by the suffix; the same figure gives the same file.

    Raises:
        DataError: the file cannot be written.
    """
    with atomic_write(path) as aside, _drawing():
        figure.savefig(aside, format=path.suffix[1:], dpi=DOTS_PER_INCH, metadata=_metadata(path.suffix))


def svg_of(figure: Figure) -> str:
    """Return a figure as the text of an ``<svg>`` element, for a page that contains it."""
    text = io.StringIO()
    with _drawing():
        figure.savefig(text, format="svg", metadata=_metadata(".svg"))
    drawn = text.getvalue()
    return drawn[drawn.index("<svg") :]


@contextmanager
def _drawing() -> Iterator[None]:
    with warnings.catch_warnings(), mpl.rc_context({"svg.hashsalt": "ampnet"}):  # ids in an SVG are random otherwise
        # Class names in scripts that the font lacks are drawn as boxes; the tables beside the plot hold them in full.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def _metadata(suffix: str) -> dict[str, None]:
    return {"Date": None} if suffix == ".svg" else {}
