"""Faces per second of `ampnet train` with different options, alternately.

    python -m benchmarks.train_rate DATA "--workers 0" "--workers 1" [--seconds 40] [--rounds 3]

DATA is a folder from `ampnet prepare`. Each side is a real run of the small network, stopped by Ctrl-C after some
seconds of training; the time up to its first progress line does not count.
"""

import argparse
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.measure import Times, median_ratio, print_table, rate

PROGRESS = re.compile(r"epoch 1/1: (\d+)/")


def main() -> None:
    """Measure alternately, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("sides", nargs="+", metavar="OPTIONS", help="options of `ampnet train`, one string each")
    parser.add_argument("--seconds", type=float, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    times: Times = {side: [] for side in arguments.sides}
    for _round in range(arguments.rounds):
        for side in arguments.sides:
            times[side].append(seconds_a_face(arguments.data, side, arguments.seconds))
    first = arguments.sides[0]
    rows = [(side, rate(times, side, 1), median_ratio(times, first, side)) for side in arguments.sides]
    title = f"ampnet train, {arguments.seconds:g} s a run, medians over {arguments.rounds} rounds"
    print_table(title, ("options", "faces/s", "times as fast as the first"), rows)


def seconds_a_face(data: Path, options: str, seconds: float) -> float:
    """Train for some seconds, and return the time for each face between the first and the last progress line."""
    with tempfile.TemporaryDirectory() as out:
        command = (
            f"train --data {data} --out {out} --name run --variant ampnet-small --recipe modern --epochs 1 --gpus 0"
        )
        process = subprocess.Popen(
            [sys.executable, "-m", "cli", *command.split(), *options.split()],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        seen: list[tuple[float, int]] = []
        for line in process.stdout:
            if found := PROGRESS.match(line):
                seen.append((time.perf_counter(), int(found[1])))
            if seen and seen[-1][0] - seen[0][0] > seconds:
                process.send_signal(signal.SIGINT)
                break
        process.communicate()
    if len(seen) < 2:
        raise SystemExit(f"`ampnet train {options}` ended with {process.returncode} before it was measured")
    (started, before), (ended, after) = seen[0], seen[-1]
    return (ended - started) / (after - before)


if __name__ == "__main__":
    main()
