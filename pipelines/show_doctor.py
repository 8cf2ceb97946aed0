"""What `ampnet doctor` found, on the screen."""

from collections.abc import Iterator

from rich.console import RenderableType

from pipelines.doctor import DoctorReport
from pipelines.show import build_table, show

__all__ = ["doctor_lines", "show"]


def doctor_lines(report: DoctorReport) -> Iterator[RenderableType]:
    """Show each section as a table, the golden answers last."""
    for section, facts in report.facts.items():
        yield build_table((section, ""), facts.items(), "", text=2, gap=1)
    rows = [
        (
            check.way,
            "-" if check.largest is None else f"{check.largest:.6f}",
            "-" if check.largest is None else f"{check.changed} of 20",
            check.note or ("right" if check.is_right else "wrong"),
        )
        for check in report.golden
    ]
    yield build_table(("golden answers", "largest difference", "labels changed", ""), rows, "", text=1, gap=1)
    yield from report.advice
    yield "this machine answers as released" if not report.problems else "something is wrong; see the lines below"
