"""`ampnet serve --workers N`: processes at one socket, each with a model and its share of cores and limits."""

import atexit
import os
import select
import shutil
import signal
import traceback
from collections.abc import Callable
from dataclasses import replace
from tempfile import mkdtemp
from typing import TypeAlias

from ampnet.errors import AmpnetError, UsageError
from ampnet.runtime.forks import when_orphaned
from ampnet.settings import ServeConfig
from pipelines.progress import notices

COUNTS = "PROMETHEUS_MULTIPROC_DIR"
"""Environment variable by which prometheus_client keeps the counts of several processes together."""
POLL_SECONDS = 0.2
ENDING = (signal.SIGINT, signal.SIGTERM)

Serve: TypeAlias = Callable[[ServeConfig, Callable[[], None]], int]
"""Serves in the process that calls it, and calls its second argument once it answers."""


def count_together() -> None:
    """Have what several processes count kept together; before prometheus_client is imported, which reads this."""
    folder = mkdtemp(prefix="ampnet-counts-")
    os.environ[COUNTS] = folder
    atexit.register(shutil.rmtree, folder, ignore_errors=True)


def share_of(config: ServeConfig) -> ServeConfig:
    """Return the settings of one worker: places for photos and for requests are divided, rounded up."""
    queue, requests = (-(-limit // config.workers) for limit in (config.queue, config.max_requests))
    return replace(config, workers=1, queue=queue, max_requests=requests)


def run_workers(config: ServeConfig, serve: Serve, up: Callable[[], None], close: Callable[[], None]) -> int:
    """Serve with several processes until SIGTERM or Ctrl-C; one that dies is replaced, and all end if this one does.

    Args:
        up: called once all answer.
        close: called when the service is to end: closes the socket, so that new connections are refused.

    Returns:
        The signal that ended the service.

    Raises:
        UsageError: a worker ended before it answered.
    """
    ended_by: list[int] = []
    workers: dict[int, int] = {}
    (ready, tell), parent = os.pipe(), os.getpid()

    def end(number: int, _frame: object = None) -> None:
        ended_by.append(number)
        close()
        for pid in workers:
            os.kill(pid, signal.SIGTERM)

    def answers() -> None:
        os.write(tell, b".")

    def start(number: int) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)  # one just now would miss the worker, which nobody would end
        if not ended_by:
            pid = os.fork()
            if not pid:
                when_orphaned(parent, lambda: os.kill(os.getpid(), signal.SIGTERM))
                _work(number, config, serve, answers)
            workers[pid] = number
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)

    for number in range(config.workers):
        start(number)
    earlier = {number: signal.signal(number, end) for number in ENDING}
    answering, has_failed = 0, False
    while workers:
        if select.select([ready], [], [], POLL_SECONDS)[0]:
            answering += len(os.read(ready, config.workers))
            if answering == config.workers:
                up()
        pid, _status = os.waitpid(-1, os.WNOHANG)
        if pid and (number := workers.pop(pid, -1)) >= 0 and not ended_by:
            _count_no_longer(pid)
            has_failed = answering < config.workers
            if has_failed:
                end(signal.SIGTERM)
            else:
                notices().print(f"worker {number + 1} ended unexpectedly; another one takes its place")
                start(number)
    for number, handler in earlier.items():
        signal.signal(number, handler)
    if has_failed:
        raise UsageError("a worker ended before it could answer")
    return ended_by[0]


def _work(number: int, config: ServeConfig, serve: Serve, answers: Callable[[], None]) -> None:
    """Serve in this child process, and end it."""
    code = 1
    for each in ENDING:  # another's place is taken under the parent's own handlers
        signal.signal(each, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
    try:
        _use_cores(number, config.workers)
        code = serve(share_of(config), answers)
    except AmpnetError as error:
        notices().print(str(error))
    except Exception:  # nobody else would tell
        traceback.print_exc()
    finally:
        os._exit(code)


def _count_no_longer(pid: int) -> None:
    """Leave what a worker had in progress when it died out of the counts of all."""
    if COUNTS in os.environ:
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(pid)  # type: ignore[no-untyped-call]


def _use_cores(number: int, workers: int) -> None:
    """Limit a worker to its share of the cores; all of them where there are fewer cores than workers."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, cores[number::workers] or cores)
