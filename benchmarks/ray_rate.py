"""Images/s of predict on one machine's path and on Ray, and the memory of all processes over time.

    python -m benchmarks.ray_rate PHOTOS [--images 2000] [--actors 1 2] [--part-images 1024]

PHOTOS is a folder; its images are linked as often as needed. The single path runs its network in one thread, as an
actor does. Prints a line for each way: images/s of the whole command, start-up included, and of Ray's also those after
the first part of each actor; and resident memory in MB at a quarter, half and three quarters of its duration, and at
most (the command and all that it started; shared pages count in each process).
"""

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from ampnet.media.images import list_images
from benchmarks.processes import descendants


def resident(root: int) -> int:
    """Return the resident bytes of a process and its descendants."""
    total = 0
    for pid in [root, *descendants(root)]:
        try:
            total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except OSError:
            continue
    return total


def later_rate(out: Path, actors: int, part_images: int) -> float:
    """Return images/s after the first part of each actor; the last one, which may not be full, is left out."""
    done = sorted(part.stat().st_mtime for part in sorted(out.glob("part-*.parquet"))[:-1])
    return part_images * (len(done) - actors) / (done[-1] - done[actors - 1]) if len(done) > actors else float("nan")


def measure(name: str, options: list[str], folder: Path, images: int) -> None:
    """Run one way and print its line."""
    command = [sys.executable, "-m", "cli", "predict", str(folder), "--gpus", "0", "--quiet", *options]
    samples: list[int] = []
    begun = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"})
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.5):
            samples.append(resident(process.pid) >> 20)

    thread = threading.Thread(target=watch)
    thread.start()
    code = process.wait()
    seconds = time.monotonic() - begun
    over.set()
    thread.join()
    quarters = [samples[len(samples) * part // 4] for part in (1, 2, 3)] if samples else []
    print(
        f"{name:14} {images / seconds:8.1f} images/s  MB {quarters} max {max(samples, default=0)}  exit {code}",
        flush=True,
    )


def main() -> None:
    """Measure all ways on the same images."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--actors", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--part-images", type=int, default=1024)
    options = parser.parse_args()
    found = list_images(options.photos)
    with tempfile.TemporaryDirectory() as scratch:
        links = Path(scratch, "links")
        for number in range(options.images):
            link = links / f"{number // 10_000:04d}" / f"{number:08d}{found[number % len(found)].suffix}"
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(found[number % len(found)].resolve())
        measure("one machine", ["--csv", f"{scratch}/one.csv"], links, options.images)
        for actors in options.actors:
            way = ["--engine", "ray", "--actors", str(actors), "--out", f"{scratch}/{actors}"]
            measure(f"ray, {actors} actors", [*way, "--part-images", str(options.part_images)], links, options.images)
            rate = later_rate(Path(scratch, str(actors)), actors, options.part_images)
            print(f"{'':14} {rate:8.1f} images/s after the start", flush=True)


if __name__ == "__main__":
    main()
