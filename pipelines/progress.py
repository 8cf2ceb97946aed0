"""What a command shows while it works, on stderr: live bars on a terminal, plain lines elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from ampnet.files.printable import MAX_LINE, printable
from ampnet.runtime.progress import Advance, ProgressBar, silent

PLAIN_LINE_SECONDS = 10.0
"""Minimum time between two progress lines where stderr is not a terminal."""


class Notices(Console):
    """Prints each text as one bounded line of stderr, in which a file name cannot hide a command to the terminal."""

    def __init__(self, quiet: bool) -> None:
        super().__init__(stderr=True, quiet=quiet, highlight=False, markup=False, emoji=False, soft_wrap=True)

    def print(self, *objects: Any, **options: Any) -> None:
        """Print; see :meth:`rich.console.Console.print`."""
        super().print(*(printable(item, MAX_LINE) if isinstance(item, str) else item for item in objects), **options)


def notices(quiet: bool = False) -> Console:
    """Open the console for progress and notices (stderr); a quiet one drops everything."""
    return Notices(quiet)


def progress_bar(console: Console) -> ProgressBar:
    """Choose how progress is shown: a live bar on a terminal, a line every ten seconds elsewhere, or nothing."""
    if console.quiet:
        return silent
    return _live_bar(console) if console.is_terminal else _plain_lines(console)


class _RateColumn(TextColumn):
    def __init__(self) -> None:
        super().__init__("")

    def render(self, task: object) -> Text:
        speed = getattr(task, "speed", None)
        return Text("" if speed is None else f"{speed:.1f}/s")


def _live_bar(console: Console) -> ProgressBar:
    @contextmanager
    def bar(title: str, total: int, done: int = 0) -> Iterator[Advance]:
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            _RateColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}", markup=False),
        )
        with Progress(*columns, console=console, transient=True) as progress:
            task = progress.add_task(printable(title), total=total, completed=done, note="")

            def advance(count: int = 1, note: str = "", more: int = 0) -> None:
                nonlocal total
                total = max(total + more, round(progress.tasks[0].completed) + count)  # a problem counts as a frame
                progress.update(task, advance=count, note=printable(note), total=total)

            yield advance

    return bar


def _plain_lines(console: Console) -> ProgressBar:
    @contextmanager
    def bar(title: str, total: int, done: int = 0) -> Iterator[Advance]:
        start = last = time.monotonic()
        earlier, latest = done, ""

        def line() -> None:
            elapsed = max(time.monotonic() - start, 1e-9)
            rate = (done - earlier) / elapsed
            left = f", {(total - done) / rate:.0f} s left" if rate else ""
            console.print(f"{title}: {done}/{total}, {rate:.1f}/s{left}{latest and f', {latest}'}")

        def advance(count: int = 1, note: str = "", more: int = 0) -> None:
            nonlocal done, last, latest, total
            done, latest, total = done + count, note, max(total + more, done + count)
            if time.monotonic() - last >= PLAIN_LINE_SECONDS:
                last = time.monotonic()
                line()

        yield advance
        line()

    return bar
