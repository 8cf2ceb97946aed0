"""Runs cases: in forks of a warm process, or in processes of their own."""

import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.hostile.case import Case, Fault, Outcome, Place, judge, leftovers
from tests.hostile.seeds import Seeds

ROOT = Path(__file__).parents[2]
ADDRESS_MEGABYTES = 2500
"""Address space that a run may take beyond that of its start, so that a bomb ends itself and not the machine."""

READER = ("-c", "import sys; from tests.hostile.server import run_here; sys.exit(run_here(sys.argv[1:]))")
"""Options of a process of its own that calls one reader."""

PRECIOUS = b"a file of the user's\n"


@dataclass(frozen=True)
class Verdict:
    """A case, how it ended, and what was bad about it."""

    case: Case
    outcome: Outcome
    faults: tuple[Fault, ...]
    argv: tuple[str, ...] = ()


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

    def __init__(self, seed: int = 0, slowness: float = 1.0) -> None:
        self.seed = seed
        self.slowness = slowness
        """Factor of all time limits."""
        self._temporary = tempfile.TemporaryDirectory(prefix="hostile-", ignore_cleanup_errors=True)
        self.root = Path(self._temporary.name).resolve()
        self.seeds = Seeds(self.root / "seeds")
        self._server: subprocess.Popen[str] | None = None
        self._idle_megabytes = 0.0

    def __enter__(self) -> "Runner":
        (self.root / "home").mkdir()
        self._start_server()
        made = self._fork(["reader:seeds", str(self.seeds.root)], self.root, seconds=300)
        if made.code != 0:
            raise RuntimeError(f"the good files could not be made: {made.stderr.decode()}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop_server()
        subprocess.run(["rm", "-rf", "--", *map(str, self.root.iterdir())], check=False)
        self._temporary.cleanup()

    def run(self, case: Case) -> Verdict:
        """Run a case in a folder of its own, which is deleted afterwards."""
        home = Path(tempfile.mkdtemp(prefix="case-", dir=self.root))
        place = Place(home / "work", home / "outside", self.seeds, random.Random(f"{self.seed}/{case.name}"))
        place.folder.mkdir()
        place.outside.mkdir()
        (place.outside / "precious.txt").write_bytes(PRECIOUS)
        try:
            return self._run_in(place, case)
        finally:
            subprocess.run(["rm", "-rf", "--", str(home)], check=False)

    def _run_in(self, place: Place, case: Case) -> Verdict:
        argv = list(case.make(place))
        before, outside = leftovers(place.folder), _listing(place.outside)
        faults: list[Fault] = []
        if case.scenario is not None:
            outcome = Outcome(0)
            faults += case.scenario(place, lambda asked: self._one(case, place, asked))
        else:
            outcome = self._one(case, place, argv)
            faults += judge(case, place, argv, outcome)
            if not outcome.timed_out:
                faults += case.check(place, outcome)
                left = leftovers(place.folder) - before
                if left and not case.keeps_partial:
                    faults.append(Fault("left over", f"{len(left)} temporary files: {sorted(left)[0]!a}"))
        gone = [name for name, content in outside.items() if _listing(place.outside).get(name) != content]
        faults += [Fault("damage", f"changed or deleted: {', '.join(gone)}")] if gone else []
        return Verdict(case, outcome, tuple(dict.fromkeys(faults)), tuple(argv))

    def _one(self, case: Case, place: Place, argv: Sequence[str]) -> Outcome:
        if case.is_fresh:
            return self._fresh(argv, place.folder, case)
        return self._fork(argv, place.folder, case.seconds, case.largest_file, case.stdin)

    def _fork(
        self,
        argv: Sequence[str],
        cwd: Path,
        seconds: float,
        largest_file: int | None = None,
        stdin: str = os.devnull,
    ) -> Outcome:
        streams = {name: str(self.root / f"last.{name}") for name in ("stdout", "stderr")}
        answer = self._ask(
            {
                "argv": list(argv),
                "cwd": str(cwd),
                "seconds": seconds * self.slowness,
                "address_megabytes": ADDRESS_MEGABYTES,
                "largest_file": largest_file,
                "stdin": stdin,
                **streams,
            }
        )
        out, err = (Path(path).read_bytes() for path in streams.values())
        peak = answer.pop("peak_kilobytes") / 1024 - self._idle_megabytes
        return Outcome(megabytes=peak, stdout=out, stderr=err, **answer)

    def _fresh(self, argv: Sequence[str], cwd: Path, case: Case) -> Outcome:
        largest_file, seconds = case.largest_file, case.seconds

        def limit() -> None:
            stdin = os.open(case.stdin, os.O_RDONLY)
            os.dup2(stdin, 0)
            if largest_file is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))

        started = time.monotonic()
        process = subprocess.Popen(
            # -B: a limit on the size of files would cut bytecode, too
            [sys.executable, "-B", *(READER if argv[0].startswith("reader:") else ("-m", "cli")), *argv],
            cwd=cwd,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=limit,
        )
        try:
            out, err = process.communicate(timeout=(seconds + 30) * self.slowness)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            return Outcome(None, 9, time.monotonic() - started, timed_out=True, stdout=out, stderr=err)
        code, seconds = process.returncode, time.monotonic() - started
        return Outcome(code if code >= 0 else None, max(-code, 0), seconds, stdout=out, stderr=err)

    def _start_server(self) -> None:
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.hostile.server"],
            cwd=ROOT,
            env=environment() | {"HOME": str(self.root / "home")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._server.stdout is not None
        if self._server.stdout.readline() != "ready\n":
            raise RuntimeError("the server of the hostile corpus does not start")
        self._idle_megabytes = 0.0
        self._idle_megabytes = self._fork(["--version"], self.root, 60).megabytes

    def _stop_server(self) -> None:
        if self._server is not None:
            assert self._server.stdin is not None
            assert self._server.stdout is not None
            self._server.stdin.close()
            self._server.wait(timeout=300)
            self._server.stdout.close()

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._server is not None
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        answer: dict[str, Any] = json.loads(self._server.stdout.readline())
        return answer


def fresh(case: Case) -> Case:
    """The same case, in a process of its own."""
    return replace(case, name=f"{case.name} (own process)", is_fresh=True)


def _listing(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}
