"""Faces per second of `eval`'s network, by number of loading processes and by precision, alternately.

    python -m benchmarks.eval_rate DATA [--model bundled:ferplus] [--split val] [--faces 3589] [--rounds 5]

DATA is a folder from `ampnet prepare`. Decoding, framing, resizing and the network are timed, reading the index and
writing the report are not; *network* is the network alone, on batches that are in memory.
"""

import argparse
import itertools
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from ampnet.checkpoints.bundled import named_model
from ampnet.checkpoints.checkpoint import load_checkpoint
from ampnet.dataset.index.splits import split_indices
from ampnet.dataset.loading.loader import batch_loader
from ampnet.dataset.loading.sampling import ShardedSequentialSampler
from ampnet.dataset.open_index import read_index
from ampnet.inference.classifier import Classifier, faces_for
from ampnet.runtime.memory import keep_freed_memory
from benchmarks.measure import in_turn, median_ratio, print_table, rate

BATCH = 64
WORKERS = (0, 1, 2)
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def main() -> None:
    """Measure alternately, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", type=Path, default=Path("bundled:ferplus"))
    parser.add_argument("--split", default="val")
    parser.add_argument("--faces", type=int, default=3589)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    keep_freed_memory()
    checkpoint, device = load_checkpoint(named_model(arguments.model)), torch.device("cpu")
    index = read_index(arguments.data)
    faces = index.subset(split_indices(index)[arguments.split][: arguments.faces])
    dataset, count = faces_for(checkpoint, faces), len(faces)
    order = ShardedSequentialSampler(count, BATCH)
    loaded = list(batch_loader(dataset, order, 0, device))

    tasks: dict[str, Callable[[], object]] = {}
    for precision, dtype in DTYPES.items():
        classifier = Classifier.from_checkpoint(checkpoint, device, dtype=dtype)
        tasks[f"network, {precision}"] = partial(classifier.collect, loaded)
        tasks[f"as eval, {precision}"] = partial(classifier.collect_faces, dataset, BATCH, 0)
        for workers in WORKERS:
            loader = partial(batch_loader, dataset, order, workers, device)
            tasks[f"{workers} workers, {precision}"] = partial(_collect, classifier, loader)
    times = in_turn(tasks, arguments.rounds, time.perf_counter)
    rows = [
        (name, rate(times, name, count), median_ratio(times, "0 workers, fp32", name))
        for name in itertools.chain(tasks)
    ]
    title = f"eval of {count:,} faces, {torch.get_num_threads()} cores, medians over {arguments.rounds} rounds"
    print_table(title, ("way", "faces/s", "times 0 workers, fp32"), rows)


def _collect(classifier: Classifier, load: Callable[[], Any]) -> object:
    return classifier.collect(load())


if __name__ == "__main__":
    main()
