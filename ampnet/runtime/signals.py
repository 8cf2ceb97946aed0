"""Stopping a run between two steps, so that all progress is saved.

While a :class:`StopRequest` is open, in a process without a launcher:

| event         | what happens                                              | exit code |
|---------------|-----------------------------------------------------------|-----------|
| Ctrl-C once   | the current step is finished and saved                    | 130       |
| Ctrl-C twice  | the process exits at once; the last save is kept          | 130       |
| SIGTERM       | as Ctrl-C once, however often it is sent                  | 130       |
| SIGKILL, or   | the process ends at once; the last save is kept           | 137       |
| out of memory |                                                           |           |

A process of :func:`ampnet.runtime.launch.launch` or torchrun receives a Ctrl-C from both the terminal and the launcher,
so any number of them count as one request. It exits with 130, at most :data:`LEAVING_SECONDS` after its work is done,
even if the launcher has stopped listening. For the launcher's behaviour, see :mod:`ampnet.runtime.launch`.

Loader workers ignore all of this (:mod:`ampnet.dataset.loading.dataset`): they have their own process group, and
end with the process that they load for.
"""

import os
import signal
import threading
from types import FrameType

from ampnet.errors import INTERRUPTED
from ampnet.runtime.launch import is_launched

LEAVING_SECONDS = 2
"""Time that a stopped process waits for its launcher to collect the result, which a stopped launcher never does."""


class StopRequest:
    """Records SIGINT and SIGTERM in ``made``, which the loop checks after each step; restores the handlers on exit."""

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
