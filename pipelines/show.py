"""What the commands found, as tables and lines on stdout; a table has a narrow form for narrow terminals."""

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

from ampnet.files.printable import counted, one_line, printable
from ampnet.results.photo_result import PhotoResult
from ampnet.results.results import Predictions, VideoSummary

PLAIN_WIDTH = 120
"""Columns where stdout is not a terminal and COLUMNS is not set."""

LEAST_SHOWN = 0.005
"""Scores that round to less than one percent stay out of the screen's table."""

LONGEST_PATH = 4096
"""Maximum length of a path on the screen: a path is shown whole, so that it can be copied."""

OTHERS_WIDTH = 36
"""Columns for the scores of the classes that were not chosen."""


def show(results: Iterable[RenderableType]) -> None:
    """Print tables and lines on stdout; the terminal wraps lines, so that paths can be copied."""
    console = Console(highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console = Console(highlight=False, width=PLAIN_WIDTH)
    for result in results:
        console.print(result, soft_wrap=isinstance(result, str))


def safe(text: object) -> str:
    """Escape untrusted text for a table or a line."""
    return escape(printable(text, limit=1000))


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
    """Show the table of the first files, then the counts of all."""
    if result.files:
        yield prediction_table(result)
    if result.earlier:
        yield f"{result.earlier:,} photos and frames were already done and are in the file"
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
    headings = ("image", "face", "box (x0 y0 x1 y1)", "expression", "prob.", "other scores", "warnings")
    has_warnings = any(row[-1] for row in rows)
    table = Table(
        *headings[: None if has_warnings else -1], title=escape(f"model: {result.model}"), title_justify="left"
    )
    table.columns[4].justify = "right"
    table.columns[5].max_width = OTHERS_WIDTH
    lines: list[RenderableType] = [Text(f"model: {result.model}", style="italic")]
    for row in rows:
        table.add_row(*(escape(cell) for cell in row[: len(table.columns)]))
        path, face, place, *answer, others, warnings = row
        lines += [Text(path, overflow="fold")] if path else []
        lines.append(Text(" ".join(part for part in (face.rjust(3), *answer) if part), style="bold"))
        lines += [Padding(Text(part), (0, 0, 0, 4), expand=False) for part in (place, others, warnings) if part]
    return Fitting(table, Group(*lines))


def _photo_rows(photo: PhotoResult) -> Iterator[tuple[str, ...]]:
    path = printable(photo.name, LONGEST_PATH)
    if not photo:
        yield path, "-", "", "cannot be read" if photo.problem else "no face found", "", "", ""
    for number, prediction in enumerate(photo, start=1):
        place = " ".join(f"{edge:.0f}" for edge in prediction.box)
        if prediction.is_sure:
            answer = printable(prediction.label), f"{prediction.probability:.1%}", _others(prediction.scores)
        else:
            answer = prediction.answer, "", _shares(prediction.scores)
        yield path if number == 1 else "", str(number), place, *answer, printable("; ".join(prediction.warnings))


def _video_row(video: VideoSummary) -> tuple[str, ...]:
    """Sum a video up: the mean scores of all its faces."""
    path = printable(video.name, LONGEST_PATH)
    seen = f"{counted(video.frames, 'frame')}, {video.frames_with_faces:,} with faces"
    if not video.faces:
        return path, "-", seen, "no face found", "", "", ""
    mean = video.mean_scores()
    best = max(mean, key=lambda name: mean[name])
    return path, f"{video.faces}", seen, f"{printable(best)} (mean)", f"{mean[best]:.1%}", _others(mean), ""


def _others(scores: dict[str, float]) -> str:
    return _shares(scores, skip=1)


def _shares(scores: dict[str, float], skip: int = 0) -> str:
    """List scores from high to low, without the first ``skip``."""
    ranked = sorted(scores.items(), key=lambda item: -item[1])[skip:]
    return ", ".join(f"{printable(name)} {share:.0%}" for name, share in ranked if share >= LEAST_SHOWN)
