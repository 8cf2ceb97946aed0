"""The report of the robustness suite: its rows, and its files."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from ampnet.checkpoints.model_files import display_name
from ampnet.evaluation.intervals import Estimate
from ampnet.files.writing import write_json, write_rows
from ampnet.reports.latex import latex_table, short_name
from ampnet.reports.metrics_file import plain_values
from ampnet.reports.numbers import percent, points
from ampnet.robustness.scores import CorruptionError, Rate

FORMAT, VERSION = "ampnet-robustness", 1

JSON_FILE, CSV_FILE = "robustness.json", "robustness.csv"

RowKind = Literal["clean", "corruption", "group", "texture", "pose", "subset"]

BASELINE = "baseline"
"""Column of the baseline's answers, beside those of the votes."""


@dataclass(frozen=True)
class Row:
    """One set of faces under one condition, or under several together."""

    kind: RowKind
    group: str
    """Group of the corruption; yaw, pitch or roll; file of the subset."""
    name: str
    severity: int
    """1 to 5; 0 for all of a corruption's severities together, and for everything that has none."""
    level: float | None
    """What that severity means, in the unit that docs/robustness.md lists."""
    rates: dict[str, Rate]
    """By vote (``gp+lp+ap``: all modules), then ``baseline`` if there is one."""


@dataclass(frozen=True)
class RobustnessReport:
    """The suite on one checkpoint and one split."""

    checkpoint: Path
    baseline: Path | None
    data: Path
    split: str
    class_names: tuple[str, ...]
    images: int
    """Faces under each corruption."""
    seed: int
    mirror: bool
    prior: str | None
    """As it was requested; None is what the checkpoint was tuned for."""
    subsets: tuple[Path, ...]
    votes: tuple[str, ...]
    """The columns of the rows' rates, all modules first, the baseline last."""
    rows: tuple[Row, ...]
    errors: dict[str, CorruptionError]
    """By vote; empty if nothing was corrupted."""
    plan: dict[str, Any]
    """Everything that decides the numbers."""
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    """Duration of the last session; a resumed run does not know the earlier ones."""
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def all_modules(self) -> str:
        """Name of the vote of all modules."""
        return self.votes[0]

    def of_kind(self, kind: RowKind) -> tuple[Row, ...]:
        """Select the rows of one kind."""
        return tuple(row for row in self.rows if row.kind == kind)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values for JSON; rates and errors are shares in [0, 1]."""
        about = {"format": FORMAT, "version": VERSION, **plain_values(self)}
        return about | {"seconds": round(self.seconds, 1)}


CSV_COLUMNS = (
    *("kind", "group", "name", "severity", "level", "vote", "images", "accuracy", "low", "high", "mean_recall"),
)


def _lines(report: RobustnessReport) -> Iterator[list[object]]:
    for row in report.rows:
        level = "" if row.level is None else float(row.level)
        for vote, rate in row.rates.items():
            shares = (round(share, 6) for share in (rate.accuracy, *rate.interval, rate.mean_recall))
            yield [row.kind, row.group, row.name, row.severity or "", level, vote, rate.images, *shares]


def write_files(folder: Path, report: RobustnessReport) -> None:
    """Write robustness.csv, then robustness.json, whose presence marks a complete report.

    Raises:
        DataError: a file cannot be written.
    """
    write_rows(folder / CSV_FILE, CSV_COLUMNS, _lines(report))
    write_json(folder / JSON_FILE, report.to_dict())


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
    command += ["--prior", report.prior] if report.prior else []
    command += [word for path in report.subsets for word in ("--subset", str(path))]
    return latex_table(
        [table for table in (*tables, pd.DataFrame(errors)) if len(table)],
        f"{short_name(report.checkpoint)} on {faces}. In percent, with 95% confidence intervals.",
        shlex.join(command),
        report.versions.get("ampnet", ""),
    )


def _row(row: Row, heading: str, report: RobustnessReport) -> dict[str, str]:
    name = f"{row.group}, {row.name}" if row.kind in ("pose", "subset") else row.name
    every = row.rates[report.all_modules]
    cells = {
        heading: name,
        "Faces": f"{every.images:,}",
        "Accuracy": percent(Estimate(every.accuracy, every.interval)),
        "Mean recall": f"{100 * every.mean_recall:.1f}",
    }
    return cells | {vote: f"{100 * row.rates[vote].accuracy:.1f}" for vote in report.votes[1:]}


def _errors(vote: str, error: CorruptionError, report: RobustnessReport) -> dict[str, str]:
    cells = {
        "Errors": "all modules" if vote == report.all_modules else vote,
        "Clean": f"{100 * error.clean:.1f}",
        "Mean corruption error": percent(Estimate(error.mean, error.mean_interval)),
        "Increase": f"{100 * error.increase:+.1f}",
    }
    if BASELINE in report.votes:
        cells |= {"mCE": points(error.mce), "Relative mCE": points(error.relative_mce)}
    return cells
