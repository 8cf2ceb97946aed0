"""Stops a run between two steps, so that everything learned until then is saved.

While a :class:`StopRequest` is open, in a process that no launcher started:

| event         | what happens                                                             | exit code |
|---------------|--------------------------------------------------------------------------|-----------|
| Ctrl-C once   | the step is finished and saved                                           | 130       |
| Ctrl-C twice  | it ends at once, wherever it is; the last save stays                     | 130       |
| SIGTERM       | as Ctrl-C once, however often it comes                                   | 130       |
| SIGKILL, or   | it ends at once; the last save stays                                     | 137       |
| out of memory |                                                                          |           |

In a process of :func:`ampnet.runtime.launch.launch` or of torchrun, whom both the terminal and the launcher send a
Ctrl-C, any number of either is one request. It ends :data:`LEAVING_SECONDS` after its work, with 130, even where the
launcher has stopped listening. What the launcher does meanwhile is told in :mod:`ampnet.runtime.launch`.

Processes that load images ignore all of this (:mod:`ampnet.data.loading.dataset`): they are in a process group of
their own, and end with the process that they load for.
"""

import os
import signal
import threading
from types import FrameType

from ampnet.errors import INTERRUPTED
from ampnet.runtime.launch import is_launched

LEAVING_SECONDS = 2
"""How long a stopped process of a launcher waits for its result to be taken, which a stopped launcher never does."""


class StopRequest:
    """Notes SIGINT and SIGTERM in ``made``, for the loop to look at after each step; handlers come back at its end."""

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
