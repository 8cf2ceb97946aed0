"""The numbers over all classes, as every report shows them: the page, the table for a paper, and the screen.

A number is computed in :mod:`ampnet.evaluation`, where it is a field with a sentence, and shown by a line here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from ampnet.evaluation.comparison import Spread
from ampnet.evaluation.groups import SMALL, Grouping
from ampnet.evaluation.intervals import Estimate
from ampnet.evaluation.report import EvalReport
from ampnet.files.printable import counted


@dataclass(frozen=True)
class Number:
    """How a number is shown."""

    path: str
    """Where it is in metrics.json and, with the same names, in an :class:`EvalReport`."""
    name: str
    meaning: str
    """In a few words, for readers of the page."""
    unit: Literal["%", ""] = "%"
    only_if: Literal["", "undetected", "copies"] = ""
    """Shown only if images have no prediction, or are copies of training images: else it repeats another one."""


NUMBERS = (
    Number("all.accuracy", "Accuracy", "right answers among all images of the split"),
    Number(
        "scored.accuracy",
        "Accuracy, images with a prediction",
        "comparable with papers that leave the others out",
        only_if="undetected",
    ),
    Number(
        "copies.without_copies.accuracy",
        "Accuracy without copies",
        "without the images that are copies of training images",
        only_if="copies",
    ),
    Number(
        "copies.without_exact.accuracy",
        "Accuracy without byte-equal copies",
        "without the images whose file the training split holds, too",
        only_if="copies",
    ),
    Number("top2", "Accuracy, top 2", "the true class is one of the two most probable"),
    Number(
        "all.mean_class_accuracy",
        "Mean class accuracy",
        "mean of the class recalls, so that every class counts the same",
    ),
    Number("all.macro_f1", "Macro F1", "mean of the class F1 scores"),
    Number("all.weighted_f1", "Weighted F1", "mean of the class F1 scores, weighted by the images of each class"),
    Number("all.kappa", "Cohen's kappa", "agreement beyond chance: 0 is chance, 1 is perfect", ""),
    Number("all.matthews", "Matthews correlation", "correlation of answers and truth: 0 is chance, 1 is perfect", ""),
    Number("heads.local", "Accuracy, local head", "of the landmark branches alone"),
    Number("heads.global", "Accuracy, global head", "of the global branch alone"),
    Number("probabilities.log_loss", "Log loss", "mean of -ln p for the true class, in nats; lower is better", ""),
    Number(
        "probabilities.brier",
        "Brier score",
        "squared distance of the probabilities from the truth; lower is better",
        "",
    ),
    Number(
        "probabilities.calibration_error",
        "Expected calibration error",
        "mean gap between stated probability and share of right answers",
    ),
    Number(
        "risk_coverage.area",
        "Area under risk and coverage",
        "mean share of wrong answers when the most probable answers come first; lower is better",
        "",
    ),
    Number(
        "risk_coverage.rejection.risk",
        "Risk at the rejection threshold",
        'wrong among the images that get an answer; the others get "not sure"',
    ),
    Number("protocol.accuracy", "Accuracy, FER+'s rule", "by the published rule of --protocol"),
    Number("official.accuracy", "Accuracy, official images", "by --protocol"),
    Number("crowd.scores.accuracy", "Accuracy, crowd", "against the annotators' majority"),
    Number("crowd.scores.mean_class_accuracy", "Mean class accuracy, crowd", "against that majority"),
)
"""In the order of every report."""

GAP_HEADS = ("Gap", "Highest", "Lowest", "Difference", "p", "p, Holm")

LEAST_P = 0.0001
"""Smaller p values are printed as less than this."""


def shown_numbers(report: EvalReport) -> Iterator[tuple[Number, Estimate]]:
    """Yield the numbers that were measured and say something new."""
    has = {
        "": True,
        "undetected": report.undetected > 0,
        "copies": report.copies is not None and report.copies.copies.images > 0,
    }
    for number in NUMBERS:
        found = _at(report, number.path)
        if has[number.only_if] and found is not None:
            yield number, found


def _at(report: EvalReport, path: str) -> Estimate | None:
    """Follow a path; None if a part of it was not measured."""
    part: Any = report
    for name in path.split("."):
        part = part and getattr(part, "global_" if name == "global" else name)  # `global` is a keyword
    found: Estimate | None = part
    return found


def points(share: float | None, digits: int = 1) -> str:
    """Write a share in percent, without the unit: ``70.0``; a dash for none."""
    return "-" if share is None else f"{100 * share:.{digits}f}"


def percent(found: Estimate | None, signed: bool = False, digits: int = 1) -> str:
    """Write a share in percent with its interval, without the unit: ``70.0 [39.7, 89.2]``; a dash for none."""
    if found is None:
        return "-"
    sign, (low, high) = "+" if signed else "", found.interval
    return f"{100 * found.value:{sign}.{digits}f} [{100 * low:{sign}.1f}, {100 * high:{sign}.1f}]"


def plain_number(found: Estimate | None, signed: bool = False) -> str:
    """Write a number without a unit with its interval: ``0.700 [0.397, 0.892]``; a dash for none."""
    if found is None:
        return "-"
    sign, (low, high) = "+" if signed else "", found.interval
    return f"{found.value:{sign}.3f} [{low:{sign}.3f}, {high:{sign}.3f}]"


def with_unit(found: Estimate | None, digits: int = 2) -> str:
    """Write a share in percent with its unit and its interval: ``70.00% [39.7, 89.2]``; a dash for none."""
    value, bracket, interval = percent(found, digits=digits).partition(" ")
    return value if found is None else f"{value}%{bracket}{interval}"


def written_spread(found: Spread, unit: float = 100, digits: int = 1, sign: str = "+-") -> str:
    """Write a mean over runs, in percent by default, with the standard deviation if there is one: ``70.1 +- 0.4``."""
    deviation = "" if found.deviation is None else f" {sign} {unit * found.deviation:.{digits}f}"
    return f"{unit * found.mean:.{digits}f}{deviation}"


GROUP_MEASURES = {
    "accuracy": "Accuracy",
    "mean_recall": "Mean recall",
    "missed": "Without a prediction",
    "calibration_error": "Calibration error",
}
"""What is shown of each group, by the field's name."""


def group_rows(grouping: Grouping) -> list[list[str]]:
    """Write the groups of a column: name, images and :data:`GROUP_MEASURES`, a star at those that are small."""
    return [
        [f"{one.name}{' *' if one.is_small else ''}", f"{one.images:,}"]
        + [percent(getattr(one, measure)) for measure in GROUP_MEASURES]
        for one in grouping.groups
    ]


def gap_rows(grouping: Grouping) -> list[list[str]]:
    """Write the gaps of a column: measure, the two groups, their difference in points, p, and p after Holm."""
    return [
        [GROUP_MEASURES[gap.measure], gap.highest, gap.lowest, percent(gap.difference), *map(p_value, gap.p_values)]
        for gap in grouping.gaps
    ]


def group_notes(grouping: Grouping) -> list[str]:
    """Say what the tables of a column leave out."""
    notes = []
    if any(one.is_small for one in grouping.groups):
        notes.append(f"* fewer than {SMALL} images: its numbers say little, and gaps leave it out where they can")
    if grouping.unknown:
        notes.append(f"{counted(grouping.unknown, 'image')} without a value in {grouping.column}")
    return notes


def p_value(value: float) -> str:
    """Write a p value; very small ones are less than :data:`LEAST_P`."""
    return f"< {LEAST_P:.4f}" if value < LEAST_P else f"{value:.4f}"


def written(number: Number, found: Estimate) -> str:
    """Write a number with its interval, in percent if that is its unit."""
    return percent(found) if number.unit == "%" else plain_number(found)
