"""Runs cases: in forks of a warm process, or in processes of their own."""

import json
import os
import random
import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.hostile.case import Case, Fault, Outcome, Place, judge
from tests.hostile.seeds import Seeds
from tests.hostile.server import serve_all
from tests.processes import FORKS, ROOT

ADDRESS_MEGABYTES = 2500
"""Address space that a run may take beyond that of its start, so that a bomb ends itself and not the machine."""


@dataclass(frozen=True)
class Verdict:
    """A case, how it ended, and what was bad about it."""

    case: Case
    outcome: Outcome
    faults: tuple[Fault, ...]


def environment() -> dict[str, str]:
    """The environment of all runs: one thread, and a terminal's strict UTF-8."""
    return os.environ | {
        "PYTHONPATH": str(ROOT),
        "PYTHONIOENCODING": "utf-8:strict",
        "LC_ALL": "C.UTF-8",
        "OMP_NUM_THREADS": "1",
        "MPLBACKEND": "Agg",
        "COLUMNS": "120",
    }


class Runner:
    """Runs cases one after the other; use as a context manager."""

    def __init__(self, seed: int = 0, slowness: float = 1.0, draws: bool = True) -> None:
        self.seed = seed
        self.draws = draws
        """Whether commands draw their figures, which takes longer than all else that they do."""
        self.slowness = slowness
        """Factor of all time limits."""
        self._temporary = tempfile.TemporaryDirectory(prefix="hostile-", ignore_cleanup_errors=True)
        self.root = Path(self._temporary.name).resolve()
        self.seeds = Seeds(self.root / "seeds")
        self._idle_megabytes = 0.0

    def __enter__(self) -> "Runner":
        (self.root / "home").mkdir()
        (requests, self._requests), (self._answers, answers) = FORKS.Pipe(duplex=False), FORKS.Pipe(duplex=False)
        surroundings = environment() | {"HOME": str(self.root / "home")}
        self._server = FORKS.Process(target=serve_all, args=(requests, answers, surroundings, self.draws))
        self._server.start()
        requests.close()
        answers.close()
        self._idle_megabytes = self._ask(["--version"], self.root, seconds=300).megabytes
        made = self._ask(["reader:seeds", str(self.seeds.root)], self.root, seconds=300)
        if made.code != 0:
            raise RuntimeError(f"the good files could not be made: {made.stderr.decode()}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._requests.close()
        self._server.join(timeout=300)
        self._answers.close()
        subprocess.run(["rm", "-rf", "--", *map(str, self.root.iterdir())], check=False)
        self._temporary.cleanup()

    def run(self, case: Case) -> Verdict:
        """Run a case in a folder of its own, which is deleted afterwards."""
        home = Path(tempfile.mkdtemp(prefix="case-", dir=self.root))
        place = Place(home / "work", home / "outside", self.seeds, random.Random(f"{self.seed}/{case.name}"))
        place.folder.mkdir()
        place.outside.mkdir()
        (place.outside / "precious.txt").write_bytes(b"a file of the user's\n")
        try:
            return self._run_in(place, case)
        finally:
            subprocess.run(["rm", "-rf", "--", str(home)], check=False)

    def _run_in(self, place: Place, case: Case) -> Verdict:
        argv = case.make(place)
        before, outside = _leftovers(place.folder), _listing(place.outside)
        faults: list[Fault] = []
        outcome = Outcome(0)
        if case.scenario is not None:
            faults += case.scenario(place, lambda asked: self._ask(asked, place.folder, case.seconds))
        else:
            limits = {"largest_file": case.largest_file, "stdin": case.stdin, "is_fresh": case.is_fresh}
            outcome = self._ask(argv, place.folder, case.seconds + (30 if case.is_fresh else 0), **limits)
            faults += judge(case, place, argv, outcome)
            if not outcome.timed_out:
                faults += case.check(place, outcome)
                left = _leftovers(place.folder) - before
                if left and not case.keeps_partial:
                    faults.append(Fault("left over", f"{len(left)} temporary files: {sorted(left)[0]!a}"))
        now = _listing(place.outside)
        if gone := [name for name, content in outside.items() if now.get(name) != content]:
            faults.append(Fault("damage", f"changed or deleted: {', '.join(gone)}"))
        return Verdict(case, outcome, tuple(dict.fromkeys(faults)))

    def _ask(self, argv: Sequence[str], cwd: Path, seconds: float, **limits: Any) -> Outcome:
        """Have the server run a command line."""
        streams = {name: self.root / f"last.{name}" for name in ("stdout", "stderr")}
        request = {"argv": list(argv), "cwd": str(cwd), "seconds": seconds * self.slowness, **limits}
        request |= {"address_megabytes": ADDRESS_MEGABYTES, **{name: str(path) for name, path in streams.items()}}
        self._requests.send_bytes(json.dumps(request).encode())
        answer: dict[str, Any] = json.loads(self._answers.recv_bytes())
        peak = answer.pop("peak_kilobytes") / 1024 - self._idle_megabytes
        answer |= {name: path.read_bytes() for name, path in streams.items()}
        return Outcome(megabytes=peak, **answer)


def fresh(case: Case) -> Case:
    """The same case, in a process of its own."""
    return replace(case, name=f"{case.name} (own process)", is_fresh=True)


def _leftovers(folder: Path) -> set[str]:
    """List the temporary files below a folder; a visible one is what predict keeps for its user to continue."""
    found, folders = set(), [os.fspath(folder)]
    while folders:  # a tree may be too deep for recursion, and for its paths
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    if re.match(r"\..*\.partial", entry.name):
                        found.add(entry.path)
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
        except OSError:
            continue
    return found


def _listing(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}
