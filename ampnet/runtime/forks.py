"""Forked children: locks that threads of the parent held are renewed, and a child ends when its parent has."""

import os
import sys
from collections.abc import Callable
from threading import Event, Lock, Thread

_renewals: list[Callable[[], None]] = []
_forking = Lock()
_opencv_threads = 0


def renew_after_fork(renew: Callable[[], None]) -> None:
    """Register what replaces a lock in each forked child; kept for the life of the process."""
    _renewals.append(renew)


def when_orphaned(parent: int, then: Callable[[], None]) -> None:
    """Watch in a thread whether the parent process has ended: an orphan must not continue to write or answer."""

    def watch() -> None:
        while os.getppid() == parent:
            Event().wait(0.5)
        then()

    Thread(target=watch, daemon=True).start()


def _before_fork() -> None:
    """End OpenCV's pool in the parent: a child that inherits its halves waits for ever, even when it ends it itself.

    ``subprocess`` forks like this, too, where its caller gives a ``preexec_fn``, as Ray does.
    """
    global _opencv_threads
    _forking.acquire()
    if (cv2 := sys.modules.get("cv2")) is not None and hasattr(cv2, "setNumThreads"):
        _opencv_threads = cv2.getNumThreads()
        cv2.setNumThreads(1)


def _go_on_in_parent() -> None:
    if (cv2 := sys.modules.get("cv2")) is not None and _opencv_threads > 1:
        cv2.setNumThreads(_opencv_threads)
    _forking.release()


def _begin_child() -> None:
    """Let torch compute in the child's only thread, as OpenCV does already.

    Torch's pool (GNU OpenMP's) would wait for the parent's threads for ever. A child that is to use several cores is
    started by `spawn`.
    """
    _forking.release()
    if (torch := sys.modules.get("torch")) is not None and hasattr(torch, "set_num_threads"):
        torch.set_num_threads(1)
    for renew in _renewals:
        renew()


os.register_at_fork(before=_before_fork, after_in_parent=_go_on_in_parent, after_in_child=_begin_child)
