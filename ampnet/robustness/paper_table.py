"""The robustness suite as tables for a paper."""

import shlex

import pandas as pd

from ampnet.checkpoints.bundled import display_name
from ampnet.reports.latex import latex_table
from ampnet.reports.paper_tables import short_name
from ampnet.robustness.report import BASELINE, RobustnessReport, Row
from ampnet.robustness.scores import CorruptionError

LATEX_FILE = "robustness.tex"

PARTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Over all severities", ("clean", "corruption", "group")),
    ("By texture", ("texture",)),
    ("By pose", ("pose",)),
    ("Lists", ("subset",)),
)
"""Heading of each table, and the kinds of its rows."""


def robustness_latex(report: RobustnessReport) -> str:
    """Tabulate accuracy under each condition and with each vote, then the corruption errors, all in percent."""
    tables = [
        pd.DataFrame([_row(row, heading, report) for row in report.rows if row.kind in kinds and not row.severity])
        for heading, kinds in PARTS
    ]
    errors = [_errors(vote, error, report) for vote, error in report.errors.items()]
    faces = f"{report.images:,} faces of the {report.split} split of {report.data.resolve().name}"
    command = ["ampnet", "robustness", display_name(report.checkpoint), "--data", str(report.data)]
    command += ["--split", report.split, "--images", str(report.images), "--seed", str(report.seed)]
    command += ["--corruptions", ",".join(report.plan.get("corruptions", [])) or "none"]
    command += ["--baseline", display_name(report.baseline)] if report.baseline else []
    command += ["--mirror"] if report.mirror else []
    return latex_table(
        [table for table in (*tables, pd.DataFrame(errors)) if len(table)],
        f"{short_name(report.checkpoint)} on {faces}. In percent, with 95% confidence intervals.",
        shlex.join(command),
        report.versions.get("ampnet", ""),
    )


def _row(row: Row, heading: str, report: RobustnessReport) -> dict[str, str]:
    name = f"{row.group}, {row.name}" if row.kind in ("pose", "subset") else row.name
    every = row.rates[report.all_modules]
    low, high = every.interval
    cells = {
        heading: name,
        "Faces": f"{every.images:,}",
        "Accuracy": f"{100 * every.accuracy:.1f} [{100 * low:.1f}, {100 * high:.1f}]",
        "Mean recall": f"{100 * every.mean_recall:.1f}",
    }
    return cells | {vote: f"{100 * row.rates[vote].accuracy:.1f}" for vote in report.votes[1:]}


def _errors(vote: str, error: CorruptionError, report: RobustnessReport) -> dict[str, str]:
    low, high = error.mean_interval
    cells = {
        "Errors": "all modules" if vote == report.all_modules else vote,
        "Clean": f"{100 * error.clean:.1f}",
        "Mean corruption error": f"{100 * error.mean:.1f} [{100 * low:.1f}, {100 * high:.1f}]",
        "Increase": f"{100 * error.increase:+.1f}",
    }
    if BASELINE in report.votes:
        cells |= {"mCE": _percent(error.mce), "Relative mCE": _percent(error.relative_mce)}
    return cells


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"
