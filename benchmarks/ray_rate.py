"""Images/s of predict or prepare on one machine's path and on Ray, and the memory of all processes over time.

    python -m benchmarks.ray_rate FOLDER [--command predict|prepare] [--images 2000] [--actors 1 2] [--threads 1]
        [--part-images 1024]

FOLDER is a raw data set with a folder for each class; its images are linked as often as needed. Prints a line for each
way: images/s of the whole command, start-up included, and for predict on Ray also those after the first part of each
actor; and resident memory in MB at a quarter, half and three quarters of its duration, and at most (the command and all
that it started; shared pages count in each process). --threads limits one machine's path, whose predict runs the
networks in one thread by default, as an actor does; prepare always uses all cores.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from ampnet.reading.image_files import list_images
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


def measure(name: str, command: list[str], options: list[str], images: int, threads: int = 1) -> None:
    """Run one way and print its line."""
    command = [sys.executable, "-m", "cli", *command, "--gpus", "0", "--quiet", *options]
    samples: list[int] = []
    begun = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": str(threads)})
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


def link(folder: Path, links: Path, count: int) -> None:
    """Link to a folder's images under so many names, in the same subfolders."""
    found = list_images(folder)
    for number in range(count):
        image = found[number % len(found)]
        place = links / image.relative_to(folder).parent
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number:08d}{image.suffix}").symlink_to(image.resolve())


def main() -> None:
    """Measure all ways on the same images."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--command", choices=("predict", "prepare"), default="predict")
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--actors", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--part-images", type=int, default=1024)
    options = parser.parse_args()
    is_predict = options.command == "predict"
    with tempfile.TemporaryDirectory() as scratch:
        links = Path(scratch, "links")
        link(options.folder, links, options.images)
        command = [options.command, str(links)]
        alone, out = Path(scratch, "alone"), Path(scratch, "ray")
        if not is_predict:
            command += ["--crop", "face", "--no-face", "template", "--no-check"]
        way = ["--csv", f"{alone}.csv"] if is_predict else ["--out", str(alone)]
        measure("one machine", command, way, options.images, options.threads)
        shutil.rmtree(alone, ignore_errors=True)
        for actors in options.actors:
            way = ["--engine", "ray", "--actors", str(actors), "--out", str(out)]
            way += ["--part-images", str(options.part_images)] if is_predict else []
            measure(f"ray, {actors} actors", command, way, options.images)
            if is_predict:
                print(
                    f"{'':14} {later_rate(out, actors, options.part_images):8.1f} images/s after the start", flush=True
                )
            shutil.rmtree(out)


if __name__ == "__main__":
    main()
