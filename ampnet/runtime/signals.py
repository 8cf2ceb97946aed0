"""Stopping a run between two steps, so that nothing is undetected."""

import os
import signal
import threading
from types import FrameType

from ampnet.errors import INTERRUPTED
from ampnet.runtime.launch import is_launched

LEAVING_SECONDS = 2
"""How long a stopped process of a launcher waits for its result to be taken, which a stopped launcher never does."""


class StopRequest:
    """Notices SIGINT and SIGTERM, so that a step is finished and saved before the run ends.

    A second SIGINT ends it at once; not in a launcher's process, whom both the terminal and the launcher send one.
    """

    def __init__(self) -> None:
        self.made = False

    def __enter__(self) -> "StopRequest":
        if threading.current_thread() is threading.main_thread():
            self._earlier = {number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in getattr(self, "_earlier", {}).items():
            signal.signal(number, handler)
        if self.made and is_launched():
            leaving = threading.Timer(LEAVING_SECONDS, os._exit, (INTERRUPTED,))
            leaving.daemon = True
            leaving.start()

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if self.made and number == signal.SIGINT and not is_launched():
            raise KeyboardInterrupt
        self.made = True
