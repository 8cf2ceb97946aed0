"""Full disks, and two commands at once in one folder."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from tests.hostile.case import DONE, EITHER, NOT_DONE, Case, Fault, Outcome, Place
from tests.hostile.making import PREPARE, case, copy_of, photos, raw
from tests.hostile.neighbours import both, predicted, put_raw_classes
from tests.hostile.outputs import CHECKPOINTS, LOCKS, PREDICT
from tests.hostile.seeds import FRAMES, TRAINING

TIGHT = 600
"""Bytes that fit on a nearly full disk."""


def _playable(path: str, frames: int) -> Callable[[Place, Outcome], Iterable[Fault]]:
    def check(place: Place, outcome: Outcome) -> Iterator[Fault]:
        os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # what it says of cut files is no news here
        import cv2

        file = place.folder / path
        if file.exists():
            video = cv2.VideoCapture(str(file))
            found = 0
            while video.read()[0]:
                found += 1
            video.release()
            if found != frames:
                yield Fault("lost", f"{path} has {found} of {frames} frames, exit code {outcome.code}")

    return check


def _no_half_files(*finals: str) -> Callable[[Place, Outcome], Iterable[Fault]]:
    """Check that no cut file has its final name."""

    def check(place: Place, _outcome: Outcome) -> Iterator[Fault]:
        for name in finals:
            if (place.folder / name).exists():
                yield Fault("lost", f"{name} was left, cut")

    return check


def full_disks() -> Iterator[Case]:
    """Yield commands that cannot write more than a few bytes into a file."""

    predict = "predict photos --checkpoint {run} --json --quiet"
    video = "predict clip.mp4 --checkpoint {run} --annotate drawn --json --quiet"
    clip = lambda place: shutil.copy(place.seeds.clip(".mp4"), place.folder / "clip.mp4")  # noqa: E731
    playable, data = _playable("drawn/clip.mp4", FRAMES), copy_of("prepared", "data")
    for size in (TIGHT, 3000):
        name = f"outputs/S3 video on a disk of {size:,} bytes"
        yield case(name, PREDICT, video, clip, check=playable, largest_file=size, is_named=True)
    yield case("outputs/S3 video on a good disk", PREDICT, video, clip, codes=DONE, check=playable, is_named=True)
    tight: dict[str, Any] = {"largest_file": TIGHT, "is_named": True}
    checks = both(predicted(), _no_half_files("t.csv"))
    name, line = "outputs/S7 csv on a full disk", f"{predict} --csv t.csv"
    yield case(name, PREDICT, line, photos(), check=checks, keeps_partial=True, **tight)
    name, line = "outputs/S7 pictures on a full disk", f"{predict} --annotate drawn"
    yield case(name, PREDICT, line, photos(), check=predicted(), problems=2, **tight)
    for size in (0, 9000):
        name = f"outputs/M8 train on a disk of {size:,} bytes"
        line = "train --data data --epochs 1 {training}"
        yield case(name, CHECKPOINTS, line, data, largest_file=size, is_named=True)
    more: dict[str, Any] = {"check": _no_half_files("imported.pt"), "is_slow": True, "is_named": True}
    name, line = "outputs/M8 import on a full disk", "import model.pth --out imported.pt"
    yield case(name, CHECKPOINTS, line, _put_reference, largest_file=1 << 20, **more)
    line = "eval {run} --data data --out report --json --quiet --workers 0"
    yield case("outputs/eval on a full disk", LOCKS, line, data, **tight)
    yield case("outputs/prepare on a full disk", LOCKS, PREPARE, raw, **tight)
    yield case("outputs/prepare, full after the images", LOCKS, PREPARE, raw, codes=EITHER, largest_file=30_000)


def _put_reference(place: Place) -> None:
    import torch

    from tests.reference_weights import placeholder_state

    torch.save({"epoch": 1, "state_dict": placeholder_state()}, place.folder / "model.pth")


def two_at_once() -> Iterator[Case]:
    """Yield second commands beside one that is still running."""
    prepare = ["prepare", "raw", "--out", "out", "--quiet", "--gpus", "0"]
    resume = ["train", "--data", "data", "--name", "run", "--epochs", "2", "--resume", *TRAINING]
    stories: dict[str, tuple[list[str], list[str], str]] = {
        "two prepare": (prepare, prepare, "out/index/.prepare/journal.jsonl"),
        "prepare --resume beside prepare": (prepare, [*prepare, "--resume"], "out/index/.prepare/journal.jsonl"),
        "prepare --force beside prepare": (prepare, [*prepare, "--force"], "out/index/.prepare/journal.jsonl"),
        "two train --resume": (resume, resume, "checkpoint/run/.started"),
    }
    for what, (first, second, sign) in stories.items():

        def tell(
            place: Place,
            run: Callable[[Sequence[str]], Outcome],
            f: list[str] = first,
            s: list[str] = second,
            m: str = sign,
        ) -> Iterator[Fault]:
            yield from _second_is_refused(place, run, f, s, m)

        def make(place: Place) -> Sequence[str]:
            put_raw_classes(place, place.folder / "raw", 4)
            shutil.copytree(place.seeds.prepared, place.folder / "data")
            shutil.copytree(place.seeds.stopped, place.folder / "checkpoint")
            return []

        yield Case(
            f"outputs/S2 {what}", LOCKS, make, NOT_DONE, scenario=tell, is_named=True, is_slow=what != "two prepare"
        )


def _second_is_refused(
    place: Place, run: Callable[[Sequence[str]], Outcome], first: list[str], second: list[str], sign: str
) -> Iterator[Fault]:
    """Stop the first command in the middle, start the second, and let the first go on: no race decides."""
    import signal

    from tests.hostile.runner import environment

    process = subprocess.Popen(
        [sys.executable, "-m", "cli", *first],
        cwd=place.folder,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    before = time.time()
    deadline = time.monotonic() + 120
    try:
        while time.monotonic() < deadline and process.poll() is None and not _begun(place, sign, before):
            time.sleep(0.01)
        process.send_signal(signal.SIGSTOP)
        outcome = run(second)
        process.send_signal(signal.SIGCONT)
        _out, err = process.communicate(timeout=120)
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
        yield Fault(
            "lost", f"the first command ended with {process.returncode}: {err.decode(errors='replace')[-200:]!a}"
        )


def _begun(place: Place, sign: str, since: float) -> bool:
    """Return whether a command has begun to write: its sign is there, or something in the run folder is new."""
    if (place.folder / sign).exists():
        return True
    folder = (place.folder / sign).parent
    return sign.startswith("checkpoint") and any(path.stat().st_mtime > since for path in folder.glob("*"))


def cases(repeats: int = 1) -> Iterator[Case]:
    """Yield all cases on disks and locks."""
    del repeats  # nothing here is random
    yield from full_disks()
    yield from two_at_once()
