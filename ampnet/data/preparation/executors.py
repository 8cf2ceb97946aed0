"""The threads that prepare a data set."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import torch

MOST_DETECTORS = 8
"""Chunks detected at once: bounds memory on machines with many cores, which torchrun can use."""


@dataclass(frozen=True)
class Threads:
    """Threads that read and write images, and threads that detect faces."""

    images: ThreadPoolExecutor
    detection: ThreadPoolExecutor
    detectors: int
    """How many detect."""


@contextmanager
def start_threads(workers: int, device: torch.device) -> Iterator[Threads]:
    """Start the threads of a run; at an error, what they have not begun is dropped.

    On the CPU every operation runs on the one thread that asks for it, so that a result's last bits, and with them
    the written files, do not depend on the number of cores; the cores are used by detecting several chunks at once.

    Args:
        workers: threads that read, frame and write images.
        device: where the detector runs; a GPU gets its work from one thread.
    """
    cores = torch.get_num_threads()
    detectors = min(cores, MOST_DETECTORS) if device.type == "cpu" else 1
    if device.type == "cpu":
        torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(workers) as images, ThreadPoolExecutor(detectors) as detection:
            try:
                yield Threads(images, detection, detectors)
            except BaseException:
                detection.shutdown(cancel_futures=True)
                images.shutdown(cancel_futures=True)
                raise
    finally:
        torch.set_num_threads(cores)
