"""How opening, shuffling, stepping and loading a test split slow down with the rows of an index in shards; no images.

    python -m benchmarks.index_growth FOLDER [--most 100000000] [--plot docs/index_growth.png]

Every table of the made set is a hard link to one of a few real ones, so that a hundred million rows take little disk
and reading one of them still costs what it costs. Each size is measured in a process of its own, beside the index of
files where that fits (up to a million rows); FOLDER/made-* is deleted afterwards.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from ampnet.dataset.index.index_files import faces_table
from ampnet.dataset.loading.sampling import ResumableBatchSampler, StreamedBatchSampler
from ampnet.dataset.open_index import open_split, open_training_index
from ampnet.dataset.shards.manifest import Manifest, Shard, write_manifest
from ampnet.dataset.shards.streamed_split import StreamedSplit
from ampnet.dataset.shards.streaming import SHARDS_AT_ONCE
from ampnet.dataset.shards.writer import ShardFace, write_shard
from ampnet.settings.datasets import FACES_PER_SHARD
from ampnet.settings.labels import EXPRESSIONS

SIZES = (10_000, 100_000, 1_000_000, 10_000_000, 100_000_000)
TABLES = 4
BATCH = 256
STEPS = 200


def make(root: Path, faces: int) -> None:
    """Write an index of so many training rows: TABLES tables, and links to them; and one table of test rows."""
    made: list[Shard] = []
    count = max(faces // FACES_PER_SHARD, 1)
    for number in range(min(TABLES, count)):
        made.append(write_table(root, number, "train", min(faces, FACES_PER_SHARD)))
    for number in range(len(made), count):
        os.link(root / "index" / faces_table(number % TABLES), root / "index" / faces_table(number))
    shards = [made[number % TABLES] for number in range(count)]
    shards.append(write_table(root, count, "test", FACES_PER_SHARD))
    write_manifest(root, Manifest(class_names=EXPRESSIONS, shards=shards))


def write_table(root: Path, number: int, split: str, count: int) -> Shard:
    """Write the table of one shard, of made rows."""
    rng = np.random.default_rng(number)
    rows = [
        ShardFace(f"{split}_{number:03d}_{i:08d}.jpg", int(rng.integers(7)), split, rng.random((5, 2)) * 224, b"")
        for i in range(count)
    ]
    return write_shard(root, number, rows, len(EXPRESSIONS))


def measure(root: Path) -> dict[str, float]:
    """Time one size in this process."""
    import ampnet.dataset.open_index as open_index

    open_index.STREAMED_FACES = 0  # the small sizes as well, to see the same thing grow
    import pyarrow.parquet  # noqa: F401 - not a part of the growth

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    index = open_training_index(root)
    assert index.shards is not None
    train = index.shards.splits()["train"]
    opened = time.perf_counter()
    order = StreamedBatchSampler(train.sizes, SHARDS_AT_ONCE, BATCH, seed=1)
    first = next(iter(order))
    shuffled = time.perf_counter()
    read(index, train, first)
    order.start_at(0, order.steps // 2)
    steps = iter(order)
    next(steps)
    begun = time.perf_counter()
    done = 0
    for _, keys in zip(range(STEPS), steps):  # noqa: B905 - the small sizes have fewer steps
        read(index, train, keys)
        done += 1
    ended = time.perf_counter()
    return {
        "rows": len(train),
        "open": opened - started,
        "shuffle": shuffled - opened,
        "step": (ended - begun) / max(done, 1),
        "memory": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024,
        "test split": open_test(root),
        "in memory: shuffle": plain_shuffle(len(train)),
    }


def open_test(root: Path) -> float:
    """Time what `eval` loads: the rows of the test split."""
    started = time.perf_counter()
    index = open_split(root, "test")
    assert len(index) == FACES_PER_SHARD
    return time.perf_counter() - started


def read(index: object, train: StreamedSplit, keys: list) -> None:
    """Read what a step needs of the index: positions, labels and landmarks."""
    entries = train[[key.position for key in keys]]
    _ = index.labels[entries], index.landmarks[entries]


def plain_shuffle(rows: int) -> float:
    """Time the first batch of the order that needs all labels."""
    if rows > 10_000_000:
        return float("nan")
    order = ResumableBatchSampler(np.zeros(rows, dtype=np.int64), BATCH, seed=1)
    started = time.perf_counter()
    next(iter(order))
    return time.perf_counter() - started


def plot(rows: list[dict[str, float]], path: Path) -> None:
    """Draw the times over the rows, both axes logarithmic."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (times, memory) = pyplot.subplots(1, 2, figsize=(9, 3.6), constrained_layout=True)
    sizes = [row["rows"] for row in rows]
    names = {
        "open": "open the shards",
        "shuffle": "first batch of an epoch, shards",
        "step": f"one step of {BATCH} faces, shards",
        "test split": f"load {FACES_PER_SHARD:,} test faces, shards",
        "in memory: shuffle": "first batch, all rows in memory",
    }
    for key, name in names.items():
        style = "k--" if key.startswith("in") else "o-"
        times.loglog(sizes, [1000 * row[key] for row in rows], style, label=name)
    times.set(xlabel="rows of the index", ylabel="ms")
    times.legend(fontsize=8)
    memory.semilogx(sizes, [row["memory"] for row in rows], "o-")
    memory.set(xlabel="rows of the index", ylabel="MB added to the process", ylim=(0, None))
    for axes in (times, memory):
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=110)


def main() -> None:
    """Measure every size in a process of its own; print a table, draw a plot."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--most", type=int, default=SIZES[-1])
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(arguments.folder)))
        return
    rows = []
    for size in (size for size in SIZES if size <= arguments.most):
        root = arguments.folder / f"made-{size}"
        try:
            make(root, size)
            command = [sys.executable, "-m", "benchmarks.index_growth", str(root), "--one"]
            rows.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
        finally:
            shutil.rmtree(root, ignore_errors=True)
        print(", ".join(f"{name} {value:,.4g}" for name, value in rows[-1].items()), flush=True)
    if arguments.plot:
        plot(rows, arguments.plot)


if __name__ == "__main__":
    main()
