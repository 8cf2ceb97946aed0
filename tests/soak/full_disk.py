"""Run every command that writes on disks that are too small, then with enough space, and check what it leaves.

    python -m tests.soak.full_disk [--commands ...] [--megabytes 1 2 5 10 20]

As root, the disks are file systems in memory of those sizes and of fractions of what the command needs; elsewhere, no
file of the command may grow beyond such a size. A command must exit with 1 after one line on stderr for each output
that failed, leave no half file under a final name and no temporary one; with enough space, the command that the
line names, or else the same one (resumed), must leave the files of an undisturbed run. Prints a table; exits with 1
unless all of that holds.
"""

import argparse
import os
import re
import resource
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ampnet.files.printable import MAX_LINE
from tests.soak.commands import (
    COMMANDS,
    Command,
    Inputs,
    begin,
    differences,
    leftovers,
    make_inputs,
    results,
    visible_files,
    wait_for,
)

MEGABYTES = (1, 2, 5, 10, 20)
FRACTIONS = (0.02, 0.1, 0.25, 0.5, 0.75, 0.9)
"""Of what a command needs, so that each of its writes meets a full disk."""

ENOUGH = 2_000_000_000


@dataclass
class Outcome:
    """What became of one command."""

    needed: int
    """Bytes that the undisturbed run left."""
    failed: list[int] = field(default_factory=list)
    """Sizes of the disks that were too small."""
    finished: list[int] = field(default_factory=list)
    """Sizes of the disks that were large enough."""
    problems: list[str] = field(default_factory=list)


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[Callable[[], None]]:
    """Mount a file system of a size in bytes; the function that is given makes it large enough."""
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True)
    try:
        yield lambda: subprocess.run(["mount", "-o", f"remount,size={ENOUGH}", folder], check=True) and None
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def can_mount(folder: Path) -> bool:
    """Return whether this user may mount file systems."""
    try:
        with small_disk(folder, 1 << 20):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False


def limit_files(size: int) -> None:
    """Let no file of this process grow beyond a size in bytes."""
    sys.dont_write_bytecode = True  # it would be cut, too
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def attempt(command: Command, inputs: Inputs, folder: Path, size: int, mounts: bool, outcome: Outcome) -> str:
    """Run a command on a disk of a size and again with enough space; returns the reason if something is wrong."""
    out, log = folder / "disk" / "out", folder / "log"
    expected = results(folder / "calm")
    with small_disk(folder / "disk", size) if mounts else tempfile.TemporaryDirectory(dir=folder) as grow:
        if not mounts:
            out = Path(str(grow)) / "out"
        try:
            command.make_folder(inputs, out)
        except OSError:
            return ""  # there is not even space for the input
        prelude = (lambda: None) if mounts else partial(limit_files, size)
        code, told = wait_for(begin(command.arguments(inputs, out), log, prelude)), log.read_text()
        problem = _problem(code, told, out, command.outputs)
        (outcome.finished if code == 0 else outcome.failed).append(size)
        if problem or code == 0:
            return problem or ", ".join(f"{name} differs" for name in differences(results(out), expected))
        if callable(grow):
            grow()
        advice = re.search("run `ampnet ([^`]+)`", told)  # what to do instead of repeating it
        words = shlex.split(advice[1]) if advice else [*command.arguments(inputs, out), *command.again(out)]
        code = wait_for(begin(words, log))
        if code != 0:
            return f"not resumed: {log.read_text()[-300:]}"
        wrong = [f"{name} differs" for name in differences(results(out), expected)]
        return ", ".join([*wrong, *(f"{name} is left over" for name in leftovers(out))])


def _problem(code: int | None, told: str, out: Path, most: int) -> str:
    """Check how a command ended."""
    if code == 0:
        return f"done, but said: {told[:200]}" if told else ""
    lines = told.splitlines()
    if code != 1:
        return f"exit code {code}: {told[-300:]}"
    is_ours = all(line.startswith("ampnet: ") and len(line) <= MAX_LINE for line in lines)
    if not is_ours or not 1 <= len(lines) <= most:
        return f"{len(lines)} lines: {told[-300:]}"
    if temporary := list(out.rglob(".ampnet-*")):
        return f"left {temporary[0].name}"
    for path in visible_files(out):
        try:
            results(path.parent)
        except Exception as error:
            return f"half a file: {error}"
    return ""


def fill(command: Command, inputs: Inputs, folder: Path, megabytes: tuple[float, ...], mounts: bool) -> Outcome:
    """Try one command on all disks."""
    calm, log = folder / "calm", folder / "log"
    command.make_folder(inputs, calm)
    before = _size(calm)
    if wait_for(begin(command.arguments(inputs, calm), log)) != 0:
        sys.exit(f"failed undisturbed: {log.read_text()}")
    sizes = [path.stat().st_size for path in visible_files(calm)]
    needed = (_size(calm) - before) if mounts else max(sizes)
    outcome = Outcome(_size(calm))
    for size in sorted({*(int(1e6 * one) for one in megabytes), *(before + int(needed * one) for one in FRACTIONS)}):
        if size <= 20_000_000 and (problem := attempt(command, inputs, folder, size, mounts, outcome)):
            outcome.problems.append(f"{size:,} bytes: {problem}")
    return outcome


def _size(folder: Path) -> int:
    """Give the space that a folder takes, in whole pages."""
    return sum(-(-path.stat().st_size // 4096) * 4096 for path in folder.rglob("*") if path.is_file())


def show(outcomes: dict[str, Outcome], mounts: bool) -> None:
    """Print a row for each command."""
    how = "file systems in memory" if mounts else "limits of a file's size"
    table = Table("command", "leaves", "too small", "large enough", "problems", title=f"full disks ({how})")
    for name, one in outcomes.items():
        cells = [f"{one.needed / 1e6:.2f} MB"]
        for sizes in (one.failed, one.finished):
            span = f" ({min(sizes) / 1e6:.3g} to {max(sizes) / 1e6:.3g} MB)" if sizes else ""
            cells.append(f"{len(sizes)}{span}")
        table.add_row(name, *cells, str(len(one.problems)))
    Console(width=110).print(table)
    for name, one in outcomes.items():
        for problem in one.problems:
            print(f"{name}, {problem}")


def main() -> None:
    """Try the asked commands."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--commands", nargs="+", choices=tuple(COMMANDS), default=tuple(COMMANDS))
    parser.add_argument("--megabytes", nargs="*", type=float, default=MEGABYTES, help="sizes of the disks")
    parser.add_argument("--limit", action="store_true", help="limit the size of files, even where mounting is allowed")
    options = parser.parse_args()
    outcomes = {}
    with tempfile.TemporaryDirectory() as folder:
        mounts = not options.limit and os.geteuid() == 0 and can_mount(Path(folder) / "probe")
        inputs = make_inputs(Path(folder), options.commands)
        for name in options.commands:
            own = Path(folder) / f"of-{name}"
            own.mkdir()
            outcomes[name] = fill(COMMANDS[name], inputs, own, tuple(options.megabytes), mounts)
            print(f"{name}: {outcomes[name]}", file=sys.stderr)
    show(outcomes, mounts)
    if any(one.problems or not one.failed for one in outcomes.values()):
        sys.exit(1)


if __name__ == "__main__":
    main()
