"""What a forked child must not use: threads of its parent, which do not exist in it, and locks that they held."""

import os
import sys
from collections.abc import Callable

_renewals: list[Callable[[], None]] = []


def renew_after_fork(renew: Callable[[], None]) -> None:
    """Register what replaces a lock in each forked child; kept for the life of the process."""
    _renewals.append(renew)


def _begin_child() -> None:
    """Let torch and OpenCV compute in the child's only thread.

    Their pools (GNU OpenMP's in torch) would wait for the parent's threads for ever. A child that is to use several
    cores is started by `spawn`.
    """
    if (torch := sys.modules.get("torch")) is not None:
        torch.set_num_threads(1)
    if (cv2 := sys.modules.get("cv2")) is not None:
        cv2.setNumThreads(1)
    for renew in _renewals:
        renew()


os.register_at_fork(after_in_child=_begin_child)
