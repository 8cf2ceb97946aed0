"""A story for a case: a second command is started in the middle of a first one."""

import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence

from tests.hostile.case import NOT_DONE, Fault, Outcome, Place
from tests.hostile.runner import environment
from tests.processes import Command


def second_is_refused(
    place: Place, run: Callable[[Sequence[str]], Outcome], *, first: str, second: str, sign: str
) -> Iterator[Fault]:
    """Stop the first command in the middle, start the second, and let the first go on: no race decides."""
    process = Command(*place.seeds.words(first), cwd=place.folder, **environment())
    before, deadline = time.time(), time.monotonic() + 120
    try:
        while time.monotonic() < deadline and process.poll() is None and not _begun(place, sign, before):
            time.sleep(0.01)
        process.send_signal(signal.SIGSTOP)
        outcome = run(place.seeds.words(second))
        process.send_signal(signal.SIGCONT)
        _out, of_first = process.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        yield Fault("hang", "the first command never ends")
        return
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    said = outcome.stderr.decode(errors="replace")
    if outcome.timed_out:
        yield Fault("hang", "the second command waits")
    elif outcome.code not in NOT_DONE:
        yield Fault("exit code", f"the second command ended with {outcome.code}: {said[-200:]!a}")
    elif "Traceback" in said:
        yield Fault("traceback", said.splitlines()[-1][:200])
    elif str(process.pid) not in said:
        yield Fault("message", f"the second command does not name the first ({process.pid}): {said[:200]!a}")
    if process.returncode != 0:
        yield Fault("lost", f"the first command ended with {process.returncode}: {of_first[-200:]!a}")


def _begun(place: Place, sign: str, since: float) -> bool:
    """Return whether a command has begun to write: its sign is there, or something in the run folder is new."""
    file = place.folder / sign
    in_run = sign.startswith("checkpoint")
    return file.exists() or (in_run and any(path.stat().st_mtime > since for path in file.parent.glob("*")))
