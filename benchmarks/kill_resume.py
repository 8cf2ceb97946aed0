"""Kill a real training run at random moments, resume it each time, and compare its weights with an uninterrupted run.

    python benchmarks/kill_resume.py --data DIR --kills 20

This process only imports; each part of the run is a fork of it, so that a kill costs no start-up time. Exits with 1
unless both runs end with the same weights, bit for bit.
"""

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from ampnet.config import TrainConfig, read_modules
from ampnet.errors import AmpnetError
from ampnet.recipes import make_recipe
from pipelines.train import run


def settings(data: Path, out: Path, epochs: int, workers: int, modules: str) -> TrainConfig:
    """A tiny network whose run saves after every step."""
    chosen = read_modules(modules)
    recipe = make_recipe("modern", {"epochs": epochs, "batch_size": 7, "lr": 0.02})
    return TrainConfig(
        data=data,
        out=out,
        width=0.05,
        image_size=48,
        modules=chosen,
        recipe=recipe,
        gpus=0,
        processes=1,
        workers=workers,
        save_every=0,
    )


def start(life: Callable[[], None]) -> int:
    """Run a function in a forked process; returns its pid."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            torch.set_num_threads(1)
            life()
            status = 0
        except AmpnetError as error:
            print(f"the run failed: {error}", file=sys.stderr)
        finally:
            os._exit(status)
    return child


def ended(child: int, deadline: float) -> int | None:
    """Wait for a process until a deadline; returns its exit status (0 if already collected), None if still running."""
    while True:
        try:
            done, status = os.waitpid(child, os.WNOHANG)
        except ChildProcessError:
            return 0
        if done:
            return status
        if time.monotonic() >= deadline:
            return None
        time.sleep(0.002)


def kill_and_resume(config: TrainConfig, kills: int, longest_life: float, rng: random.Random) -> int:
    """Run to the end, with at most ``kills`` random kills; returns their number."""
    killed = 0
    while True:
        life = replace(config, resume=(config.out / str(config.name)).is_dir())
        child = start(lambda life=life: run(life, quiet=True) and None)  # type: ignore[misc]
        limit = rng.uniform(0, longest_life) if killed < kills else float("inf")
        status = ended(child, time.monotonic() + limit)
        if status == 0:
            return killed
        if status is not None:
            sys.exit(f"the run failed after {killed} kills instead of resuming")
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        killed += 1


def same_weights(first: Path, second: Path) -> bool:
    """Compare weights, averaged weights and optimizer state of two finished runs, bit for bit."""
    contents = [torch.load(folder / "last.pt", weights_only=True) for folder in (first, second)]
    flat = [
        [
            *content["model"].values(),
            *content["training"]["weights"].values(),
            *(value["momentum_buffer"] for value in content["training"]["optimizer"]["state"].values()),
        ]
        for content in contents
    ]
    rows = [
        [{k: v for k, v in row.items() if k != "seconds"} for row in content["training"]["history"]["rows"]]
        for content in contents
    ]
    return rows[0] == rows[1] and all(torch.equal(a, b) for a, b in zip(*flat, strict=True))


def main() -> None:
    """Compare an uninterrupted run with killed ones."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder from `ampnet prepare`")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--modules", default="gp,lp,ap")
    parser.add_argument("--seed", type=int, default=0, help="random seed of the kill times")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        config = settings(options.data, Path(folder), options.epochs, options.workers, options.modules)
        begun = time.monotonic()
        calm = start(lambda: run(replace(config, name="calm"), quiet=True) and None)
        while not (config.out / "calm" / "last.pt").exists() and ended(calm, 0.0) is None:
            time.sleep(0.002)
        starting = time.monotonic() - begun
        ended(calm, float("inf"))
        undisturbed = time.monotonic() - begun

        # On average half of these lives' time is progress, so that the run lasts for all kills.
        longest, rng = starting + undisturbed / options.kills, random.Random(options.seed)
        killed, runs, same = 0, 0, True
        while killed < options.kills:
            runs += 1
            disturbed = replace(config, name=f"killed{runs}")
            killed += kill_and_resume(disturbed, options.kills - killed, longest, rng)
            same = same and same_weights(config.out / "calm", config.out / str(disturbed.name))
        verdict = "equal, bit for bit" if same else "DIFFER"
        print(
            f"{killed} kills in {runs} runs and {time.monotonic() - begun - undisturbed:.1f} s, "
            f"undisturbed {undisturbed:.1f} s: weights {verdict}"
        )
        if not same:
            sys.exit(1)


if __name__ == "__main__":
    main()
