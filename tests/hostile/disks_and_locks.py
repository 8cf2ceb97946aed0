"""Full disks, and two commands at once in one folder."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from tests.hostile.case import DONE, EITHER, NOT_DONE, Case, Fault, Outcome, Place
from tests.hostile.neighbours import both, predicted, put_good_photos, put_raw_classes
from tests.hostile.outputs import CHECKPOINTS, LOCKS, PREDICT, Make
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

    def predict(*options: str) -> Make:
        def make(place: Place) -> Sequence[str]:
            put_good_photos(place, place.folder / "photos")
            return ["predict", "photos", "--checkpoint", str(place.seeds.run), "--json", "--quiet", *options]

        return make

    def video(place: Place) -> Sequence[str]:
        shutil.copy(place.seeds.clip(".mp4"), place.folder / "clip.mp4")
        return ["predict", "clip.mp4", "--checkpoint", str(place.seeds.run), "--annotate", "drawn", "--json", "--quiet"]

    def on_data(*argv: str) -> Make:
        def make(place: Place) -> Sequence[str]:
            shutil.copytree(place.seeds.prepared, place.folder / "data")
            model = [str(place.seeds.run)] if argv[0] == "eval" else []
            return [argv[0], *model, "--data", "data", *argv[1:]]

        return make

    def importing(place: Place) -> Sequence[str]:
        import torch

        from tests.reference_weights import placeholder_state

        torch.save({"epoch": 1, "state_dict": placeholder_state()}, place.folder / "model.pth")
        return ["import", "model.pth", "--out", "imported.pt"]

    def preparing(place: Place) -> Sequence[str]:
        put_raw_classes(place, place.folder / "raw")
        return ["prepare", "raw", "--out", "out", "--quiet", "--gpus", "0"]

    tight = {"codes": frozenset((1,)), "is_named": True}
    for size in (TIGHT, 3000):
        yield Case(
            f"outputs/S3 video on a disk of {size:,} bytes",
            PREDICT,
            video,
            check=_playable("drawn/clip.mp4", FRAMES),
            largest_file=size,
            **tight,
        )  # type: ignore[arg-type]
    yield Case(
        "outputs/S3 video on a good disk",
        PREDICT,
        video,
        DONE,
        check=_playable("drawn/clip.mp4", FRAMES),
        is_named=True,
    )
    yield Case(
        "outputs/S7 csv on a full disk",
        PREDICT,
        predict("--csv", "t.csv"),
        check=both(predicted(), _no_half_files("t.csv")),
        largest_file=TIGHT,
        keeps_partial=True,
        **tight,
    )  # type: ignore[arg-type]
    yield Case(
        "outputs/S7 pictures on a full disk",
        PREDICT,
        predict("--annotate", "drawn"),
        check=predicted(),
        problems=2,
        largest_file=TIGHT,
        **tight,
    )  # type: ignore[arg-type]
    for size in (0, 9000):
        yield Case(
            f"outputs/M8 train on a disk of {size:,} bytes",
            CHECKPOINTS,
            on_data("train", "--epochs", "1", *TRAINING),
            largest_file=size,
            **tight,
        )  # type: ignore[arg-type]
    yield Case(
        "outputs/M8 import on a full disk",
        CHECKPOINTS,
        importing,
        check=_no_half_files("imported.pt"),
        largest_file=1 << 20,
        is_slow=True,
        **tight,
    )  # type: ignore[arg-type]
    yield Case(
        "outputs/eval on a full disk",
        LOCKS,
        on_data("eval", "--out", "report", "--json", "--quiet", "--workers", "0"),
        largest_file=TIGHT,
        **tight,
    )  # type: ignore[arg-type]
    yield Case("outputs/prepare on a full disk", LOCKS, preparing, largest_file=TIGHT, **tight)  # type: ignore[arg-type]
    yield Case("outputs/prepare, full after the images", LOCKS, preparing, largest_file=30_000, codes=EITHER)


def two_at_once() -> Iterator[Case]:
    """Yield second commands beside one that is still running."""
    prepare = ["prepare", "raw", "--out", "out", "--quiet", "--gpus", "0"]
    resume = ["train", "--data", "data", "--name", "run", "--epochs", "2", "--resume", *TRAINING]
    stories: dict[str, tuple[list[str], list[str], str]] = {
        "two prepare": (prepare, prepare, "out/index/.prepare/plan.json"),
        "prepare --resume beside prepare": (prepare, [*prepare, "--resume"], "out/index/.prepare/plan.json"),
        "prepare --force beside prepare": (prepare, [*prepare, "--force"], "out/index/.prepare/plan.json"),
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
