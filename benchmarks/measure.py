"""Interleaved timing, so that load on the machine slows both sides alike, and tables of medians."""

import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from multiprocessing.connection import Connection

import torch

Times = dict[str, list[float]]
Tasks = dict[str, Callable[[], object]]


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

    def run(self, task: str) -> float:
        """Run a task; returns its seconds, measured in its process."""
        self.pipe.send(task)
        return float(self.pipe.recv())

    def end(self) -> float:
        """End the process; returns its peak memory in MB."""
        self.pipe.send(None)
        peak = float(self.pipe.recv())
        self.process.join()
        return peak


def _serve(build: Callable[[], Tasks], pipe: Connection) -> None:
    tasks = build()
    while name := pipe.recv():
        start = time.perf_counter()
        tasks[name]()
        pipe.send(time.perf_counter() - start)
    pipe.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def sides_in_turn(runs: Mapping[str, tuple[Side, str]], rounds: int) -> Times:
    """Time tasks of several sides in interleaved rounds, after two warm-up rounds.

    Args:
        runs: side and task, by the result's name.
        rounds: number of rounds.
    """
    times: Times = {name: [] for name in runs}
    for number in range(-2, rounds):
        for name, (side, task) in runs.items():
            seconds = side.run(task)
            if number >= 0:
                times[name].append(seconds)
    return times


def in_turn(
    tasks: Mapping[str, Callable[[], object]],
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
) -> Times:
    """Time tasks in interleaved rounds, after each has run twice as a warm-up.

    Args:
        tasks: tasks by name.
        rounds: number of rounds.
        clock: ``time.process_time`` measures CPU time.

    Returns:
        Seconds of each task in each round.
    """
    times: Times = {name: [] for name in tasks}
    for task in tasks.values():
        task()
        task()
    for _round in range(rounds):
        for name, task in tasks.items():
            start = clock()
            task()
            times[name].append(clock() - start)
    return times


def median_ratio(times: Times, slow: str, fast: str) -> float:
    """Return the speed-up of one task over another: the median over the rounds."""
    return statistics.median(a / b for a, b in zip(times[slow], times[fast], strict=True))


def rate(times: Times, name: str, count: int) -> float:
    """Return the median items per second of a task that processes ``count`` items."""
    return count / statistics.median(times[name])


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
                best = max(best, 2 * side**3 / min(times))
    return best
