"""What the commands found, as tables and lines on stdout; a table has a narrow form where the terminal asks for it."""

import os
from collections.abc import Iterable, Iterator, Sequence
from textwrap import fill

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.markup import escape
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ampnet.data.quality.photographs import DESCRIPTIONS
from ampnet.media.printable import one_line, printable
from ampnet.prediction.results import ImagePredictions, Predictions, VideoSummary
from pipelines.check import CheckResult
from pipelines.prepare import PrepareResult

PLAIN_WIDTH = 120
"""Columns where stdout is not a terminal and COLUMNS is not set."""

LEAST_SHOWN = 0.005
"""Scores that round to less than one percent stay out of the screen's table."""

IMBALANCED = 2.0
"""Ratio of the largest to the smallest class from which it is worth a line."""

LONGEST_PATH = 4096
"""Longest path on the screen: a path is shown whole, so that it can be copied."""

OTHERS_WIDTH = 36
"""Columns for the scores of the classes that were not chosen."""

STATUSES = ("detected", "retried", "template", "rejected")


def show(results: Iterable[RenderableType]) -> None:
    """Print tables and lines on stdout; the terminal wraps lines, so that paths can be copied."""
    console = Console(highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console = Console(highlight=False, width=PLAIN_WIDTH)
    for result in results:
        console.print(result, soft_wrap=isinstance(result, str))


class Fitting:
    """The first of several forms of one table that needs no more than the console's width; else the last."""

    def __init__(self, *forms: RenderableType) -> None:
        self._forms = forms

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement.get(console, options, self._forms[-1])

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        unlimited = options.update(max_width=10_000)
        for form in self._forms[:-1]:
            if Measurement.get(console, unlimited, form).maximum <= options.max_width:
                yield form
                return
        yield self._forms[-1]


def build_table(headers: Sequence[str], rows: Iterable[Sequence[str]], title: str, text: int, gap: int = -1) -> Table:
    """Lay out a table whose first columns, ``text`` of them, are text, the others numbers; it cuts no word.

    Args:
        gap: spaces between columns, and no grid; -1 draws one.
    """
    table = Table(*headers, title=title or None, title_justify="left")
    if gap >= 0:
        table.box, table.show_edge, table.padding = box.SIMPLE_HEAD, False, (0, gap, 0, 0)
        table.title = title and f"\n{title}"
    for number, column in enumerate(table.columns):
        column.overflow = "fold"
        column.justify = "left" if number < text else "right"
        column.no_wrap = gap >= 0 and number >= text  # what is missing is taken from the names
    for cells in rows:
        table.add_row(*cells)
    return table


def fitting_table(headers: Sequence[str], rows: Sequence[Sequence[str]], title: str = "", text: int = 1) -> Fitting:
    """Lay out a table with a grid, without one, and with headers and intervals on two lines.

    Args:
        text: the first columns are text, this many; the others are numbers.
    """
    two_lines = [
        *headers[:text],
        *(fill(header, len(header) // 2 + 1, break_long_words=False) for header in headers[text:]),
    ]
    stacked = [[cell.replace(" [", "\n[") for cell in row] for row in rows]
    return Fitting(
        build_table(headers, rows, title, text),
        build_table(headers, rows, title, text, gap=1),
        build_table(two_lines, stacked, title, text, gap=0),
    )


def prediction_lines(result: Predictions) -> Iterator[RenderableType]:
    """Show the table of the first files, then what is left to say about all of them."""
    if result.files:
        yield prediction_table(result)
    if result.earlier:
        yield f"{result.earlier:,} photos and frames were done before, and are in the file already"
    if result.files > len(result.listed):
        faces = sum(result.labels.values())
        shares = ", ".join(
            f"{escape(one_line(name))} {count / faces:.0%}" for name, count in result.labels.most_common()
        )
        yield f"{result.files:,} files, of which the first {len(result.listed)} are shown: {faces:,} faces; {shares}"


def prediction_table(result: Predictions) -> Fitting:
    """Show each photo's faces with box, class, probability and the other classes' scores; videos as a whole."""
    rows: list[tuple[str, ...]] = []
    for entry in result.listed:
        rows += [_video_row(entry)] if isinstance(entry, VideoSummary) else _photo_rows(entry)
    table = Table("image", "face", "box (x0 y0 x1 y1)", "expression", "prob.", "other scores")
    table.columns[4].justify = "right"
    table.columns[5].max_width = OTHERS_WIDTH
    lines: list[RenderableType] = []
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
        path, face, place, *answer, others = row
        lines += [Text(path, overflow="fold")] if path else []
        lines.append(Text(" ".join(part for part in (face.rjust(3), *answer) if part), style="bold"))
        lines += [Padding(Text(part), (0, 0, 0, 4)) for part in (place, others) if part]
    return Fitting(table, Group(*lines))


def _photo_rows(photo: ImagePredictions) -> Iterator[tuple[str, ...]]:
    path = printable(photo.path, LONGEST_PATH)
    if not photo.faces:
        yield path, "-", "", "cannot be read" if photo.problem else "no face found", "", ""
    for number, prediction in enumerate(photo.faces, start=1):
        place = " ".join(f"{edge:.0f}" for edge in prediction.face.box)
        if prediction.is_sure:
            answer = printable(prediction.label), f"{prediction.probability:.1%}", _others(prediction.scores)
        else:
            answer = prediction.answer, "", _shares(prediction.scores)
        yield path if number == 1 else "", str(number), place, *answer


def _video_row(video: VideoSummary) -> tuple[str, ...]:
    """Sum a video up: the mean scores of all its faces."""
    path, seen = printable(video.path, LONGEST_PATH), f"{video.frames:,} frames, {video.frames_with_faces:,} with faces"
    if not video.faces:
        return path, "-", seen, "no face found", "", ""
    mean = video.mean_scores()
    best = max(mean, key=lambda name: mean[name])
    return path, f"{video.faces}", seen, f"{printable(best)} (mean)", f"{mean[best]:.1%}", _others(mean)


def _others(scores: dict[str, float]) -> str:
    return _shares(scores, skip=1)


def _shares(scores: dict[str, float], skip: int = 0) -> str:
    """List scores from high to low, without the first ``skip``."""
    ranked = sorted(scores.items(), key=lambda item: -item[1])[skip:]
    return ", ".join(f"{printable(name)} {share:.0%}" for name, share in ranked if share >= LEAST_SHOWN)


def prepare_table(result: PrepareResult) -> Fitting:
    """Show, for each split and class, the images, what became of them, and the share with a detected face."""
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
    rows = []
    for name in next(iter(report.classes.values())):
        coverage = f"{report.coverage[name]:.2%}" if name in report.coverage else ""
        rows.append((escape(name), *(f"{counts[name]:,}" for counts in report.classes.values()), coverage))
    yield fitting_table(("class", *report.classes, "with a face"), rows)
    yield from findings(result)


def findings(result: CheckResult) -> Iterator[str]:
    """Say what looks wrong with a data set: leaks between splits first, then signs that its images were changed."""
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
            yield f"{what}: {len(names_found):,} images, such as {escape(printable(names_found[0]))}"
    for trait, found in report.traits.items():
        names = escape(", ".join(found.examples[:3]))
        yield f"{trait}: {found.images:,} images ({found.share:.2%}) {DESCRIPTIONS[trait]}, such as {names}"
