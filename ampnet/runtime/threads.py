"""Threads for work whose results are needed in order."""

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from threading import Lock
from typing import TypeVar

import cv2

from ampnet.runtime.forks import renew_after_fork

T = TypeVar("T")
R = TypeVar("R")

MAX_NETWORKS = 8
"""Chunks in the networks at once; bounds memory on machines with many cores, which then share the operations."""

MAX_READERS = 8
"""Threads that read photos."""


@dataclass(frozen=True)
class Threads:
    """Threads that read photos, and threads that run the networks."""

    reading: ThreadPoolExecutor
    readers: int
    networks: ThreadPoolExecutor
    parallel: int
    """Number of threads that run the networks."""


@contextmanager
def start_threads(cores: int, parallel: int) -> Iterator[Threads]:
    """Start the threads of a run; when the block is left, pending tasks are cancelled, running ones finished.

    The cores are divided among the networks: two photos side by side, on one core each, take less time than one after
    the other on two, of which each would wait for the other at every operation.

    Args:
        parallel: number of chunks in the networks at once; 1 where a GPU runs them.
    """
    readers = min(cores, MAX_READERS)
    with (
        _divided(max(cores // parallel, 1)) if parallel > 1 else nullcontext(),
        ThreadPoolExecutor(readers) as reading,
        ThreadPoolExecutor(parallel) as networks,
    ):
        try:
            yield Threads(reading, readers, networks, parallel)
        finally:
            networks.shutdown(wait=False, cancel_futures=True)
            reading.shutdown(wait=False, cancel_futures=True)


@dataclass
class _Division:
    """The runs that have divided the cores at the moment; a program may call us from several threads."""

    lock: Lock
    runs: int = 0
    usual: tuple[int, int | None] = (1, None)
    """Threads of an operation on images and in torch, as the first of these runs has found them."""


_division = _Division(Lock())


def _renew_division() -> None:
    _division.lock, _division.runs = Lock(), 0


renew_after_fork(_renew_division)


@contextmanager
def _divided(cores: int) -> Iterator[None]:
    """Limit each operation to this many cores; when the last run ends, the settings that the first one found return."""
    torch = sys.modules.get("torch")  # a network that runs in torch has imported it
    with _division.lock:
        found = cv2.getNumThreads(), None if torch is None else torch.get_num_threads()
        _division.usual = _division.usual if _division.runs else found
        _division.runs += 1
        cv2.setNumThreads(1)
        if torch is not None:
            torch.set_num_threads(cores)
    try:
        yield
    finally:
        with _division.lock:
            _division.runs -= 1
            of_images, of_torch = found if _division.runs else _division.usual
            cv2.setNumThreads(of_images)
            if torch is not None and of_torch is not None:
                torch.set_num_threads(of_torch)


def in_order(
    function: Callable[[T], R], items: Iterable[T], pool: ThreadPoolExecutor, ahead: int
) -> Iterator[tuple[T, R]]:
    """Apply a function to items in threads.

    Args:
        items: iterated over in this thread, only as far as needed.
        ahead: maximum number of items started but not yet requested.

    Yields:
        Each item and its result, in the items' order.
    """
    begun: deque[tuple[T, Future[R]]] = deque()
    try:
        for item in items:
            begun.append((item, pool.submit(function, item)))
            if len(begun) >= ahead:
                first, future = begun.popleft()
                yield first, future.result()
        while begun:
            first, future = begun.popleft()
            yield first, future.result()
    finally:
        for _, future in begun:
            future.cancel()
