"""Runs a command in one process or in several: starts them on one machine, joins their group, ends them together.

:func:`launch` starts one process for each GPU, or each share of the CPU's cores; torchrun does that over several
machines. What a command's processes do meanwhile is told in :mod:`ampnet.runtime.signals`. What can end them:

| event               | who receives it        | what happens                                            | exit code   |
|---------------------|------------------------|---------------------------------------------------------|-------------|
| Ctrl-C              | launcher and processes | the launcher has them finish their step and save        | 130         |
| Ctrl-C, before they | launcher and processes | they end at once, silently; nothing has been done       | 130         |
| have begun to work  |                        |                                                         |             |
| Ctrl-C twice        | launcher and processes | the launcher kills them; the last save stays            | 130         |
| SIGTERM, SIGHUP     | launcher               | as Ctrl-C: passed on to the processes as SIGTERM        | 130         |
| SIGTERM             | one process            | the others hear of it at their next report; all save    | 130         |
| a process fails     | launcher               | it stops the others, and raises the process's own error | the error's |
| a process is killed | launcher               | it stops the others, and names process and signal       | 1           |
| launcher is killed  | processes              | each ends in half a second; a step done by then is saved| 1, unseen   |
| SIGTERM to torchrun | torchrun               | it passes SIGTERM on, they save; it says so in its way  | 1           |

Whatever ends them, the last save is whole, and the run can be resumed from it.
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
from ampnet.runtime.devices import choose_device, count_gpus, usable_cores

R = TypeVar("R")

SAVING_SECONDS = 600
"""How long the launcher waits for stopped processes to finish their step and save."""

BYSTANDER_SECONDS = 10
"""How long a process that has lost its partner waits to be stopped, before it fails for that reason itself."""


@dataclass(frozen=True)
class Process:
    """One of the processes that work together."""

    rank: int
    """Its number over all machines; 0 writes files and shows progress."""
    world_size: int
    """Number of processes."""
    device: torch.device

    @property
    def is_main(self) -> bool:
        """Whether this one writes and speaks."""
        return self.rank == 0


def is_launched() -> bool:
    """Tell whether this process is already one of a group (of torchrun, or of :func:`launch`)."""
    return {"RANK", "WORLD_SIZE", "LOCAL_RANK"} <= os.environ.keys()


def launched_processes() -> tuple[int, int] | None:
    """Give the number of processes over all machines and on this one; None for a process that no launcher started."""
    if not is_launched():
        return None
    world_size = int(os.environ["WORLD_SIZE"])
    return world_size, int(os.environ.get("LOCAL_WORLD_SIZE", world_size))


def is_main_process() -> bool:
    """Tell whether this process is the first of its group, or alone."""
    return os.environ.get("RANK", "0") == "0"


@contextmanager
def join_processes(gpus: int | None) -> Iterator[Process]:
    """Join the group that the launcher describes; without a launcher, be alone.

    Several CPU processes share this machine's cores evenly.
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
    # Not after an error: the others would fail of the closed connection before the reason is known.
    distributed.destroy_process_group()


def launch(command: str, processes: int, entry: Callable[..., R], *arguments: Any) -> R:
    """Run a function in several processes of this machine, through torch's elastic launcher.

    Args:
        command: what they work for, as the user called it, for messages: ``ampnet train``.
        processes: how many.
        entry: a module's function; it calls :func:`join_processes`.
        arguments: for each of them.

    Returns:
        What process 0 returned.

    Raises:
        AmpnetError: what the first process to fail raised.
        ProcessError: a process died, or failed of something unexpected; the others were ended.
        KeyboardInterrupt: this process was told to stop, and has passed that on.
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
    # Older releases know neither: they wait 30 seconds, whatever is asked for meanwhile.
    config.shutdown_timeout = SAVING_SECONDS
    config.signals_to_handle = "SIGTERM,SIGHUP,SIGQUIT"
    results: dict[int, R] = {}
    try:
        with _launcher_kept_quiet():
            results = elastic_launch(config, _guarded)(os.getpid(), entry, arguments)
    except ChildFailedError as error:
        raise _first_failure(command, error.failures) from error
    except SignalException:
        pass  # with it goes what the launcher shares with its processes, before this one ends
    if not results:
        gc.collect()
        raise KeyboardInterrupt
    return results[0]


@contextmanager
def _launcher_kept_quiet() -> Iterator[None]:
    """Undo what the launcher does to logging and signals; keep Ctrl-C from processes that cannot handle it yet.

    A terminal's Ctrl-C reaches the started processes, too, and they would show where it met them. They inherit this
    thread's blocked SIGINT until they are ready for it; here another thread takes it. The first Ctrl-C lets them
    finish, the second ends them.
    """
    from torch.distributed.elastic.multiprocessing.api import SignalException

    asked = threading.Event()

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        if not asked.is_set():
            asked.set()
            raise SignalException("interrupted", signal.SIGINT)
        for child in multiprocessing.active_children():
            child.kill()

    caught = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
    handlers = {number: signal.getsignal(number) for number in caught}
    over = threading.Event()
    threading.Thread(target=over.wait, daemon=True).start()
    resource_tracker.ensure_running()  # starting it would end the block
    masked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    signal.signal(signal.SIGINT, interrupt)
    logging.disable(logging.CRITICAL)  # its news are told in a line
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

    threading.Thread(target=_end_with, args=(launcher,), daemon=True).start()
    signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))  # the launcher tells why
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})

    def patient(*given: Any) -> R:
        try:
            return entry(*given)
        except RuntimeError as error:
            if isinstance(error, distributed.DistError) or "gloo" in str(error):
                time.sleep(BYSTANDER_SECONDS)  # another process has failed, and the launcher is to find that one
            raise

    return record(patient)(*arguments)  # type: ignore[return-value]


def _end_with(launcher: int) -> None:
    """End this process as soon as its launcher has gone: an orphan must not write on."""
    while os.getppid() == launcher:
        threading.Event().wait(0.5)
    os._exit(1)


def _first_failure(command: str, failures: dict[int, Any]) -> AmpnetError:
    """Give what failed first as its own kind of error, where that is known."""
    first = min(failures.values(), key=lambda failure: failure.timestamp)
    who = f"process {first.local_rank} of {command}"
    if first.exitcode < 0:
        return ProcessError(
            f"{who} was ended by signal {signal.Signals(-first.exitcode).name}; the others were stopped"
        )
    told = first.message.get("message", first.message) if isinstance(first.message, dict) else first.message
    last = str(told).splitlines()[-1] if told else f"exit code {first.exitcode}"
    name, _, reason = last.partition(": ")
    kind = getattr(errors, name, None)
    if isinstance(kind, type) and issubclass(kind, AmpnetError):
        return kind(reason)
    return ProcessError(f"{who} failed: {last}; the others were stopped")
