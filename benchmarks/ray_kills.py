"""Kill Ray's actors and the driver of commands at random moments, and compare the files with an undisturbed run's.

    python -m benchmarks.ray_kills --kills 10 [--commands predict prepare prepare-shards]

In turn an actor or the driver is killed with SIGKILL; a command whose driver died is continued with --resume. The
commands join one cluster, which survives them all. Prints a table; exits with 1 unless all runs end with the
undisturbed bytes, so that every image is in the result once.
"""

import argparse
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.commands import SAMPLES, differences, results
from benchmarks.processes import descendants
from tests.small_checkpoint import small_checkpoint

ROOT = Path(__file__).parents[1]

IMAGES = {"predict": 160, "prepare": 1024, "prepare-shards": 1024}
"""Enough for several pieces of work: parts of 16 photos, or four chunks of 64."""

LINES = {
    "predict": "predict {photos} --checkpoint {network} --out {out} --part-images 16",
    "prepare": "prepare {photos} --out {out} --crop face --no-check",
    "prepare-shards": "prepare {photos} --out {out} --crop face --form shards --faces-per-shard 150 --no-check",
}

COUNTED = {"summary.json"}
"""Files that say how the work was divided between the runs."""


@dataclass
class Outcome:
    """What became of one command."""

    undisturbed: float = 0.0
    """Seconds."""
    actors: int = 0
    drivers: int = 0
    """Kills of each."""
    late: int = 0
    """Kills that came when there was nothing left to do."""
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)
    """What a run wrote otherwise, or said when it failed."""


def actors_of(cluster: int) -> list[int]:
    """List the processes that hold our actors, while they do."""
    found = []
    for pid in descendants(cluster):
        try:
            if b"ray::MapWorker" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
        except OSError:
            continue
    return found


def begin(arguments: list[str], address: str, log: Path) -> "subprocess.Popen[bytes]":
    """Start a command on the cluster."""
    command = [sys.executable, "-m", "cli", *arguments, "--engine", "ray", "--actors", "2", "--gpus", "0", "--quiet"]
    with log.open("wb") as file:
        environment = {**os.environ, "RAY_ADDRESS": address, "OMP_NUM_THREADS": "1"}
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=file)


def has_begun(out: Path) -> bool:
    """Whether the first result is there: until then, only a start-up would be disturbed."""
    record = out / "index" / ".prepare" / "journal.jsonl"
    return any(out.glob("part-*")) or (record.is_file() and record.read_bytes().count(b"\n") > 1)


def wait(process: "subprocess.Popen[bytes]", until: Callable[[], bool], step: float = 0.02) -> bool:
    """Wait until something is so; False if the process ends before."""
    while not until():
        if process.poll() is not None:
            return False
        time.sleep(step)
    return True


def disturb(name: str, line: str, paths: dict[str, str], scratch: Path, kills: int, cluster: int, address: str,
            rng: random.Random) -> Outcome:  # fmt: skip
    """Run a command undisturbed, then with one kill in each run."""
    outcome, log = Outcome(), scratch / f"{name}.log"

    def arguments(out: Path) -> list[str]:
        return [word.format(**paths, out=out) for word in line.split()]

    calm = scratch / f"{name}-calm"
    begun = time.monotonic()
    process = begin(arguments(calm), address, log)
    wait(process, lambda: has_begun(calm))
    working = time.monotonic()
    if process.wait() != 0:
        sys.exit(f"{name} failed undisturbed: {log.read_text()}")
    outcome.undisturbed, span = time.monotonic() - begun, time.monotonic() - working
    expected = results(calm)
    begun = time.monotonic()
    for number in range(kills):
        out = scratch / f"{name}-{number}"
        process = begin(arguments(out), address, log)
        moment = rng.uniform(0, 0.9 * span)
        wait(process, lambda out=out: has_begun(out))  # type: ignore[misc]
        due = time.monotonic() + moment
        is_alive = wait(process, lambda due=due: time.monotonic() >= due)  # type: ignore[misc]
        victims = actors_of(cluster) if number % 2 == 0 else [process.pid]
        if is_alive and victims:
            os.kill(rng.choice(victims), signal.SIGKILL)
        else:
            outcome.late += 1
        if number % 2 == 0:
            outcome.actors += 1
        else:
            outcome.drivers += 1
            if process.wait() != 0:
                process = begin([*arguments(out), "--resume"], address, log)
        if process.wait() != 0:
            outcome.wrong.append(log.read_text())
            continue
        outcome.wrong += [file for file in differences(results(out), expected) if file not in COUNTED]
        shutil.rmtree(out)
    outcome.seconds = time.monotonic() - begun
    return outcome


def is_open(port: int) -> bool:
    """Whether a server of this machine listens there."""
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0


def link(folder: Path, count: int, subfolders: bool) -> Path:
    """Link to the sample faces under so many names."""
    faces = sorted((SAMPLES / "faces").rglob("*.jpg"))
    for number in range(count):
        face = faces[number % len(faces)]
        place = folder / (face.parent.name if subfolders else "")
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number:05d}.jpg").symlink_to(face)
    return folder


def main() -> None:
    """Kill the asked commands."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=10, help="kills of each command")
    parser.add_argument("--commands", nargs="+", choices=LINES, default=["predict", "prepare-shards"])
    parser.add_argument("--seed", type=int, default=0, help="random seed of the kill times")
    options = parser.parse_args()
    rng, port = random.Random(options.seed), 20_000 + os.getpid() % 10_000
    table = Table("command", "undisturbed", "actors killed", "drivers killed", "too late", "with kills", "other result")
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        token = scratch / "token"
        token.write_text(secrets.token_hex(32))
        os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)}
        network = small_checkpoint(scratch / "network")
        head = [str(Path(sys.executable).with_name("ray")), "start", "--head", "--block"]
        head += [f"--port={port}", "--num-cpus=3", "--include-dashboard=false", "--disable-usage-stats"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        cluster = subprocess.Popen([*head, "--object-store-memory=256000000"], cwd=ROOT, env=environment,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
        try:
            wait(cluster, partial(is_open, port), step=0.2)
            time.sleep(5)  # the node joins; a command that comes too early would say that there is no cluster
            for name in options.commands:
                photos = link(scratch / f"photos of {name}", IMAGES[name], name != "predict")
                paths = {"photos": str(photos), "network": str(network)}
                # Words with spaces are put in after the line is split.
                one = disturb(name, LINES[name], paths, scratch, options.kills, cluster.pid, f"127.0.0.1:{port}", rng)
                times = (f"{one.undisturbed:.1f} s", f"{one.seconds:.1f} s")
                table.add_row(
                    name, times[0], str(one.actors), str(one.drivers), str(one.late), times[1], str(len(one.wrong))
                )
                wrong += [f"{name}: {told}" for told in one.wrong]
        finally:
            cluster.terminate()
            cluster.wait()
    Console().print(table)
    print(*wrong, sep="\n")
    if wrong:
        sys.exit(1)


if __name__ == "__main__":
    main()
