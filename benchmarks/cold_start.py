"""From a cold start to the answer about one photo: seconds and memory of whole processes, alternately.

    python -m benchmarks.cold_start [PHOTO] [--rounds 7] [--rival "NAME=COMMAND" ...]

A rival's command gets the photo as its last argument. Each round starts every side once, as a process of its own; the
files are in the page cache. The first, uncounted round exports the ONNX files if they are not in the user's cache.
"""

import os
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.measure import SAMPLES, add_rivals, options_of, print_table

ROOT = Path(__file__).parents[1]
PREDICT = (sys.executable, "-m", "cli", "predict", "--quiet", "--checkpoint", "bundled")
IN_PYTHON = "import sys; from ampnet import Predictor; print(Predictor().predict(sys.argv[1]))"

OURS = {
    "ampnet predict --runtime onnx": (*PREDICT, "--runtime", "onnx"),
    "ampnet predict": PREDICT,
    "Predictor().predict(photo)": (sys.executable, "-c", IN_PYTHON),
}


def main() -> None:
    """Measure all sides alternately, and print a table."""
    options = options_of(__doc__)
    options.add_argument("photo", type=Path, nargs="?", default=SAMPLES / "portrait.jpg")
    options.add_argument("--rounds", type=int, default=7)
    add_rivals(options)
    arguments = options.parse_args()
    rivals = {name: shlex.split(command) for name, command in arguments.rival}
    sides: dict[str, Sequence[str]] = {**OURS, **rivals}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    for number in range(-1, arguments.rounds):
        for name, command in sides.items():
            seconds, megabytes = measure([*command, str(arguments.photo)])
            if number >= 0:
                found[name].append((seconds, megabytes))
    first = [seconds for seconds, _ in found[next(iter(OURS))]]
    rows = [
        (
            name,
            statistics.median(seconds for seconds, _ in rounds),
            statistics.median(megabytes for _, megabytes in rounds),
            statistics.median(theirs / ours for (theirs, _), ours in zip(rounds, first, strict=True)),
        )
        for name, rounds in found.items()
    ]
    cores = len(os.sched_getaffinity(0))
    title = f"one photo from a cold start, {cores} cores, medians over {arguments.rounds} rounds"
    print_table(title, ("side", "s", "MB", "times the first"), rows)


def measure(command: Sequence[str]) -> tuple[float, float]:
    """Run a command; returns its seconds and its peak memory in MB.

    Raises:
        SystemExit: it failed; its last lines are printed.
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    start = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=environment
    )
    assert process.stderr is not None
    told = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{shlex.join(command)} ended with {process.returncode}:\n{told[-1000:]}")
    return seconds, usage.ru_maxrss / 1024


if __name__ == "__main__":
    main()
