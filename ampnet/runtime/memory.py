"""Tuning of the C library's memory allocator, to keep freed memory for reuse."""

import ctypes
import platform

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Parameters of glibc's mallopt, from malloc.h."""

KEPT_BLOCK = 1 << 30
"""Maximum size in bytes of blocks allocated from the heap, which keeps them when they are freed."""

NEVER_TRIM = 2**31 - 1


def keep_freed_memory() -> bool:
    """Keep freed memory in the process, so that the kernel need not zero it again for the next step.

    Otherwise a step of the full network at batch 16 returns and fetches 100,000 pages, a tenth of its time. Peak memory
    grows by about 1 %.

    Returns:
        Whether the C library supports these settings (glibc does); otherwise nothing changes.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(M_MMAP_THRESHOLD, KEPT_BLOCK) and mallopt(M_TRIM_THRESHOLD, NEVER_TRIM))
