"""What tests do with real processes."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def heeding_ctrl_c() -> Iterator[None]:
    """Child processes notice SIGINT even where a shell began the tests in the background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def trainers_of(launcher: int) -> list[int]:
    """Give the numbers of the training processes that a process has begun."""
    children = Path(f"/proc/{launcher}/task/{launcher}/children").read_text().split()
    return [
        int(child) for child in children if "spawn_main" in Path(f"/proc/{child}/cmdline").read_text(errors="replace")
    ]
