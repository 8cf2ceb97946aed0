"""The pictures of `ampnet robustness`: accuracy over severity, and one face under every corruption."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ampnet.faces.alignment import Image
from ampnet.files.picture_files import save_picture
from ampnet.reports.contact_sheet import Section, Tile, contact_sheet
from ampnet.reports.figures import save_figures, tidy
from ampnet.robustness.suite import CORRUPTIONS, SEVERITIES, corrupt
from ampnet.robustness.suite_report import BASELINE, RobustnessReport, Row

COLUMNS = 6
LEGEND_COLUMNS = 3
"""Beside no more panels than these, the legend has an entry for each panel in a line; else it fits on one."""

STYLES = {
    "gp": ("#d95f02", "-", "global head"),
    "lp+ap": ("#1b9e77", "-", "local head"),
    "gp+ap": ("#7570b3", ":", "without lp"),
    "gp+lp": ("#a6761d", ":", "without ap"),
    BASELINE: ("#666666", "--", "baseline"),
}
"""Colour, line and label of each vote but the first, which is drawn in :data:`ALL`."""

ALL = ("#1f3b73", "-")


CURVES = "robustness"
"""Name of the figure's files."""


def save_curves(folder: Path, report: RobustnessReport) -> None:
    """Draw the accuracy of each vote over severity, severity 0 being the clean faces.

    The band is the 95% interval of the vote of all modules.

    Args:
        folder: receives robustness.png and robustness.svg.
        report: with at least one corruption.

    Raises:
        DataError: a file cannot be written.
    """
    (clean,) = report.of_kind("clean")
    single = [row for row in report.of_kind("corruption") if row.severity]
    names = list(dict.fromkeys(row.name for row in single))
    lines = -(-len(names) // COLUMNS)
    columns = min(COLUMNS, len(names))
    figure = Figure(figsize=(2.3 * columns + 0.6, 2.1 * lines + 1.1), layout="constrained")
    panels = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for axes, name in zip(panels, names, strict=False):
        _panel(axes, [clean, *(row for row in single if row.name == name)], report)
        axes.set_title(name, fontsize=9)
    for axes in panels[len(names) :]:
        axes.set_axis_off()
    for number in range(0, len(names), columns):
        panels[number].set_ylabel("accuracy (%)", fontsize=8)
    figure.supxlabel("severity (0: clean)", fontsize=9)
    handles, labels = panels[0].get_legend_handles_labels()
    in_a_row = len(labels) if columns > LEGEND_COLUMNS else columns
    figure.legend(handles, labels, loc="outside upper center", ncols=in_a_row, frameon=False, fontsize=8)
    save_figures(folder, {CURVES: figure})


def _panel(axes: Axes, rows: Sequence[Row], report: RobustnessReport) -> None:
    severities = [row.severity for row in rows]
    first = report.all_modules
    for vote in reversed(report.votes):
        if vote != first and vote not in STYLES:
            continue
        color, line, label = (*ALL, "all modules") if vote == first else STYLES[vote]
        accuracy = [100 * row.rates[vote].accuracy for row in rows]
        width = 1.8 if vote == first else 1.0
        axes.plot(severities, accuracy, color=color, linestyle=line, linewidth=width, label=label)
    low, high = ([100 * row.rates[first].interval[end] for row in rows] for end in (0, 1))
    axes.fill_between(severities, low, high, color=ALL[0], alpha=0.15, linewidth=0)
    axes.set_xticks(range(6))
    axes.tick_params(labelsize=7)
    tidy(axes)


SHEET_FILE = "corruptions.png"

SIDE = 112
"""Of a face, in pixels."""


def save_sheet(folder: Path, image: Image, landmarks: NDArray[np.floating], seed: int, name: str) -> None:
    """Draw the whole suite on one face; for framing errors, dots show the landmarks that the network gets.

    Args:
        folder: receives corruptions.png.
        image: ``(224, 224)`` grey or ``(224, 224, 3)`` BGR.
        landmarks: ``(5, 2)`` in its pixels.

    Raises:
        DataError: the file cannot be written.
    """

    def corrupted(group: str, names: Sequence[str]) -> Iterator[Tile]:
        for corruption in names:
            for severity in SEVERITIES:
                face = corrupt(image, landmarks, corruption, severity, seed, name)
                yield _tile(face, f"{corruption} {severity}", landmarks if group == "framing" else ())

    sections = [Section(group, tuple(corrupted(group, names))) for group, names in CORRUPTIONS.items()]
    clean = Section("clean", [_tile(image, "0", ())])
    save_picture(contact_sheet([clean, *sections], columns=2 * len(SEVERITIES), side=SIDE), folder / SHEET_FILE)


def _tile(face: Image, caption: str, dots: Sequence[Sequence[float]] | NDArray[np.floating]) -> Tile:
    shown = np.asarray(cv2.cvtColor(face, cv2.COLOR_GRAY2RGB if face.ndim == 2 else cv2.COLOR_BGR2RGB), dtype=np.uint8)
    for x, y in dots:
        cv2.circle(shown, (round(float(x)), round(float(y))), 4, (255, 220, 0), -1, cv2.LINE_AA)
    return Tile(shown, ((caption, "black"),))
