"""What `prepare` and `check` found, as tables and lines on stdout."""

from collections.abc import Iterator

from rich.console import RenderableType
from rich.markup import escape

from ampnet.files.printable import counted, one_line, printable
from ampnet.media.alterations import DESCRIPTIONS
from pipelines.check import CheckResult
from pipelines.prepare import PrepareResult
from pipelines.show import Fitting, fitting_table

IMBALANCED = 2.0
"""Ratio of the largest to the smallest class from which it is worth a line."""

STATUSES = ("detected", "retried", "template", "rejected")


def prepare_table(result: PrepareResult) -> Fitting:
    """Show, for each split and class, the images, the outcomes, and the share with a detected face."""
    splits = [split for split in ("train", "val", "test", "") if split in result.counts.table]
    rows, narrow = [], []
    total: dict[str, int] = {}
    for split in splits:
        by_class = result.counts.table[split]
        narrow.append([f"[bold]{split or 'all'}[/]"])
        for name in (name for name in result.class_names if name in by_class):
            cells = [escape(name), *_counts(by_class[name])]
            rows.append([split or "all", *cells])
            narrow.append(cells)
            for status, count in by_class[name].items():
                total[status] = total.get(status, 0) + count
    rows.append(["", "all", *_counts(total)])
    narrow.append(["all", *_counts(total)])
    headers = ("class", "images", *STATUSES, "with a face")
    return Fitting(fitting_table(("split", *headers), rows, text=2), fitting_table(headers, narrow))


def _counts(by_status: dict[str, int]) -> list[str]:
    images = sum(by_status.values())
    found = by_status.get("detected", 0) + by_status.get("retried", 0)
    return [f"{images:,}", *(f"{by_status.get(status, 0):,}" for status in STATUSES), f"{found / images:.2%}"]


def prepare_lines(result: PrepareResult) -> Iterator[RenderableType]:
    """Show the table, what looks wrong, the rate and where everything is."""
    yield prepare_table(result)
    if result.counts.unreadable:
        images = counted(result.counts.unreadable, "image")
        yield escape(f"{images} could not be read, such as {printable(result.counts.first_unreadable)}")
    if result.counts.votes is not None:
        yield result.counts.votes.line()
    if result.check is not None:
        yield from findings(result.check)
    rate = f", {result.images_per_second:.0f} images/s" if result.images_per_second else ""
    yield f"{result.counts.faces:,} faces, crop {result.crop}, {result.seconds:.0f} s{rate}"
    index, images = one_line(result.root / "index"), one_line(result.root / "dataset")
    shown = " (preview.png shows it)" if result.form == "files" else ""
    yield escape(f"index: {index}{shown}, images: {images}")


def check_lines(result: CheckResult) -> Iterator[RenderableType]:
    """Show the table of classes, then a line for everything that looks wrong, leaks first."""
    report = result.report
    rows = []
    for name in next(iter(report.classes.values())):
        coverage = f"{report.coverage[name]:.2%}" if name in report.coverage else ""
        rows.append((escape(name), *(f"{counts[name]:,}" for counts in report.classes.values()), coverage))
    yield fitting_table(("class", *report.classes, "with a face"), rows)
    yield from findings(result)


def findings(result: CheckResult) -> Iterator[str]:
    """List what looks wrong with a data set: leaks between splits first, then signs that its images were changed."""
    report = result.report
    for leak in report.leaks:
        split, other = (
            name if name in report.classes else f"{name} (which training draws)" for name in (leak.split, leak.other)
        )
        have = "has" if leak.images == 1 else "have"
        yield (
            f"[bold red]LEAK[/]: {counted(leak.images, 'image')} of {split} ({leak.share:.1%}) {have} a copy in "
            f"{other}, so results on {leak.split} are partly memorised"
        )
    if report.shared_subjects:
        names = escape(", ".join(list(report.shared_subjects)[:5]))
        yield f"[bold red]LEAK[/]: {len(report.shared_subjects):,} people are in more than one split ({names}, ...)"
    yield from (f"[bold red]CHANGED?[/]: {escape(warning)}" for warning in report.warnings)
    copies = report.exact_copies + report.near_copies
    yield f"copies: {report.exact_copies:,} exact and {report.near_copies:,} near among {report.images:,} images"
    if copies:
        differ = "1 pair has" if report.contradictions == 1 else f"{report.contradictions:,} pairs have"
        yield f"        {differ} different classes" + escape(
            f"; all pairs: {result.pairs_file}, some shown in {result.sheet_file}" if result.pairs_file else ""
        )
    if report.imbalance >= IMBALANCED:
        yield f"balance: the largest class has {report.imbalance:.0f} times the faces of the smallest"
    for what, names_found in (("landmarks outside the frame", report.outside), ("unreadable", report.unreadable)):
        if names_found:
            yield f"{what}: {counted(len(names_found), 'image')}, such as {escape(printable(names_found[0]))}"
    for trait, found in report.traits.items():
        names = escape(", ".join(found.examples[:3]))
        yield f"{trait}: {found.share:.2%} of the images ({found.images:,}) {DESCRIPTIONS[trait]}, such as {names}"
