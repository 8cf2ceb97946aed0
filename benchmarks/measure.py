"""Interleaved timing, so that load on the machine slows both sides alike, and tables of medians."""

import argparse
import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Literal, NamedTuple

SAMPLES = Path(__file__).parents[1] / "tests" / "samples"


class Spent(NamedTuple):
    """Seconds by the clock, and of all processors: of this process, its threads, and its children that have ended."""

    wall: float
    cpu: float

    @classmethod
    def now(cls) -> "Spent":
        """Read the clocks."""
        used = [resource.getrusage(which) for which in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return cls(time.perf_counter(), sum(one.ru_utime + one.ru_stime for one in used))

    def since(self, start: "Spent") -> "Spent":
        """Subtract."""
        return Spent(self.wall - start.wall, self.cpu - start.cpu)


Clock = Literal["wall", "cpu"]
Times = dict[str, list[Spent]]
Tasks = dict[str, Callable[[], object]]
"""What is timed, by name; a task that times a part of what it does returns that as :class:`Spent`."""


def spent_by(task: Callable[[], object]) -> Spent:
    """Run a task; returns what it took, or what it says that it took."""
    start = Spent.now()
    found = task()
    return found if isinstance(found, Spent) else Spent.now().since(start)


def options_of(about: str | None) -> argparse.ArgumentParser:
    """Make the command line of a script, whose help is its docstring."""
    return argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)


def add_rivals(options: argparse.ArgumentParser) -> None:
    """Add ``--rival NAME=COMMAND``, as often as wanted: pairs of both."""
    options.add_argument(
        "--rival", action="append", default=[], type=lambda text: text.split("=", 1), metavar="NAME=COMMAND"
    )


class Side:
    """One side of a comparison in a process of its own, so that neither disturbs the other's memory.

    Args:
        build: module-level function that builds the side's tasks by name.
    """

    def __init__(self, build: Callable[[], Tasks]) -> None:
        spawn = multiprocessing.get_context("spawn")
        self.pipe, theirs = spawn.Pipe()
        self.process = spawn.Process(target=_serve, args=(build, theirs), daemon=True)
        self.process.start()

    def run(self, task: str) -> Spent:
        """Run a task; returns what it took, measured in its process."""
        self.pipe.send(task)
        return Spent(*self.pipe.recv())

    def end(self) -> float:
        """End the process; returns its peak memory in MB."""
        self.pipe.send(None)
        peak = float(self.pipe.recv())
        self.process.join()
        return peak


def _serve(build: Callable[[], Tasks], pipe: Connection) -> None:
    tasks = build()
    while name := pipe.recv():
        pipe.send(tuple(spent_by(tasks[name])))
    pipe.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def sides_in_turn(runs: Mapping[str, tuple[Side, str]], rounds: int, warm_ups: int = 2) -> Times:
    """Time tasks of several sides in interleaved rounds; see :func:`in_turn`.

    Args:
        runs: side and task, by the result's name.
    """
    return in_turn({name: partial(side.run, task) for name, (side, task) in runs.items()}, rounds, warm_ups)


def in_turn(tasks: Mapping[str, Callable[[], object]], rounds: int, warm_ups: int = 2) -> Times:
    """Time tasks in interleaved rounds.

    Args:
        tasks: tasks by name.
        rounds: number of rounds.
        warm_ups: rounds before these that do not count.

    Returns:
        What each task took in each round.
    """
    times: Times = {name: [] for name in tasks}
    for number in range(-warm_ups, rounds):
        for name, task in tasks.items():
            spent = spent_by(task)
            if number >= 0:
                times[name].append(spent)
    return times


def median_ratio(times: Times, slow: str, fast: str, clock: Clock = "wall") -> float:
    """Return the speed-up of one task over another: the median over the rounds."""
    pairs = zip(times[slow], times[fast], strict=True)
    return statistics.median(getattr(a, clock) / getattr(b, clock) for a, b in pairs)


def median_seconds(times: Times, name: str, clock: Clock = "wall") -> float:
    """Return the median seconds of a task."""
    return statistics.median(getattr(one, clock) for one in times[name])


def rate(times: Times, name: str, count: int, clock: Clock = "wall") -> float:
    """Return the median items per second of a task that processes ``count`` items."""
    return count / median_seconds(times, name, clock)


def speeds(times: Times, slow: str, fast: str, count: int, clock: Clock = "wall") -> list[float]:
    """Return the rates of two tasks, and the median ratio."""
    return [*(rate(times, name, count, clock) for name in (slow, fast)), median_ratio(times, slow, fast, clock)]


def print_table(title: str, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table; see :func:`table_text`."""
    print(table_text(title, head, rows), flush=True)


def table_text(title: str, head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Write a table in Markdown; floats get three significant digits."""
    cells = [list(head), *([_text(value) for value in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join([f"\n### {title}\n", *lines])


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
    return str(value)


def gemm_peak() -> float:
    """Measure this machine's best matrix product in float32, in FLOP/s: torch's own and oneDNN's, three sizes."""
    import torch  # here: the peak of a child begins with this process's memory

    best = 0.0
    with torch.inference_mode():
        for side in (1024, 2048, 3072):
            a, b = torch.rand(side, side), torch.rand(side, side)
            products: list[Callable[[], object]] = [partial(torch.matmul, a, b)]
            if hasattr(torch.ops.mkldnn, "_linear_pointwise"):
                packed = torch.ops.mkldnn._reorder_linear_weight(b, side)
                products.append(partial(torch.ops.mkldnn._linear_pointwise, a, packed, None, "none", [], None))
            for product in products:
                times = in_turn({"product": product}, rounds=5)["product"]
                best = max(best, 2 * side**3 / min(one.wall for one in times))
    return best
