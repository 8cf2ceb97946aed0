"""What tests do with real processes: commands that need not import torch first, and signals to them."""

import atexit
import multiprocessing
import os
import signal
import subprocess
import sys
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.imported_by_commands"])
_ADDRESS = ("_forkserver_address", "_forkserver_authkey")


def start_server() -> dict[str, Any]:
    """Start the process that forks commands; return how the other processes of a test run find it."""
    forkserver._forkserver.ensure_running()
    return {name: value for name, value in vars(forkserver._forkserver).items() if name in _ADDRESS}


def share_server(address: dict[str, Any]) -> None:
    """Have commands forked by the server of another process, which took seconds to import everything."""
    lives_as_long_as_its_starter = os.open(os.devnull, os.O_RDONLY)
    more = {"_forkserver_alive_fd": lives_as_long_as_its_starter, "ensure_running": resource_tracker.ensure_running}
    vars(forkserver._forkserver).update(address | more)


class Command:
    """`ampnet` in a process of its own, which is forked from one that has imported everything: three seconds less each.

    It has what tests need of ``subprocess.Popen``, heeds Ctrl-C even where a shell began the tests in the background,
    and leads a process group.
    """

    def __init__(self, *words: object, cwd: Path = ROOT, **environment: str) -> None:
        """Start a command line.

        Args:
            words: what follows `ampnet`.
            cwd: its working folder.
            environment: further variables.
        """
        ends = [FORKS.Pipe(duplex=False) for _stream in ("stdout", "stderr")]
        self.stdout, self.stderr = (open(os.dup(read.fileno()), encoding="utf-8") for read, _ in ends)  # noqa: PTH123, SIM115
        surroundings = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **environment}
        arguments = ([str(word) for word in words], str(cwd), surroundings, [write for _, write in ends])
        self._process = FORKS.Process(target=_become, args=arguments)
        self._process.start()
        for end in (end for both in ends for end in both):
            end.close()

    def __del__(self) -> None:
        """Close what nobody has read."""
        self.stdout.close()
        self.stderr.close()

    @property
    def pid(self) -> int:
        """Its number."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """Exit code, or minus the signal that ended it; None while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """Return the same."""
        return self.returncode

    def wait(self, timeout: float = 600) -> int:
        """Wait for its end; return the exit code."""
        self._process.join(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired("ampnet", timeout)
        return self.returncode

    def communicate(self, timeout: float = 600) -> tuple[str, str]:
        """Wait for its end; return what it has written to stdout and stderr."""
        written = self.stdout.read()
        self.wait(timeout)
        return written, self.stderr.read()

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Send it SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send it SIGKILL."""
        self.send_signal(signal.SIGKILL)


def _become(words: list[str], cwd: str, surroundings: dict[str, str], streams: list[Connection]) -> None:
    """Turn a fork into the process of a command."""
    from cli import program

    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for target, end in enumerate(streams, start=1):
        os.dup2(end.fileno(), target)
        end.close()
    # The streams of the server may be files, which seek.
    sys.stdout, sys.stderr = (open(target, "w", buffering=1, encoding="utf-8") for target in (1, 2))  # noqa: PTH123, SIM115
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(surroundings)
    sys.argv = ["ampnet", *words]
    atexit._clear()  # what the process that it is a fork of would do at its end
    try:
        program()
    finally:
        atexit._run_exitfuncs()


def trainers_of(launcher: int) -> list[int]:
    """Give the numbers of the training processes that a process has begun."""
    children = Path(f"/proc/{launcher}/task/{launcher}/children").read_text().split()
    return [
        int(child) for child in children if "spawn_main" in Path(f"/proc/{child}/cmdline").read_text(errors="replace")
    ]
