"""Kill commands at random moments, repeat or resume them, and compare their files with an undisturbed run's.

    python -m tests.soak.kills --kills 20 [--commands prepare train predict eval check]

Each command is killed with SIGKILL so often, over as many runs as that takes. Prints a table; exits with 1 unless all
runs end with the undisturbed files, every file under a final name is whole after each kill, and nothing is left over.
"""

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.soak.commands import COMMANDS, Command, Inputs, begin, differences, leftovers, make_inputs, results, wait_for

KILLED = ("prepare", "train", "predict", "eval", "check")

SPAN = {True: 0.4, False: 1.2}
"""Longest life of a command before its kill, as a fraction of the undisturbed duration: a resumed one needs several."""


@dataclass
class Outcome:
    """What became of one command."""

    undisturbed: float = 0.0
    """Seconds."""
    kills: int = 0
    runs: int = 0
    seconds: float = 0.0
    half: int = 0
    """Kills after which a file under a final name was not whole."""
    left: int = 0
    """Hidden files after a run's end."""
    differ: list[str] = field(default_factory=list)
    """Files with which a run ended otherwise."""
    failed: list[str] = field(default_factory=list)
    """What commands said that should have continued."""

    def is_good(self) -> bool:
        """Whether nothing went wrong."""
        return not (self.half or self.left or self.differ or self.failed)


def is_whole(out: Path) -> bool:
    """Check that every file under a final name can be read to its end."""
    try:
        results(out)
    except Exception as error:
        print(f"after a kill: {error}", file=sys.stderr)
        return False
    return True


def disturb(name: str, command: Command, inputs: Inputs, folder: Path, kills: int, rng: random.Random) -> Outcome:
    """Run a command undisturbed, then until it has been killed ``kills`` times."""
    outcome, log = Outcome(), folder / f"{name}.log"
    calm = folder / f"{name}-calm"
    command.make_folder(inputs, calm)
    begun = time.monotonic()
    if wait_for(begin(command.arguments(inputs, calm), log)) != 0:
        sys.exit(f"{name} failed undisturbed: {log.read_text()}")
    outcome.undisturbed = time.monotonic() - begun
    expected = results(calm)
    longest = SPAN[command.is_resumed] * outcome.undisturbed
    begun = time.monotonic()
    while outcome.kills < kills:
        out = folder / f"{name}-{outcome.runs}"
        command.make_folder(inputs, out)
        outcome.runs += 1
        further: tuple[str, ...] = ()
        while True:
            child = begin((*command.arguments(inputs, out), *further), log)
            limit = rng.uniform(0, longest) if outcome.kills < kills else float("inf")
            code = wait_for(child, time.monotonic() + limit)
            if code is not None:
                break
            os.kill(child, signal.SIGKILL)
            wait_for(child)
            outcome.kills += 1
            outcome.half += not is_whole(out)
            further = tuple(command.again(out))
        if code != 0 and not _was_complete(name, out):
            outcome.failed.append(log.read_text())
            continue
        outcome.left += len(leftovers(out))
        outcome.differ += differences(results(out), expected)
        shutil.rmtree(out)
    outcome.seconds = time.monotonic() - begun
    return outcome


def _was_complete(name: str, out: Path) -> bool:
    """Whether the last kill came so late that prepare had nothing left to do, and so refuses to do it again."""
    index = out / "index"
    return name == "prepare" and (index / "meta.json").is_file() and not (index / ".prepare").exists()


def show(outcomes: dict[str, Outcome]) -> None:
    """Print a row for each command."""
    table = Table("command", "kills", "runs", "undisturbed", "with kills", "half files", "left over", "other result")
    for name, one in outcomes.items():
        cells = (one.kills, one.runs, f"{one.undisturbed:.1f} s", f"{one.seconds:.1f} s", one.half, one.left)
        table.add_row(name, *map(str, cells), str(len(one.differ) + len(one.failed)))
    Console().print(table)
    for name, one in outcomes.items():
        for told in (*one.failed, *(f"{file} differs" for file in one.differ)):
            print(f"{name}: {told}")


def main() -> None:
    """Kill the asked commands."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20, help="kills of each command")
    parser.add_argument("--commands", nargs="+", choices=KILLED, default=KILLED)
    parser.add_argument("--seed", type=int, default=0, help="random seed of the kill times")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        inputs = make_inputs(Path(folder), options.commands)
        rng = random.Random(options.seed)
        outcomes = {}
        for name in options.commands:
            outcomes[name] = disturb(name, COMMANDS[name], inputs, Path(folder), options.kills, rng)
            print(f"{name}: {outcomes[name]}", file=sys.stderr)
    show(outcomes)
    if not all(one.is_good() for one in outcomes.values()):
        sys.exit(1)


if __name__ == "__main__":
    main()
