"""What prepare and check found, as tables for a terminal."""

from collections.abc import Iterator

from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from ampnet.data.quality.photographs import DESCRIPTIONS
from pipelines.check import CheckResult
from pipelines.prepare import PrepareResult

STATUSES = ("detected", "retried", "template", "rejected")

IMBALANCED = 2.0
"""Ratio of the largest to the smallest class from which it is worth a line."""


def prepare_table(result: PrepareResult) -> Table:
    """Show, for each split and class, the images, what became of them, and the share with a detected face."""
    table = Table("split", "class", "images", *STATUSES, "with a face")
    for column in table.columns[2:]:
        column.justify = "right"
    for cells in _rows(result):
        table.add_row(*cells)
    return table


def prepare_lines(result: PrepareResult) -> Iterator[RenderableType]:
    """Show the table, the rate and where everything is."""
    yield prepare_table(result)
    if result.counts.votes is not None:
        yield result.counts.votes.line()
    if result.check is not None:
        yield from findings(result.check)
    rate = f", {result.images_per_second:.0f} images/s" if result.images_per_second else ""
    yield f"{result.counts.faces:,} faces, crop {result.crop}, {result.seconds:.0f} s{rate}"
    yield escape(f"index: {result.root / 'index'} (preview.png shows it), images: {result.root / 'dataset'}")


def check_lines(result: CheckResult) -> Iterator[RenderableType]:
    """Show the table of classes, then a line for everything that looks wrong, leaks first."""
    report = result.report
    table = Table("class", *report.classes, "with a face")
    for column in table.columns[1:]:
        column.justify = "right"
    for name in next(iter(report.classes.values())):
        coverage = f"{report.coverage[name]:.2%}" if name in report.coverage else ""
        table.add_row(escape(name), *(f"{counts[name]:,}" for counts in report.classes.values()), coverage)
    yield table
    yield from findings(result)


def findings(result: CheckResult) -> Iterator[str]:
    """Say what looks wrong with a data set: leaks between splits, then doubts about its origin, come first."""
    report = result.report
    for leak in report.leaks:
        yield (
            f"[bold red]LEAK[/]: {leak.images:,} images of {leak.split} ({leak.share:.1%}) "
            f"have a copy in {leak.other}, so results on {leak.split} are partly memory"
        )
    if report.shared_subjects:
        names = escape(", ".join(list(report.shared_subjects)[:5]))
        yield f"[bold red]LEAK[/]: {len(report.shared_subjects):,} people are in more than one split ({names}, ...)"
    yield from (f"[bold red]CHANGED?[/]: {escape(warning)}" for warning in report.warnings)
    copies = report.exact_copies + report.near_copies
    yield f"copies: {report.exact_copies:,} exact and {report.near_copies:,} near ones among {report.images:,} images"
    if copies:
        yield f"        {report.contradictions:,} pairs of copies have different classes; all pairs: " + escape(
            f"{result.pairs_file}, some shown in {result.sheet_file}"
        )
    if report.imbalance >= IMBALANCED:
        yield f"balance: the largest class has {report.imbalance:.0f} times the faces of the smallest"
    for what, names_found in (("landmarks outside the frame", report.outside), ("unreadable", report.unreadable)):
        if names_found:
            yield f"{what}: {len(names_found):,} images, such as {escape(names_found[0])}"
    for trait, found in report.traits.items():
        names = escape(", ".join(found.examples[:3]))
        yield f"{trait}: {found.images:,} images ({found.share:.2%}) {DESCRIPTIONS[trait]}, such as {names}"


def _rows(result: PrepareResult) -> Iterator[list[str]]:
    table = result.counts.table
    splits = [split for split in ("train", "val", "test", "") if split in table]
    for split in splits:
        for name in result.class_names:
            if name in table[split]:
                yield [split or "all", escape(name), *_cells(table[split][name])]
    total: dict[str, int] = {}
    for classes in table.values():
        for by_status in classes.values():
            for status, count in by_status.items():
                total[status] = total.get(status, 0) + count
    yield ["", "all", *_cells(total)]


def _cells(by_status: dict[str, int]) -> list[str]:
    images = sum(by_status.values())
    found = by_status.get("detected", 0) + by_status.get("retried", 0)
    return [f"{images:,}", *(f"{by_status.get(status, 0):,}" for status in STATUSES), f"{found / images:.2%}"]
