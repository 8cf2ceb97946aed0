"""Speed of prepare, compared with its detector alone: python -m benchmarks.prepare_rate RAW_DIR [IMAGES].

Both ways take the same images alternately, round after round, so that a busy machine slows both alike; the last
column is processor time, which a busy machine changes least.
"""

import sys
import tempfile
from pathlib import Path

from ampnet.dataset.index.face_names import unique_names
from ampnet.dataset.preparation.chunks import CHUNK, FramePolicy, PrepareJob, prepare_chunks, start_preparation_threads
from ampnet.dataset.preparation.image_stores import ImageFiles
from ampnet.dataset.sources import open_source
from ampnet.detection.detector import FaceDetector
from ampnet.detection.retries import detect_with_retries
from benchmarks.measure import in_turn, median_seconds, print_table, rate

ROUNDS = 5
THREADS = 2


def main(raw: Path, count: int, folder: Path) -> None:
    """Print the speed of decoding, detection and all of prepare."""
    source = open_source(raw)
    items = source.items[:: max(len(source.items) // count, 1)][:count]
    detector = FaceDetector()
    images = [item.picture().photo.reduced for item in items]
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
    times = in_turn(tasks, ROUNDS, warm_ups=0)
    alone = median_seconds(times, "detector alone")
    rows = [
        (
            name,
            rate(times, name, len(items)),
            f"{alone / median_seconds(times, name):.0%}",
            1000 * median_seconds(times, name, "cpu") / len(items),
        )
        for name in tasks
    ]
    head = ("", "images/s", "share", "CPU ms an image")
    print_table(f"{len(items)} images of {raw}, median of {ROUNDS} rounds", head, rows)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as aside:
        main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 512, Path(aside))
