"""What `ampnet robustness` prints: one table of all conditions, and the corruption errors."""

from collections.abc import Iterator

from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from ampnet.checkpoints.model_files import display_name
from ampnet.evaluation.intervals import Estimate
from ampnet.reports.numbers import percent, points
from ampnet.robustness.scores import CorruptionError
from ampnet.robustness.suite import SEVERITIES
from ampnet.robustness.suite_report import BASELINE, Row
from pipelines.robustness import RobustnessResult
from pipelines.show import Fitting, build_table, fitting_table

SECTIONS: dict[str, str] = {
    "clean": "",
    "corruption": "{}",
    "group": "group means",
    "texture": "by texture",
    "pose": "by {}",
    "subset": "list {}",
}
"""Headings of each kind of row; {} is its group."""

NAME_WIDTH = 22


def robustness_tables(result: RobustnessResult) -> Iterator[RenderableType]:
    """Show the table, the corruption errors and the notes."""
    report = result.report
    mirror = ", mirror-averaged" if report.mirror else ""
    data = f"{report.images:,} faces of {report.split} of {report.data.resolve()}"
    yield escape(f"{display_name(report.checkpoint)} on {data}, seed {report.seed}{mirror}")
    severities = any(row.severity for row in report.rows)
    steps = "at severity 1 to 5 and over all severities" if severities else "of uncorrupted faces"
    yield f"accuracy in %, {steps} (95% interval); the last columns use only some of the modules"
    forms = [(severities, True, True), (severities, True, False), (severities, False, False), (False, False, False)]
    yield Fitting(*(_table(result, *form) for form in forms))
    if report.errors:
        yield _errors(result)
    for note in report.notes:
        yield f"note: {escape(note)}"


def _table(result: RobustnessResult, severities: bool, votes: bool, faces: bool) -> Table:
    """Lay out one row for each corruption and each set of faces.

    Args:
        votes: show the accuracy of each vote, else of all modules and the baseline only.
    """
    report = result.report
    shown = report.votes[1:] if votes else [vote for vote in report.votes[1:] if vote == BASELINE]
    steps = [str(severity) for severity in SEVERITIES] if severities else []
    headers = ["", *(["faces"] if faces else []), *steps, "all modules", "mean\nrecall", *shown]
    lines, title = [], ""
    for row in report.rows:
        if row.severity:
            continue
        heading = SECTIONS[row.kind].format(row.group)
        if heading and heading != title:
            lines.append([f"[bold]{escape(heading)}[/]"])
        title = heading
        every = row.rates[report.all_modules]
        lines.append(
            [
                escape(row.name),
                *([f"{every.images:,}"] if faces else []),
                *((_steps(result, row) or [""] * len(steps)) if severities else []),
                percent(Estimate(every.accuracy, every.interval)),
                f"{100 * every.mean_recall:.1f}",
                *(points(row.rates[vote].accuracy) for vote in shown),
            ]
        )
    table = build_table(headers, lines, "", 1, gap=1)
    table.columns[0].max_width = NAME_WIDTH
    return table


def _steps(result: RobustnessResult, summary: Row) -> list[str]:
    if summary.kind != "corruption":
        return []
    of_name = [row for row in result.report.of_kind("corruption") if row.severity and row.name == summary.name]
    return [points(row.rates[result.report.all_modules].accuracy) for row in of_name]


def _errors(result: RobustnessResult) -> Fitting:
    report = result.report
    headers = ["errors, %", "clean", "mean corruption error", "increase", "ratio to clean"]
    if report.baseline:
        headers += ["mCE", "relative mCE"]
    rows = []
    for vote, error in report.errors.items():
        name = "all modules" if vote == report.all_modules else vote
        rows.append([name, *_error_cells(error), *(_mce_cells(error) if report.baseline else [])])
    return fitting_table(headers, rows)


def _error_cells(error: CorruptionError) -> list[str]:
    mean = percent(Estimate(error.mean, error.mean_interval))
    ratio = "-" if error.ratio is None else f"{error.ratio:.2f}"
    return [f"{100 * error.clean:.1f}", mean, f"{100 * error.increase:+.1f}", ratio]


def _mce_cells(error: CorruptionError) -> list[str]:
    left_out = f" ({error.relative_left_out} left out)" if error.relative_left_out else ""
    relative = "-" if error.relative_mce is None else f"{100 * error.relative_mce:.1f}{left_out}"
    return ["-" if error.mce is None else f"{100 * error.mce:.1f}", relative]
