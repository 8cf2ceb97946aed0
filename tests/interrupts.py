"""Ctrl-C at every line of a module, one after the other."""

import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType, ModuleType
from typing import Any


def interrupted_at_each_line(of: ModuleType, work: Callable[[], object]) -> Iterator[tuple[int, BaseException | None]]:
    """Run a piece of work as often as it executes different lines of a module, with SIGINT at the next line each time.

    Returns:
        Line, and what the work raised.
    """
    done: set[int] = set()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # off where a shell runs tests in the background
    try:
        while True:
            at: list[int] = []

            def trace(frame: FrameType, event: str, _argument: object, at: list[int] = at) -> Any:
                if frame.f_code.co_filename != of.__file__:
                    return None
                if event == "line" and not at and frame.f_lineno not in done:
                    at.append(frame.f_lineno)
                    signal.raise_signal(signal.SIGINT)
                return trace

            earlier, raised = sys.gettrace(), None
            sys.settrace(trace)
            try:
                work()
            except BaseException as error:
                raised = error
            finally:
                sys.settrace(earlier)
            if not at:
                return
            done.update(at)
            yield at[0], raised
    finally:
        signal.signal(signal.SIGINT, before)
