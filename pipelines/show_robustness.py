"""What `ampnet robustness` prints: one table of all conditions, and the corruption errors."""

from collections.abc import Iterator

from rich import box
from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from ampnet.evaluation.robustness.report import BASELINE, Row
from ampnet.evaluation.robustness.scores import CorruptionError, Rate
from ampnet.faces.corruption.names import SEVERITIES
from pipelines.robustness import RobustnessResult
from pipelines.show import Fitting

SECTIONS = {
    "group": "mean of a group",
    "texture": "occlusions, by texture",
    "pose": "clean, by pose",
    "subset": "clean",
}


def robustness_tables(result: RobustnessResult) -> Iterator[RenderableType]:
    """Show the table, the corruption errors and the notes."""
    report = result.report
    mirror = ", mirror-averaged" if report.mirror else ""
    data = f"{report.images:,} faces of {report.split} of {report.data.resolve()}"
    yield escape(f"{report.checkpoint} on {data}, seed {report.seed}{mirror}")
    severities = any(row.severity for row in report.rows)
    yield Fitting(_table(result, severities, True), _table(result, severities, False), _table(result, False, False))
    if report.errors:
        yield _errors(result)
    for note in report.notes:
        yield f"note: {escape(note)}"


def _table(result: RobustnessResult, severities: bool, votes: bool) -> Table:
    """Lay out one row for each corruption and each set of faces.

    Args:
        severities: show the accuracy of each severity.
        votes: show the accuracy of each vote, else of all modules only.
    """
    report = result.report
    shown = report.votes[1:] if votes else [vote for vote in report.votes[1:] if vote == BASELINE]
    table = Table(
        "accuracy, %",
        *(["faces"] if votes else []),
        *([str(severity) for severity in SEVERITIES] if severities else []),
        "all modules",
        "mean recall",
        *shown,
        box=box.SIMPLE_HEAD,
        show_edge=False,
        padding=(0, 1, 0, 0),
    )
    for column in table.columns[1:]:
        column.justify, column.no_wrap = "right", True
    table.columns[0].overflow = "fold"
    title = ""
    for row in report.rows:
        if row.severity:
            continue
        section = (
            f"{SECTIONS[row.kind]} {row.group}" if row.kind in ("pose", "subset") else SECTIONS.get(row.kind, row.group)
        )
        if section.strip() and section != title:
            table.add_row(f"[bold]{escape(section.strip())}[/]")
        title = section
        every = row.rates[report.all_modules]
        steps = [_percent(step.rates[report.all_modules]) for step in _steps(report.rows, row)] if severities else []
        table.add_row(
            escape(row.name),
            *([f"{every.images:,}"] if votes else []),
            *(steps or [""] * len(SEVERITIES) if severities else []),
            f"{100 * every.accuracy:.1f} [{100 * every.interval[0]:.1f}, {100 * every.interval[1]:.1f}]",
            f"{100 * every.mean_recall:.1f}",
            *(_percent(row.rates[vote]) for vote in shown),
        )
    return table


def _steps(rows: tuple[Row, ...], summary: Row) -> list[Row]:
    return [
        row for row in rows if row.kind == summary.kind == "corruption" and row.name == summary.name and row.severity
    ]


def _percent(rate: Rate) -> str:
    return f"{100 * rate.accuracy:.1f}"


def _errors(result: RobustnessResult) -> Table:
    report = result.report
    headers = ["errors, %", "clean", "mean corruption error", "increase", "times the clean error"]
    if report.baseline:
        headers += ["mCE", "relative mCE"]
    table = Table(*headers, box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    for column in table.columns[1:]:
        column.justify = "right"
    for vote, error in report.errors.items():
        name = "all modules" if vote == report.all_modules else vote
        table.add_row(name, *_error_cells(error), *(_mce_cells(error) if report.baseline else []))
    return table


def _error_cells(error: CorruptionError) -> list[str]:
    low, high = error.mean_interval
    mean = f"{100 * error.mean:.1f} [{100 * low:.1f}, {100 * high:.1f}]"
    ratio = "-" if error.ratio is None else f"{error.ratio:.2f}"
    return [f"{100 * error.clean:.1f}", mean, f"{100 * error.increase:+.1f}", ratio]


def _mce_cells(error: CorruptionError) -> list[str]:
    left_out = f" ({error.relative_left_out} left out)" if error.relative_left_out else ""
    relative = "-" if error.relative_mce is None else f"{100 * error.relative_mce:.1f}{left_out}"
    return ["-" if error.mce is None else f"{100 * error.mce:.1f}", relative]
