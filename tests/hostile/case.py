"""One hostile case: what it puts into a folder, which command reads it, and what counts as bad."""

import json
import os
import random
import re
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tests.hostile.seeds import Seeds

DONE, REFUSED, WRONG_USAGE = frozenset((0,)), frozenset((1,)), frozenset((2,))
EITHER, NOT_DONE, ANY = DONE | REFUSED, REFUSED | WRONG_USAGE, DONE | REFUSED | WRONG_USAGE

LONGEST_LINE = 300
FORGED = "ampnet: forged"
"""What file names and labels try to put at the start of a line of ours."""
FORGES = f"x\n{FORGED} \x1b[31m"
"""A name that does."""
LONG = "n" * 9000

BAD_CLASSES = (
    *("traceback", "hang", "killed", "memory", "canary", "damage", "lost", "exit code", "message", "bad json"),
    "left over",
)
"""traceback: an error of Python on the screen; hang: over the time limit; killed: ended by a signal; memory: above the
case's bound, or an allocation failed; canary: code of a file ran; damage: something outside the output was changed;
lost: results of the good files are missing; exit code: not a fitting one; message: not one clean line of ours for each
problem; bad json: `--json` that is no JSON; left over: temporary files."""


class Fault(NamedTuple):
    """One thing that went wrong."""

    kind: str
    """One of ``BAD_CLASSES``."""
    what: str


@dataclass(frozen=True)
class Place:
    """Where a case lives."""

    folder: Path
    """Working folder of the command."""
    outside: Path
    """A folder beside it that no command may change."""
    seeds: Seeds
    """Small good files; read only."""
    rng: random.Random

    @property
    def canary(self) -> Path:
        """The file that exists as soon as code of a file has run."""
        return self.outside / "canary"


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    code: int | None
    """Exit code; None if it was killed."""
    signal: int = 0
    seconds: float = 0.0
    megabytes: float = 0.0
    """Peak of resident memory above that of a command that does nothing."""
    timed_out: bool = False
    stdout: bytes = b""
    stderr: bytes = b""


Put = Callable[[Place], object]
"""Puts something into the folder of a case."""
Check = Callable[[Place, Outcome], Iterable[Fault]]
"""Finds further faults, such as lost neighbours."""


def nothing(_place: Place, _outcome: Outcome) -> Iterable[Fault]:
    """Find no further faults."""
    return ()


@dataclass(frozen=True)
class Case:
    """One run over hostile files."""

    name: str
    """``kind/what``; begins with the number of the issue's item if it is one."""
    line: str | Callable[[Place], Sequence[str]]
    """The command line, to be filled in by :meth:`Seeds.words`; ``reader:NAME PATH`` calls one reader only."""
    puts: Sequence[Put] = ()
    """What fills the folder, one after the other."""
    codes: frozenset[int] = REFUSED
    problems: int = 1
    """Maximum number of lines on stderr."""
    check: Check = nothing
    seconds: float = 60.0
    megabytes: float = 1000.0
    largest_file: int | None = None
    """Limit of each written file in bytes, as on a full disk."""
    has_notices: bool = False
    """Run without --quiet, so that other lines of ours are on stderr, too."""
    stdin: str = os.devnull
    """The file or device that is the command's stdin."""
    is_fresh: bool = False
    """Run in a new process instead of a fork."""
    is_slow: bool = False
    keeps_partial: bool = False
    """A partial file is kept, and named, so that the work can go on."""
    scenario: Callable[[Place, Callable[[Sequence[str]], Outcome]], Iterable[Fault]] | None = None
    """Instead of one command: a story with several, given a function that runs one."""

    @property
    def kind(self) -> str:
        """Its family: images, checkpoints, documents, layouts, videos, inputs or outputs."""
        return self.name.partition("/")[0]

    def make(self, place: Place) -> list[str]:
        """Fill the folder and return the command's arguments."""
        for put in self.puts:
            put(place)
        return place.seeds.words(self.line) if isinstance(self.line, str) else list(self.line(place))


def judge(case: Case, place: Place, argv: Sequence[str], outcome: Outcome) -> Iterator[Fault]:
    """Name everything that is bad about an outcome."""
    err, out = outcome.stderr.decode("utf-8", "replace"), outcome.stdout.decode("utf-8", "replace")
    if outcome.timed_out:
        yield Fault("hang", f"still running after {case.seconds:.0f} s")
    elif outcome.code is None:
        yield Fault("killed", signal.Signals(outcome.signal).name)
    if outcome.megabytes > case.megabytes:
        yield Fault("memory", f"{outcome.megabytes:.0f} MB, more than {case.megabytes:.0f}")
    elif re.search(r"MemoryError|(annot|can't) allocate memory|not enough memory|nsufficient memory", err):
        yield Fault("memory", f"an allocation failed: {_last_line(err)}")
    has_traceback = "Traceback (most recent call last)" in err + out
    if has_traceback:
        yield Fault("traceback", _last_line(err))
    if outcome.code is not None and not has_traceback:
        if outcome.code not in case.codes:
            yield Fault("exit code", f"{outcome.code}, expected {sorted(case.codes)}; {_last_line(err)}")
        yield from _judge_messages(case, outcome, err, out)
        if "--json" in argv and outcome.code == 0:
            try:
                json.loads(out, parse_constant=_refuse)
            except ValueError as error:
                yield Fault("bad json", str(error))
    if place.canary.exists():
        yield Fault("canary", "code of a file was executed")


def _judge_messages(case: Case, outcome: Outcome, err: str, out: str) -> Iterator[Fault]:
    lines = err.splitlines()
    if outcome.code and not lines:
        yield Fault("message", f"exit code {outcome.code} without a word")
    if len(lines) > case.problems and not case.has_notices:
        shown = ascii(" | ".join(line[:80] for line in lines[:3]))
        yield Fault("message", f"{len(lines)} lines on stderr, expected at most {case.problems}: {shown}")
    for line in lines:
        if len(line) > LONGEST_LINE:
            yield Fault("message", f"a line of {len(line)} characters: {line[:120]}")
        if not line.startswith("ampnet: ") and not case.has_notices:
            yield Fault("message", f"not a line of ours: {line[:200]}")
            break
    if any(line.lstrip().startswith(FORGED) for line in [*lines, *out.splitlines()]):
        yield Fault("message", "a file forged a line of ours")
    for name, text in (("stderr", outcome.stderr), ("stdout", outcome.stdout)):
        if odd := re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", text.replace(b"\r\n", b"\n")):
            yield Fault("message", f"control character {odd[0]!r} on {name}")
        try:
            text.decode("utf-8")
        except UnicodeDecodeError:
            yield Fault("message", f"{name} is not UTF-8")


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON")


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return ascii(lines[-1][:200]) if lines else ""
