"""Tables of an evaluation or a comparison for papers, as LaTeX by pandas, with booktabs."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ampnet.checkpoints.model_files import display_name
from ampnet.evaluation.comparison import ContenderScores, Difference, ImageSet, Spread
from ampnet.evaluation.report import EvalReport
from ampnet.evaluation.runs import RunsScores
from ampnet.files.printable import printable
from ampnet.reports.numbers import (
    GAP_HEADS,
    GROUP_MEASURES,
    gap_rows,
    group_rows,
    p_value,
    percent,
    shown_numbers,
    written,
    written_spread,
)

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",  # LaTeX's first font has other characters in the places of these three
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "[": "{[}",  # at the start of a row, it would be an argument of the end of the row above
    **{character: f"\\{character}" for character in "&%$#_{}"},
}


def latex_table(tables: Sequence[pd.DataFrame], caption: str, command: str, version: str) -> str:
    """Lay out tables below each other in one float.

    Args:
        tables: of texts, which are escaped; an interval in square brackets is set small.
        caption: what was measured.
        command: how to measure it again, for a comment.
        version: of ampnet, for a comment.
    """
    parts = [_tabular(table) for table in tables]
    lines = [
        f"% {_comment(command)}",
        f"% ampnet {_comment(version)}; needs \\usepackage{{booktabs}}",
        r"\begin{table}",
        r"\centering",
        f"\\caption{{{escape(caption)}}}",
        "\n\\medskip\n\n".join(parts) + r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    """Escape text for LaTeX, on one line, whole: a caption that lost its middle would still look like one."""
    return "".join(_SPECIAL.get(character, character) for character in printable(text, sys.maxsize))


UNITS = "Shares in percent, with 95% confidence intervals."


def evaluation_latex(report: EvalReport) -> str:
    """Tabulate the classes, and the scores over all of them, with 95% intervals.

    The caption says what was measured, and a comment how to repeat it.
    """
    classes = []
    for known in report.all.classes:
        counts = {"Class": known.name, "Images": f"{known.images:,}"}
        counts |= {"Undetected": f"{known.undetected:,}"} if report.undetected else {}
        rates = {"Recall": known.recall, "Precision": known.precision, "F1": known.f1}
        classes.append(counts | {name: percent(found) for name, found in rates.items()})
    overall = [(number.name, written(number, found)) for number, found in shown_numbers(report)]
    tables = [pd.DataFrame(classes), pd.DataFrame(overall, columns=["Over all classes", ""])]
    for grouping in report.groups:
        heads = [grouping.column, "Images", *GROUP_MEASURES.values()]
        tables.append(pd.DataFrame(group_rows(grouping), columns=heads))
        tables.append(pd.DataFrame(gap_rows(grouping), columns=list(GAP_HEADS)))
    about = report.about
    lost = f", {report.undetected:,} of them without a prediction and counted as errors" if report.undetected else ""
    where = "all images" if about.split == "all" else f"the {about.split} split"
    subject = f"{short_name(about.path)} on {where} of {about.data.resolve().name}"
    return latex_table(
        [table for table in tables if len(table)],
        f"{subject}: {report.all.images:,} images{lost}. {UNITS}{_spread(report.runs)}",
        about.command,
        about.versions.get("ampnet", ""),
    )


def comparison_latex(sets: Sequence[ImageSet], names: Mapping[str, str], about: Mapping[str, Any]) -> str:
    """Tabulate each contender's scores, and the paired differences, on each set of images.

    Args:
        names: of the contenders, by their letters.
        about: ``data``, ``split``, ``command`` and ``versions``, as in compare.json.
    """
    letters = list(names)
    scores = [
        (one.name, f"{one.images:,}", letter, _score(of, "accuracy"), _score(of, "macro_f1"))
        for one in sets
        for letter, of in zip(letters, one.contenders, strict=True)
    ]
    differences = [
        (one.name, f"{letters[pair.second]} - {letters[pair.first]}", *_difference(pair.difference))
        for one in sets
        for pair in one.pairs
    ]
    listed = "; ".join(f"{letter}: {name}" for letter, name in names.items())
    return latex_table(
        [
            pd.DataFrame(scores, columns=["Images", "Number", "Model", "Accuracy", "Macro F1"]),
            pd.DataFrame(differences, columns=["Images", "Difference", "Accuracy", "Macro F1", "McNemar's p, Holm"]),
        ],
        f"{listed}, on the {about['split']} split of {Path(about['data']).name}. {UNITS}",
        about["command"],
        about["versions"].get("ampnet", ""),
    )


def _spread(runs: RunsScores | None) -> str:
    if runs is None or runs.accuracy.deviation is None:
        return ""
    kind = "folds" if runs.folds_sha256 else "seeds"
    spread = written_spread(runs.accuracy, sign="±")
    return f" Accuracy over the {len(runs.runs)} {kind}, with standard deviation: {spread}."


def short_name(checkpoint: Path) -> str:
    """Name a model or a file of predictions in a caption: its run folder, and its file unless that is the best epoch.

    ``checkpoint/run1/best.pt`` is ``run1``, ``checkpoint/run1/last.pt`` is ``run1/last``.
    """
    shown = display_name(checkpoint)
    if shown != str(checkpoint) or checkpoint.suffix == ".csv":
        return checkpoint.stem if shown == str(checkpoint) else shown
    if checkpoint.is_dir():
        return checkpoint.resolve().name
    run = checkpoint.resolve().parent.name
    return run if checkpoint.stem == "best" else f"{run}/{checkpoint.stem}"


def _score(scores: ContenderScores, name: str) -> str:
    """Write the score of a run with its interval, or the mean over runs with the standard deviation."""
    spread: Spread = getattr(scores, name)
    if spread.deviation is not None:
        return written_spread(spread, sign="±")
    return percent(getattr(scores.runs[0], name))


def _difference(found: Difference) -> tuple[str, str, str]:
    test = "-" if found.mcnemar is None else p_value(found.mcnemar.adjusted_p)
    return percent(found.accuracy, signed=True), percent(found.macro_f1, signed=True), test


def _tabular(table: pd.DataFrame) -> str:
    """Set the first column left and the others right."""
    cells = table.map(_cell)
    cells.columns = [escape(str(name)) for name in table.columns]
    text = cells.style.hide(axis="index").to_latex(hrules=True, column_format="l" + "r" * (len(cells.columns) - 1))
    return str(text)


def _cell(text: str) -> str:
    value, bracket, interval = text.partition(" [")
    if not bracket or not interval.endswith("]"):
        return "--" if text == "-" else escape(text)
    return f"{escape(value)} {{\\scriptsize[{escape(interval)}}}"


def _comment(text: str) -> str:
    """Keep text on the line of its comment."""
    return " ".join(text.split())
