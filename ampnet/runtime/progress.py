"""How long work tells that it moves on; the library itself prints nothing."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Advance(Protocol):
    """Called after each finished piece of work."""

    def __call__(self, count: int = 1, note: str = "") -> None:
        """Add ``count`` finished pieces; ``note`` replaces the text behind the bar (loss, accuracy)."""


ProgressBar = Callable[[str, int], AbstractContextManager[Advance]]
"""``bar(title, total)`` opens one bar; a pipeline passes a rich one, tests and libraries the silent one."""


def ignore_progress(count: int = 1, note: str = "") -> None:
    """Do nothing with a finished piece."""


@contextmanager
def silent(_title: str, _total: int) -> Iterator[Advance]:
    """Show nothing."""
    yield ignore_progress
