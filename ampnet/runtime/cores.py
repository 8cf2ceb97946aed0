"""The processor's cores; a separate module, since counting them needs no torch."""

import os


def usable_cores() -> int:
    """Count the CPU cores that this process may use; containers and batch systems often grant fewer than exist."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
