"""Plots: confusion matrices, and the curves of a training run."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ampnet.evaluation.intervals import Counts
from ampnet.evaluation.metrics import normalise_rows
from ampnet.media.files import atomic_write

SPLIT_COLORS = {"train": "#7a7a7a", "val": "#1f6fb4", "test": "#c4501b"}
DOTS_PER_INCH = 120


def save_confusion(path: Path, matrix: Counts, class_names: Sequence[str], title: str) -> None:
    """Draw a confusion matrix twice: as counts, and normalised by true class.

    Args:
        path: PNG file to write.
        matrix: ``(K, K)``, or ``(K, K + 1)`` with a last column of images without a prediction.
        class_names: K names.
        title: title above both.

    Raises:
        DataError: the file cannot be written.
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
            color = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, f"{values[row, column]:.0f}", ha="center", va="center", color=color, fontsize=9)
    counts_axes.set_ylabel("true")
    _save(figure, path)


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
    _save(figure, path)


def _curves(axes: Axes, history: pd.DataFrame, what: str, unit: float) -> None:
    for split, color in SPLIT_COLORS.items():
        name = f"{split}_{what}"
        if name in history:
            marker = "o" if len(history) < 30 else ""
            axes.plot(history["epoch"], history[name] * unit, color=color, label=split, marker=marker, markersize=3)
    axes.set_xlabel("epoch")
    axes.set_ylabel(what)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def _save(figure: Figure, path: Path) -> None:
    with atomic_write(path) as aside, warnings.catch_warnings():
        # Class names in scripts that the font lacks are drawn as boxes; the tables beside the plot hold them in full.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(aside, format="png", dpi=DOTS_PER_INCH)
