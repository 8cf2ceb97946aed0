"""Speed of prepare, compared with its detector alone: python benchmarks/prepare_rate.py RAW_DIR [IMAGES].

Both ways take the same images alternately, round after round, so that a busy machine slows both alike; the last
column is processor time, which a busy machine changes least.
"""

import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from ampnet.dataset.index.face_names import unique_names
from ampnet.dataset.preparation.chunks import CHUNK, FramePolicy, PrepareJob, prepare_chunks, start_preparation_threads
from ampnet.dataset.preparation.image_stores import ImageFiles
from ampnet.dataset.sources import open_source
from ampnet.detection.detector import FaceDetector
from ampnet.detection.retries import detect_with_retries

ROUNDS = 5
THREADS = 2


def timed(task: Callable[[], None]) -> tuple[float, float]:
    """Run a task; returns its wall time and CPU time in seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    task()
    return time.perf_counter() - wall, time.process_time() - cpu


def main(raw: Path, count: int) -> None:
    """Print the speed of decoding, detection and all of prepare."""
    source = open_source(raw)
    items = source.items[:: max(len(source.items) // count, 1)][:count]
    detector = FaceDetector()
    images = [item.picture().photo.reduced for item in items]
    folder = Path(tempfile.mkdtemp())
    work = PrepareJob(items, unique_names(items), FramePolicy("none", "largest", "template"), ImageFiles(folder))
    chunks = range(len(work.chunk_sizes()))

    def decode() -> None:
        for item in items:
            _ = item.picture().photo.reduced

    def detect() -> None:
        for start in range(0, len(images), CHUNK):
            detect_with_retries(detector, images[start : start + CHUNK])

    def prepare() -> None:
        with start_preparation_threads(THREADS, detector.device) as threads:
            for _chunk in prepare_chunks(work, chunks, detector, threads):
                pass

    tasks = {"decode, one thread": decode, "detector alone": detect, "prepare": prepare}
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in tasks}
    for _round in range(ROUNDS):
        for name, task in tasks.items():
            times[name].append(timed(task))
    shutil.rmtree(folder)

    print(f"{len(items)} images of {raw}, median of {ROUNDS} rounds")
    print(f"{'':20}{'images/s':>10}{'share':>8}{'cpu ms/image':>14}")
    detector_wall = statistics.median(wall for wall, _cpu in times["detector alone"])
    for name, taken in times.items():
        wall = statistics.median(wall for wall, _cpu in taken)
        cpu = statistics.median(cpu for _wall, cpu in taken)
        print(f"{name:20}{len(items) / wall:10.0f}{detector_wall / wall:8.0%}{1000 * cpu / len(items):14.2f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 512)
