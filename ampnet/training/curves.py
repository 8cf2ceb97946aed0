"""Loss and accuracy over the epochs of a training run, as a picture."""

from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ampnet.reports.figures import BLUE, GREY, ORANGE, save_figure, tidy

SPLIT_COLORS = {"train": GREY, "val": BLUE, "test": ORANGE}


def save_curves(path: Path, history: pd.DataFrame, title: str, best_epoch: int | None = None) -> None:
    """Draw loss and accuracy over the epochs of a training run.

    Args:
        history: a row for each epoch, with ``epoch`` and any of ``train_loss``, ``val_loss``, ``test_loss``,
            ``train_accuracy``, ``val_accuracy``, ``test_accuracy`` (in [0, 1]).
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
    tidy(axes)
