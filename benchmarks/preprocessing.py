"""Speed of decoding, augmentation and look-ups: python -m benchmarks.preprocessing."""

import os
import random
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import torch

from ampnet.dataset.index.face_index import FaceIndex
from ampnet.dataset.loading.dataset import FaceBatches, FaceDataset, SampleKey
from ampnet.dataset.loading.loader import batch_loader
from ampnet.dataset.loading.sampling import ResumableBatchSampler
from ampnet.dataset.open_index import read_index
from ampnet.models.ampnet import AMPNet
from ampnet.models.regions import quadrant_boxes, salient_boxes
from ampnet.runtime.memory import keep_freed_memory
from ampnet.settings.recipes import Augmentation
from benchmarks.baseline.preprocessing import BaselineBatches
from benchmarks.measure import in_turn, median_seconds, print_table, rate, speeds
from benchmarks.network import SMALL_BATCH, faces, our_step
from tests.prepared_faces import write_prepared_faces

COUNT, BATCH = 192, 32
ROUNDS = 7
LOOK_UPS = 100
CPU = torch.device("cpu")


def compare_preprocessing(index: FaceIndex) -> None:
    """Print images per second on one core, from the file to the network's input."""
    names = [index.files[i] for i in range(COUNT)]
    baseline = BaselineBatches(index.root / "dataset", names, index.landmarks[:COUNT].astype(float), [0] * COUNT)
    starts = range(0, COUNT, BATCH)

    def run_baseline() -> None:
        for start in starts:
            baseline.batch(names[start : start + BATCH])

    tasks = {"baseline": run_baseline}
    keys = [SampleKey(0, i, i) for i in range(COUNT)]
    for size in (224, 112):
        batches = FaceBatches(FaceDataset(index, np.arange(COUNT), size, Augmentation()))

        def ours(batches: FaceBatches = batches, grid: int = size // 8) -> None:
            for start in starts:
                batch = batches[keys[start : start + BATCH]].to(CPU)
                quadrant_boxes(batch.landmarks, grid), salient_boxes(batch.landmarks, grid)

        tasks[f"{size} px"] = ours
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    times = in_turn(tasks, ROUNDS)
    found = {name: speeds(times, "baseline", name, COUNT, "cpu") for name in ("224 px", "112 px")}
    torch.set_num_threads(os.cpu_count() or 1)
    print_table(
        "Preprocessing: decode, augment, regions; per core (processor time)",
        ["", "baseline (224 px), images/s", "ours, images/s", "times as fast", "target"],
        [[name, *found[name], target] for name, target in zip(found, (">= 4", ""), strict=True)],
    )


def show_loading(index: FaceIndex) -> None:
    """Print the speed of two loader workers relative to the small network that they feed."""
    model = AMPNet(width=0.25, image_size=112)
    step = our_step(model.train(), faces(SMALL_BATCH, 112))
    steps = in_turn({"train": step}, ROUNDS)
    positions = np.arange(50 * COUNT) % len(index)
    dataset = FaceDataset(index, positions, 112, Augmentation())
    order = ResumableBatchSampler(index.labels[positions], SMALL_BATCH, seed=0)
    loader = iter(batch_loader(dataset, order, 2, CPU))
    for _ in range(10):
        next(loader)
    start, loaded = time.perf_counter(), 60
    for _ in range(loaded):
        next(loader).to(CPU)
    loading = loaded * SMALL_BATCH / (time.perf_counter() - start)
    training = rate(steps, "train", SMALL_BATCH)
    print_table(
        "Small network: loading against training",
        ["2 loading processes, images/s", "training step on all cores, images/s", "loading / training", "target"],
        [[loading, training, loading / training, "> 1"]],
    )


def compare_look_ups() -> None:
    """Print the time to find a sample's file, landmarks and label by the size of the data set."""
    rows = []
    for count in (10_000, 1_000_000):
        names = [f"train_{i:07d}.jpg" for i in range(count)]
        index = FaceIndex(
            root=Path("data"),
            class_names=("a", "b"),
            names=names,
            labels=np.ones(count, dtype=np.int64),
            splits=["train"] * count,
            landmarks=np.ones((count, 5, 2), dtype=np.float32),
            files=names,
            undetected={},
            framing=None,
        )
        chosen = random.Random(0).sample(range(count), LOOK_UPS)

        def search(names: list[str] = names, index: FaceIndex = index, chosen: list[int] = chosen) -> None:
            for i in chosen:
                index.landmarks[names.index(names[i])], index.labels[i]

        def look_up(index: FaceIndex = index, chosen: list[int] = chosen) -> None:
            for i in chosen:
                index.image_path(i), index.landmarks[i], index.labels[i]

        times = in_turn({"search": search, "look up": look_up}, ROUNDS)
        rows.append([f"{count:,}", *(1e6 * median_seconds(times, name) / LOOK_UPS for name in times)])
    print_table("Look-ups, microseconds a sample", ["images in the set", "baseline", "ours"], rows)


if __name__ == "__main__":
    keep_freed_memory()
    with tempfile.TemporaryDirectory() as folder:
        prepared = read_index(write_prepared_faces(Path(folder) / "faces", train=30, val=0))
        compare_preprocessing(prepared)
        compare_look_ups()
        show_loading(prepared)
