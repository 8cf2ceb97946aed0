"""Running a command in one or several processes: starting them, joining their group, ending them together.

:func:`launch` starts one process for each GPU, or for each group of CPU cores; torchrun does so over several machines.
For the behaviour of a single process, see :mod:`ampnet.runtime.signals`. Events that end a command:

| event               | received by            | what happens                                            | exit code   |
|---------------------|------------------------|---------------------------------------------------------|-------------|
| Ctrl-C              | launcher and processes | the launcher lets them finish their step and save       | 130         |
| Ctrl-C during       | launcher and processes | they exit at once, silently; no work is lost            | 130         |
| start-up            |                        |                                                         |             |
| Ctrl-C twice        | launcher and processes | the launcher kills them; the last save is kept          | 130         |
| SIGTERM, SIGHUP     | launcher               | as Ctrl-C; forwarded to the processes as SIGTERM        | 130         |
| SIGTERM             | one process            | the others learn of it at their next report; all save   | 130         |
| a process fails     | launcher               | it stops the others, and raises the process's error     | the error's |
| a process is killed | launcher               | it stops the others, and names process and signal       | 1           |
| launcher is killed  | processes              | each exits within half a second; a step finished by     | 1, unseen   |
|                     |                        | then is saved                                           |             |
| SIGTERM to torchrun | torchrun               | it forwards SIGTERM, they save; it logs its own message | 1           |

In all cases the last save is complete, and the run can be resumed from it.
"""

import gc
import logging
import multiprocessing
import os
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker
from types import FrameType
from typing import Any, TypeVar

import torch
from torch import distributed

from ampnet import errors
from ampnet.errors import INTERRUPTED, AmpnetError, ProcessError
from ampnet.runtime.cores import usable_cores
from ampnet.runtime.devices import choose_device, count_gpus
from ampnet.runtime.forks import when_orphaned

R = TypeVar("R")

SAVING_SECONDS = 600
"""Time that the launcher gives stopped processes to finish their step and save."""

BYSTANDER_SECONDS = 10
"""Time that a process with a lost connection waits to be stopped before it raises that error itself."""


@dataclass(frozen=True)
class Process:
    """One of the processes of a command."""

    rank: int
    """Its number over all machines; process 0 writes files and shows progress."""
    world_size: int
    """Number of processes."""
    device: torch.device

    @property
    def is_main(self) -> bool:
        """Whether this process writes files and messages."""
        return self.rank == 0


def is_launched() -> bool:
    """Return whether this process was started by torchrun or :func:`launch`."""
    return {"RANK", "WORLD_SIZE", "LOCAL_RANK"} <= os.environ.keys()


def launched_processes() -> tuple[int, int] | None:
    """Return the number of processes over all machines and on this one; None without a launcher."""
    if not is_launched():
        return None
    world_size = int(os.environ["WORLD_SIZE"])
    return world_size, int(os.environ.get("LOCAL_WORLD_SIZE", world_size))


def is_main_process() -> bool:
    """Return whether this process is the first of its group, or the only one."""
    return os.environ.get("RANK", "0") == "0"


@contextmanager
def join_processes(gpus: int | None) -> Iterator[Process]:
    """Join the launcher's process group, or run as a single process without one.

    CPU processes share the machine's cores evenly.
    """
    launched = launched_processes()
    if launched is None:
        yield Process(0, 1, choose_device(gpus))
        return
    world_size, here = launched
    rank, local = (int(os.environ[name]) for name in ("RANK", "LOCAL_RANK"))
    on_gpu = count_gpus(gpus) > 0
    device = torch.device("cuda", local) if on_gpu else torch.device("cpu")
    if on_gpu:
        torch.cuda.set_device(device)
    elif here > 1:
        torch.set_num_threads(max(usable_cores() // here, 1))
    distributed.init_process_group("nccl" if on_gpu else "gloo")
    yield Process(rank, world_size, device)
    # Not after an error: the others would fail because of the closed connection, and hide the cause.
    distributed.destroy_process_group()


def launch(command: str, processes: int, entry: Callable[..., R], *arguments: Any) -> R:
    """Run a function in several processes on this machine, by torch's elastic launcher.

    Args:
        command: the command as the user typed it, for messages: ``ampnet train``.
        entry: a module-level function that calls :func:`join_processes`.
        arguments: arguments of the function, the same in all processes.

    Returns:
        The return value of process 0.

    Raises:
        AmpnetError: the error of the first process that failed.
        ProcessError: a process died, or raised an unexpected error; the others were stopped.
        KeyboardInterrupt: this process was interrupted; the others have been stopped.
    """
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=processes,
        run_id=uuid.uuid4().hex,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
        monitor_interval=0.2,
    )
    # Ignored by older releases, which always wait 30 seconds.
    config.shutdown_timeout = SAVING_SECONDS
    config.signals_to_handle = "SIGTERM,SIGHUP,SIGQUIT"
    results: dict[int, R] = {}
    try:
        with _launcher_kept_quiet():
            results = elastic_launch(config, _guarded)(os.getpid(), entry, arguments)
    except ChildFailedError as error:
        raise _first_failure(command, error.failures) from error
    except SignalException:
        pass  # leaving the block releases what the launcher shares with its processes, before this one exits
    if not results:
        gc.collect()
        raise KeyboardInterrupt
    return results[0]


@contextmanager
def _launcher_kept_quiet() -> Iterator[None]:
    """Silence the launcher's logging, restore signal handlers, and shield starting processes from Ctrl-C.

    A terminal's Ctrl-C also reaches the started processes, which would print tracebacks. They inherit this thread's
    blocked SIGINT until they can handle it; in this process another thread receives it. The first Ctrl-C lets them
    finish, the second kills them.
    """
    from torch.distributed.elastic.multiprocessing.api import SignalException

    interrupted = threading.Event()

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        if not interrupted.is_set():
            interrupted.set()
            raise SignalException("interrupted", signal.SIGINT)
        for child in multiprocessing.active_children():
            child.kill()

    caught = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
    handlers = {number: signal.getsignal(number) for number in caught}
    over = threading.Event()
    threading.Thread(target=over.wait, daemon=True).start()
    resource_tracker.ensure_running()  # starting it later would unblock SIGINT
    masked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    signal.signal(signal.SIGINT, interrupt)
    logging.disable(logging.CRITICAL)  # we report failures in one line instead
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, masked)
        over.set()


def _guarded(launcher: int, entry: Callable[..., R], arguments: tuple[Any, ...]) -> R:
    from torch.distributed.elastic.multiprocessing.errors import record

    when_orphaned(launcher, lambda: os._exit(1))
    signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))  # the launcher reports it
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})

    def patient(*given: Any) -> R:
        try:
            return entry(*given)
        except AmpnetError as error:
            raise type(error)(" ".join(str(error).split())) from error  # the launcher gets only its last line
        except RuntimeError as error:
            if isinstance(error, distributed.DistError) or "gloo" in str(error):
                time.sleep(BYSTANDER_SECONDS)  # another process failed, and the launcher should report that one
            raise

    return record(patient)(*arguments)  # type: ignore[return-value]


def _first_failure(command: str, failures: dict[int, Any]) -> AmpnetError:
    """Return the first failure as its own type of error if known."""
    first = min(failures.values(), key=lambda failure: failure.timestamp)
    who = f"process {first.local_rank} of {command}"
    if first.exitcode < 0:
        return ProcessError(
            f"{who} was killed by signal {signal.Signals(-first.exitcode).name}; the others were stopped"
        )
    message = first.message.get("message", first.message) if isinstance(first.message, dict) else first.message
    last = str(message).splitlines()[-1] if message else f"exit code {first.exitcode}"
    name, _, reason = last.partition(": ")
    kind = getattr(errors, name, None)
    if isinstance(kind, type) and issubclass(kind, AmpnetError):
        return kind(reason)
    return ProcessError(f"{who} failed: {last}; the others were stopped")
