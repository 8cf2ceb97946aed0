"""Start child processes for untrusted files, so that a crash or a decompression bomb affects only the child."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any


def start_isolated(
    order: Any,
    pass_fds: Sequence[int],
    stdin: int = subprocess.DEVNULL,
    stdout: int = subprocess.DEVNULL,
    bufsize: int = -1,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start Python on the function ``main`` of the module that defines an order.

    The child is isolated: neither the current folder nor the environment adds modules. It writes no bytecode, which
    limits on the size of files would cut, for every later run. Ctrl-C is for the parent alone.

    Args:
        order: a dataclass of plain values; ``main`` gets an equal one.
        pass_fds: descriptors that the child inherits.
        stdin: see :class:`subprocess.Popen`, as for the next three.
        stdout: likewise.
        bufsize: likewise.
        cwd: likewise.
        environment: variables beside those of this process.

    Raises:
        OSError: it cannot be started.
    """
    module, name = type(order).__module__, type(order).__name__
    start = (
        "import json, sys; sys.path[:], order = json.loads(sys.argv[1]); "
        f"from {module} import {name}, main; main({name}(**order))"
    )
    one_thread = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # for arithmetic, of which there is none
    return subprocess.Popen(
        [sys.executable, "-I", "-B", "-c", start, json.dumps([sys.path, asdict(order)])],
        stdin=stdin,
        stdout=stdout,
        stderr=subprocess.DEVNULL,
        bufsize=bufsize,
        pass_fds=pass_fds,
        cwd=cwd,
        env={**os.environ, **one_thread, **(environment or {})},
        start_new_session=True,
    )
