"""The threads that prepare a data set."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import torch

MAX_DETECTORS = 8
"""Chunks detected in parallel; bounds memory on machines with many cores, which `--engine ray` uses."""


@dataclass(frozen=True)
class PreparationThreads:
    """Threads that read and write images, and threads that detect faces."""

    images: ThreadPoolExecutor
    detection: ThreadPoolExecutor
    detectors: int
    """Number of detection threads."""


@contextmanager
def start_preparation_threads(workers: int, device: torch.device) -> Iterator[PreparationThreads]:
    """Start the threads of a run; on an error, pending tasks are cancelled.

    On the CPU every operation uses one thread, so that the last bits of a result, and the written files, do not depend
    on the number of cores; several chunks are detected in parallel instead.

    Args:
        workers: threads that read, frame and write images.
        device: where the detector runs; a GPU is fed by one thread.
    """
    cores = torch.get_num_threads()
    detectors = min(cores, MAX_DETECTORS) if device.type == "cpu" else 1
    if device.type == "cpu":
        torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(workers) as images, ThreadPoolExecutor(detectors) as detection:
            try:
                yield PreparationThreads(images, detection, detectors)
            except BaseException:
                detection.shutdown(cancel_futures=True)
                images.shutdown(cancel_futures=True)
                raise
    finally:
        torch.set_num_threads(cores)
