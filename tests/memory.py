"""How much memory a block of code adds to this process's peak."""

import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_UNIT = 1 if sys.platform == "darwin" else 1024


@contextmanager
def takes_at_most(megabytes: int) -> Iterator[None]:
    """Fail if the block raises the peak of resident memory by more."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    added = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * _UNIT
    assert added < megabytes << 20, f"{added >> 20} MB"
