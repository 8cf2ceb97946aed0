"""The table of a report for a paper: LaTeX, with the package booktabs."""

from collections.abc import Sequence

from ampnet.evaluation.intervals import Estimate
from ampnet.evaluation.report import EvalReport
from ampnet.files.printable import printable

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}


def latex_table(report: EvalReport) -> str:
    """Return a table of the classes and of the scores over all of them, in percent, with 95% intervals.

    Class names are escaped; the caption says what was measured, and a comment how to repeat it.
    """
    with_lost = report.undetected > 0
    headers = ["Class", "Images", *(["Undetected"] if with_lost else []), "Recall", "Precision", "F1"]
    rows = []
    for known in report.all.classes:
        counts = [_count(known.images), *([_count(known.undetected)] if with_lost else [])]
        rows.append([escape(known.name), *counts, *map(_percent, (known.recall, known.precision, known.f1))])
    span = len(headers) - 1
    overall = [f"\\multicolumn{{{span}}}{{l}}{{{name}}} & {value}" for name, value in _overall(report)]
    lines = [
        f"% {_comment(report.about.command)}",
        f"% ampnet {_comment(report.about.versions.get('ampnet', ''))}; needs \\usepackage{{booktabs}}",
        r"\begin{table}",
        r"  \centering",
        f"  \\caption{{{_caption(report)}}}",
        f"  \\begin{{tabular}}{{l{'r' * span}}}",
        r"    \toprule",
        f"    {_row(headers)}",
        r"    \midrule",
        *(f"    {_row(row)}" for row in rows),
        r"    \midrule",
        *(f"    {line} \\\\" for line in overall),
        r"    \bottomrule",
        r"  \end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    """Escape text for LaTeX, on one line."""
    return "".join(_SPECIAL.get(character, character) for character in printable(text))


def _overall(report: EvalReport) -> list[tuple[str, str]]:
    scores = report.all
    rows: list[tuple[str, Estimate | None]] = [("Accuracy", scores.accuracy)]
    if report.undetected and report.scored:
        rows.append(("Accuracy, images with a prediction", report.scored.accuracy))
    if report.copies and report.copies.copies.images:
        rows.append(("Accuracy without copies of training images", report.copies.without_copies.accuracy))
    rows += [("Accuracy, top 2", report.top2)] if report.top2 else []
    rows += [
        ("Mean class accuracy", scores.mean_class_accuracy),
        ("Macro F1", scores.macro_f1),
        ("Weighted F1", scores.weighted_f1),
    ]
    if report.crowd and report.crowd.scores:
        rows.append(("Accuracy on the annotators' majority", report.crowd.scores.accuracy))
    written = [(name, _percent(found)) for name, found in rows]
    written += [("Cohen's $\\kappa$", _number(scores.kappa)), ("Matthews correlation", _number(scores.matthews))]
    if report.probabilities:
        written.append(("Expected calibration error", _percent(report.probabilities.calibration_error)))
    return written


def _caption(report: EvalReport) -> str:
    about = report.about
    what = escape(f"{about.path.stem} on the {about.split} split of {about.data.resolve().name}")
    lost = f", {report.undetected:,} of them without a prediction and counted as errors" if report.undetected else ""
    return f"{what}: {report.all.images:,} images{lost}. In percent, with 95\\,\\% confidence intervals."


def _row(cells: Sequence[str]) -> str:
    return f"{' & '.join(cells)} \\\\"


def _count(count: int) -> str:
    return f"{count:,}"


def _percent(found: Estimate | None) -> str:
    if found is None:
        return "--"
    low, high = found.interval
    return f"{100 * found.value:.1f} {{\\scriptsize[{100 * low:.1f}, {100 * high:.1f}]}}"


def _number(found: Estimate | None) -> str:
    if found is None:
        return "--"
    low, high = found.interval
    return f"{found.value:.3f} {{\\scriptsize[{low:.3f}, {high:.3f}]}}"


def _comment(text: str) -> str:
    """Keep text on the line of its comment."""
    return " ".join(text.split())
