"""A process that has imported everything and forks for each run: a case costs milliseconds instead of seconds.

It gets and answers JSON. It runs nothing itself, so that every fork starts from the same clean state.
"""

import contextlib
import ctypes
import json
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NoReturn

from tests.processes import ROOT

POLL_SECONDS = 0.002
STREAM_BYTES = 1 << 20
"""Kept of each output stream."""
PR_SET_PDEATHSIG = 1


def readers() -> dict[str, Callable[[Path], object]]:
    """Name the readers that can be called without a command around them."""
    from ampnet.checkpoints.checkpoint import load_checkpoint
    from ampnet.checkpoints.reference.reference_files import read_reference
    from ampnet.dataset.index.landmarks_file import read_landmarks
    from ampnet.dataset.open_index import read_index
    from ampnet.dataset.sources import open_source
    from ampnet.reading.image_files import read_image
    from ampnet.reading.photo import Photo
    from tests.hostile.seeds import make_seeds

    return {
        "image": read_image,
        "reduced": lambda path: Photo.of_file(path).reduced,
        "checkpoint": load_checkpoint,
        "reference": read_reference,
        "index": read_index,
        "landmarks": read_landmarks,
        "source": open_source,
        "seeds": make_seeds,
        "web": read_from_web,
    }


def read_from_web(path: Path) -> None:
    """Read a photo from a server of this machine that answers with a file's bytes, and hangs up."""
    from ampnet.files import download
    from ampnet.reading.python_inputs import photo_of
    from tests.web import LOCAL, server

    def answer(request: BaseHTTPRequestHandler, _end: object) -> None:
        request.wfile.write(path.read_bytes())
        request.close_connection = True

    download.POLICY = LOCAL
    with server({"/photo.jpg": answer}) as address:
        photo_of(f"{address}/photo.jpg").whole  # noqa: B018


def run_here(argv: list[str]) -> int:
    """Run a command line, or ``reader:NAME PATH``, in this process; returns the exit code."""
    from ampnet.errors import AmpnetError
    from cli import app
    from pipelines.commands.one_line_errors import complain

    try:
        if argv[0].startswith("reader:"):
            try:
                readers()[argv[0].removeprefix("reader:")](Path(argv[1]))
            except AmpnetError as error:
                complain(error)
                return 1
        else:
            app(args=argv, prog_name="ampnet")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def run_anew(argv: list[str]) -> NoReturn:
    """Replace this process by one that has imported nothing, and runs the same."""
    here = "import sys; from tests.hostile.server import run_here; sys.exit(run_here(sys.argv[1:]))"
    program = ("-c", here) if argv[0].startswith("reader:") else ("-m", "cli")
    # -B: a limit on the size of files would cut bytecode, too
    os.execv(sys.executable, [sys.executable, "-B", *program, *argv])


def become(request: dict[str, Any]) -> None:
    """Turn a fork into the process that a case asks for: its own session, files, limits and folder."""
    os.setsid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    for target, pipe in ((1, request["stdout_pipe"]), (2, request["stderr_pipe"])):
        os.dup2(pipe, target)  # pipes, because the limit of file sizes would cut other streams
        os.close(pipe)
    os.chdir(request["cwd"])
    os.dup2(os.open(request.get("stdin", os.devnull), os.O_RDONLY), 0)
    size = Path("/proc/self/statm").read_text().split()[0]
    most = int(size) * os.sysconf("SC_PAGE_SIZE") + request["address_megabytes"] * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if (largest := request.get("largest_file")) is not None:
        sys.dont_write_bytecode = True  # it would be cut, too
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))


def members(session: int) -> list[int]:
    """List the processes of a session."""
    found = []
    for entry in os.listdir("/proc"):  # noqa: PTH208 (hundreds of times a minute)
        if entry.isdecimal():
            with contextlib.suppress(OSError, ValueError, IndexError), open(f"/proc/{entry}/stat") as file:  # noqa: PTH123
                if int(file.read().rpartition(")")[2].split()[3]) == session:
                    found.append(int(entry))
    return found


def end_session(session: int) -> None:
    """Kill whatever a case has left running."""
    while left := [pid for pid in members(session) if pid != os.getpid()]:
        for pid in left:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)
        time.sleep(POLL_SECONDS)


def serve(request: dict[str, Any], channels: tuple[int, ...]) -> dict[str, Any]:
    """Fork for one request and wait for its end."""
    started = time.monotonic()
    pipes = {name: os.pipe() for name in ("stdout", "stderr")}
    child = os.fork()
    if child == 0:
        code = 1
        try:
            for channel in (*channels, *(pipe[0] for pipe in pipes.values())):
                os.close(channel)
            request |= {f"{name}_pipe": pipe[1] for name, pipe in pipes.items()}
            become(request)
            if request.get("is_fresh"):
                run_anew(request["argv"])
            code = run_here(request["argv"])
            sys.stdout.flush()
            sys.stderr.flush()
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    said = dict.fromkeys(pipes, b"")
    for reading, writing in pipes.values():
        os.close(writing)
        os.set_blocking(reading, False)

    def listen() -> None:
        for name, (reading, _writing) in pipes.items():
            with contextlib.suppress(BlockingIOError):
                while part := os.read(reading, 1 << 16):
                    said[name] = (said[name] + part)[:STREAM_BYTES]

    status, usage, timed_out = _wait(child, started + request["seconds"], listen)
    listen()
    end_session(child)
    for name, (reading, _writing) in pipes.items():
        os.close(reading)
        Path(request[name]).write_bytes(said[name])
    return {
        "code": os.WEXITSTATUS(status) if os.WIFEXITED(status) else None,
        "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0,
        "seconds": time.monotonic() - started,
        "peak_kilobytes": usage.ru_maxrss,
        "timed_out": timed_out,
    }


def _wait(child: int, deadline: float, listen: Callable[[], None]) -> tuple[int, resource.struct_rusage, bool]:
    while True:
        listen()
        done, status, usage = os.wait4(child, os.WNOHANG)
        if done:
            return status, usage, False
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            _done, status, usage = os.wait4(child, 0)
            return status, usage, True
        time.sleep(POLL_SECONDS)


def serve_all(requests: Connection, answers: Connection, surroundings: dict[str, str], draws: bool) -> None:
    """Serve until nobody can ask any more, as a fork of the process that forks commands."""
    sys.stdout = open(1, "w", buffering=1, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    os.chdir(ROOT)
    os.environ.clear()
    os.environ.update(surroundings)
    if not draws:
        import pytest

        from tests.small_report import draw_nothing

        draw_nothing(pytest.MonkeyPatch())
    channels = (requests.fileno(), answers.fileno())
    with contextlib.suppress(EOFError):
        while True:
            answers.send_bytes(json.dumps(serve(json.loads(requests.recv_bytes()), channels)).encode())
