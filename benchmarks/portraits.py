"""Studio portraits of 1,350 px in prepare and in predict: python -m benchmarks.portraits [--than TREE].

Makes portraits from the rendered faces: one face of 500 to 700 px on a mottled backdrop. With another tree of ampnet
(``git worktree add TREE COMMIT``), both take turns. Times include the start of the program; ``cpu`` is that of the
process, which a busy machine changes least.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from benchmarks.measure import print_table

SIDE = 1350
FACES = Path("tests/samples/faces")


def main() -> None:
    """Measure in turn, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=204)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--than", type=Path)
    arguments = parser.parse_args()
    trees = {"now": Path.cwd()} | ({} if arguments.than is None else {"before": arguments.than.resolve()})
    with tempfile.TemporaryDirectory() as folder:
        photos = Path(folder) / "photos"
        make_portraits(photos, arguments.count)
        commands = {
            "prepare": ["prepare", str(photos), "--out", f"{folder}/set", "--no-check", "--force", "-q"],
            "predict": ["predict", str(photos), "--face", "largest", "--csv", f"{folder}/faces.csv", "--force", "-q"],
        }
        spent: dict[tuple[str, str], list[tuple[float, float]]] = {}
        for _round in range(arguments.rounds):
            for name, command in commands.items():
                for tree, path in trees.items():
                    spent.setdefault((name, tree), []).append(timed(command, path))
    count = arguments.count
    rows = [
        (name, tree, count / min(wall for wall, _ in times), 1000 * min(cpu for _, cpu in times) / count)
        for (name, tree), times in spent.items()
    ]
    title = f"{count} portraits of {SIDE} px, best of {arguments.rounds} rounds, {os.cpu_count()} cores"
    print_table(title, ("command", "tree", "images/s", "cpu ms an image"), rows)


def make_portraits(folder: Path, count: int) -> None:
    """Write portraits as JPEG files, in a folder for each class."""
    rng = np.random.default_rng(0)
    heads = sorted(FACES.rglob("*.jpg"))
    for number in range(count):
        head = heads[number * len(heads) // count]
        mottled = rng.integers(110, 140, (SIDE // 8, SIDE // 8, 3), dtype=np.uint8)
        canvas = cv2.resize(mottled, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
        side = int(rng.integers(1000, SIDE))  # the face is about half of it
        left, top = (SIDE - side) // 2, SIDE - side
        pixels = np.asarray(cv2.imread(str(head)), dtype=np.uint8)
        enlarged = cv2.resize(pixels, (side, side), interpolation=cv2.INTER_CUBIC)
        canvas[top:, left : left + side] = enlarged
        grain = np.asarray(rng.normal(0, 3, canvas.shape)).astype(np.int16)
        place = folder / head.parent.name / f"{number:04d}.jpg"
        place.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(place), (canvas + grain).clip(0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 92])


def timed(command: list[str], tree: Path) -> tuple[float, float]:
    """Run a command of a tree; returns its wall time and CPU time in seconds."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    subprocess.run(
        [sys.executable, "-c", "import cli; cli.program()", *command],
        env=environment,
        cwd=tree,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - start, spent


if __name__ == "__main__":
    main()
