"""Images per second that one process loads from tar shards and from files, in a training order and one after another.

    ampnet convert DATA --to shards --out SHARDS
    python -m benchmarks.shard_loading DATA SHARDS [COUNT]

Reading alone, then whole augmented batches; both forms take turns, and the best of three rounds counts. The files are
in the page cache after the first round: what a slow disk adds is not measured here.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from ampnet.dataset.index.face_index import FaceIndex
from ampnet.dataset.loading.dataset import FaceBatches, FaceDataset, SampleKey
from ampnet.dataset.open_index import read_index
from ampnet.settings.recipes import Augmentation

ROUNDS = 3
BATCH = 64


def main(files: Path, shards: Path, count: int) -> None:
    """Print a table of rates."""
    cv2.setNumThreads(1)
    forms = {"files": read_index(files), "shards": read_index(shards)}
    total = len(forms["files"])
    count = min(count, total)
    shuffled = np.random.default_rng(1).permutation(total)[:count]
    work: dict[str, Callable[[FaceIndex], None]] = {
        "read, one after another": lambda index: read(index, np.arange(count)),
        "read, shuffled": lambda index: read(index, shuffled),
        "batches for training": lambda index: load(index, shuffled[: count // 4]),
    }
    print(f"{'images/s':28}{'files':>10}{'shards':>10}{'ratio':>8}")
    for name, run in work.items():
        faces = count // 4 if run is work["batches for training"] else count
        best = dict.fromkeys(forms, float("inf"))
        for _ in range(ROUNDS):
            for form, index in forms.items():
                started = time.perf_counter()
                run(index)
                best[form] = min(best[form], time.perf_counter() - started)
        rates = [faces / best[form] for form in forms]
        print(f"{name:28}{rates[0]:10,.0f}{rates[1]:10,.0f}{rates[1] / rates[0]:8.2f}")


def read(index: FaceIndex, order: np.ndarray) -> None:
    """Read image files in an order."""
    for i in order.tolist():
        index.image_bytes(i)


def load(index: FaceIndex, order: np.ndarray) -> None:
    """Load augmented batches of 112 px."""
    batches = FaceBatches(FaceDataset(index, order, 112, Augmentation(), color="grey"))
    for start in range(0, len(order), BATCH):
        batches[[SampleKey(0, i, i) for i in range(start, min(start + BATCH, len(order)))]]


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 20_000)
