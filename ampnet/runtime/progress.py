"""Progress reporting by callbacks; the library itself prints nothing."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Advance(Protocol):
    """Callback after each finished item of work."""

    def __call__(self, count: int = 1, note: str = "", more: int = 0) -> None:
        """Add ``count`` finished items.

        Args:
            note: replaces the text after the bar (loss, accuracy).
            more: items that turned out to be there as well, such as the frames of a video; added to the total.
        """


class ProgressBar(Protocol):
    """``bar(title, total)`` opens a progress bar; pipelines pass a rich one, tests and library users a silent one."""

    def __call__(self, title: str, total: int, done: int = 0, /) -> AbstractContextManager[Advance]:
        """Open it.

        Args:
            done: items of an earlier run, by which neither the rate nor the time left is measured.
        """


def ignore_progress(count: int = 1, note: str = "", more: int = 0) -> None:
    """Ignore finished items."""


@contextmanager
def silent(_title: str, _total: int, _done: int = 0) -> Iterator[Advance]:
    """Show nothing."""
    yield ignore_progress


def for_all(advance: Advance, processes: int) -> Advance:
    """Let one process show the progress of all, whose parts of the work differ by one item at most."""

    def advance_all(count: int = 1, note: str = "", more: int = 0) -> None:
        advance(processes * count, note, processes * more)

    return advance_all
