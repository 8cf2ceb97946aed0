"""Writing: odd names of results, full disks, devices as targets, two commands at once, and folders that point outside."""

import csv
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.hostile.case import DONE, EITHER, NOT_DONE, Case, Fault, Outcome, Place
from tests.hostile.mutations import ODD_STEMS, dangling, endless, fifo, loop, odd_path, unix_socket
from tests.hostile.neighbours import GOOD, both, predicted, put_good_photos, put_raw_classes
from tests.hostile.seeds import TRAINING

PREDICT, LOCKS, CHECKPOINTS = "predict-output", "locks", "checkpoint-wall"
TIGHT = 600
"""Bytes that fit on a nearly full disk."""

Make = Callable[[Place], Sequence[str]]


def names() -> Iterator[Case]:
    """Yield photos of odd names whose results are wanted in every form."""
    for name, stem in ODD_STEMS.items():
        for form in ("table", "--json"):

            def make(place: Place, s: bytes = stem, f: str = form) -> Sequence[str]:
                put_good_photos(place, place.folder / "photos")
                shutil.copy(place.seeds.photo, odd_path(place.folder / "photos", s))
                more = [f] if f == "--json" else []
                model = ["--checkpoint", str(place.seeds.run)]
                return ["predict", "photos", *model, "--csv", "t.csv", "--annotate", "drawn", "--quiet", *more]

            item = {"latin-1": "S7 ", "250-bytes": "S7 "}.get(name, "")
            check = both(predicted(csv_file="t.csv", drawn="drawn"), _drawn_all) if form == "--json" else _table_has_good
            yield Case(f"outputs/{item}name: {name}, {form}", PREDICT, make, EITHER, 2, check, is_named=bool(item) or name == "newline")


def _drawn_all(place: Place, outcome: Outcome) -> Iterator[Fault]:
    drawn = len(list((place.folder / "drawn").rglob("*.jpg"))) if (place.folder / "drawn").is_dir() else 0
    if outcome.code == 0 and drawn < 3:
        yield Fault("lost", f"{drawn} of 3 pictures drawn, exit code 0")


def _table_has_good(place: Place, outcome: Outcome) -> Iterator[Fault]:
    if outcome.stdout.count(GOOD.encode()) < 2:
        yield Fault("lost", "the good photos are not in the table")
    if not (place.folder / "t.csv").is_file():
        yield Fault("lost", "no CSV")


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
    from tests.hostile.seeds import FRAMES

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
        yield Case(f"outputs/S3 video on a disk of {size:,} bytes", PREDICT, video, check=_playable("drawn/clip.mp4", FRAMES), largest_file=size, **tight)  # type: ignore[arg-type]
    yield Case("outputs/S3 video on a good disk", PREDICT, video, DONE, check=_playable("drawn/clip.mp4", FRAMES), is_named=True)
    yield Case("outputs/S7 csv on a full disk", PREDICT, predict("--csv", "t.csv"), check=both(predicted(), _no_half_files("t.csv")), largest_file=TIGHT, **tight)  # type: ignore[arg-type]
    yield Case("outputs/S7 pictures on a full disk", PREDICT, predict("--annotate", "drawn"), check=predicted(), problems=2, largest_file=TIGHT, **tight)  # type: ignore[arg-type]
    for size in (0, 9000):
        yield Case(f"outputs/M8 train on a disk of {size:,} bytes", CHECKPOINTS, on_data("train", "--epochs", "1", *TRAINING), largest_file=size, **tight)  # type: ignore[arg-type]
    yield Case("outputs/M8 import on a full disk", CHECKPOINTS, importing, check=_no_half_files("imported.pt"), largest_file=1 << 20, is_slow=True, **tight)  # type: ignore[arg-type]
    yield Case("outputs/eval on a full disk", LOCKS, on_data("eval", "--out", "report", "--json", "--quiet", "--workers", "0"), largest_file=TIGHT, **tight)  # type: ignore[arg-type]
    yield Case("outputs/prepare on a full disk", LOCKS, preparing, largest_file=TIGHT, **tight)  # type: ignore[arg-type]
    yield Case("outputs/prepare, full after the images", LOCKS, preparing, largest_file=30_000, codes=EITHER)


def _device(path: Path) -> Path:
    os.mknod(path, 0o600 | 0o020000, os.makedev(1, 3))  # a null device of its own: the machine's stays whole
    return path


def devices() -> Iterator[Case]:
    """Yield targets that are no files; none of them may be replaced by one."""
    kinds: dict[str, Callable[[Path], Path]] = {"fifo": fifo, "socket": unix_socket, "endless": endless, "loop": loop, "dangling": dangling}
    if os.geteuid() == 0:
        kinds["device"] = _device
    for kind, put in kinds.items():
        for option in ("--csv", "--out", "--annotate"):

            def make(place: Place, p: Callable[[Path], Path] = put, o: str = option) -> Sequence[str]:
                put_good_photos(place, place.folder / "photos")
                p(place.folder / "target")
                if o == "--out":
                    return ["export-reference", str(place.seeds.run), "--out", "target", "--force"]
                return ["predict", "photos", "--checkpoint", str(place.seeds.run), o, "target", "--force", "--json", "--quiet"]

            def check(place: Place, _outcome: Outcome, k: str = kind) -> Iterator[Fault]:
                target = place.folder / "target"
                if k not in ("loop", "dangling") and target.is_file() and not target.is_symlink():
                    yield Fault("damage", f"the {k} was replaced by a file")

            item = "small: " if option == "--csv" else ""
            codes = EITHER | {2}
            yield Case(f"outputs/{item}{option} {kind}", PREDICT, make, codes, 3, check, is_named=bool(item))


def _faces_csv(place: Place, rows: Iterable[str]) -> None:
    header = "name,source,split,class,status,reason,score,box,faces,width,height,subject,traits,grey_mean,grey_spread"
    with (place.folder / "out" / "index" / "faces.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header.split(","))
        writer.writerows([row, "a.jpg", "train", "fear", "detected", "", "0.5", "", "1", "2", "3", "", "", "", ""] for row in rows)


def forced() -> Iterator[Case]:
    """Yield earlier indexes whose faces.csv, or whose links, would make ``--force`` delete files of others."""
    wants: dict[str, Callable[[Place], str]] = {
        "above": lambda _place: "../../../outside/precious.txt",
        "absolute": lambda place: str(place.outside / "precious.txt"),
        "through a folder": lambda _place: "sub/../../../../outside/precious.txt",
        "through a link": lambda _place: "link/precious.txt",
        "beside": lambda _place: "../kept.txt",
        "nothing": lambda _place: ".",
        "newline": lambda _place: "x\nampnet: forged",
    }
    for what, name in wants.items():

        def make(place: Place, n: Callable[[Place], str] = name) -> Sequence[str]:
            put_raw_classes(place, place.folder / "raw")
            for part in ("index", "dataset"):
                (place.folder / "out" / part).mkdir(parents=True)
            (place.folder / "out" / "dataset" / "sub").mkdir()
            (place.folder / "out" / "dataset" / "link").symlink_to(place.outside)
            (place.folder / "out" / "kept.txt").write_text("kept")
            (place.folder / "out" / "index" / "meta.json").write_text("{}")
            _faces_csv(place, [n(place)])
            return ["prepare", "raw", "--out", "out", "--force", "--quiet", "--gpus", "0"]

        def check(place: Place, _outcome: Outcome) -> Iterator[Fault]:
            if not (place.folder / "out" / "kept.txt").is_file():
                yield Fault("damage", "a file beside dataset/ was deleted")

        yield Case(f"outputs/S1 force deletes {what}", LOCKS, make, frozenset((0, 1, 2)), check=check, is_named=True)
    for part in ("dataset", "index"):

        def linked(place: Place, p: str = part) -> Sequence[str]:
            put_raw_classes(place, place.folder / "raw")
            (place.folder / "out" / ("index" if p == "dataset" else "dataset")).mkdir(parents=True)
            (place.folder / "out" / p).symlink_to(place.outside)
            if p == "dataset":
                _faces_csv(place, ["precious.txt"])
            return ["prepare", "raw", "--out", "out", "--force", "--quiet", "--gpus", "0"]

        yield Case(f"outputs/S1 {part} is a link outside", LOCKS, linked, frozenset((0, 1, 2)), is_named=True)


def journals() -> Iterator[Case]:
    """Yield records of an interrupted prepare that somebody else has written."""
    contents = {
        "no object": b"5\n",
        "no faces": b'{"chunk": 0}\n',
        "chunk of text": b'{"chunk": "x", "faces": []}\n',
        "chunk of 10 ** 9": b'{"chunk": 1000000000, "faces": []}\n',
        "faces of numbers": b'{"chunk": 0, "faces": [1]}\n',
        "faces outside": json.dumps({"chunk": 0, "faces": [{"item": 0, "row": {"name": "../../outside/precious.txt"}}]}).encode() + b"\n",
        "nested": b"[" * 100_000 + b"\n",
        "infinite chunk": b'{"chunk": Infinity, "faces": []}\n',
        "noise": bytes(range(256)) + b"\n",
    }
    for what, content in contents.items():
        for name in ("done-0000.jsonl", "plan.json"):

            def make(place: Place, c: bytes = content, n: str = name) -> Sequence[str]:
                raw = put_raw_classes(place, place.folder / "raw")
                record = place.folder / "out" / "index" / ".prepare"
                (place.folder / "out" / "dataset").mkdir(parents=True)
                record.mkdir(parents=True)
                (record / "plan.json").write_text(json.dumps({"crop": "none", "crop_reason": "x", "raw_dir": str(raw)}))
                (record / n).write_bytes(c)
                return ["prepare", "raw", "--out", "out", "--resume", "--quiet", "--gpus", "0"]

            yield Case(f"outputs/journal: {what} in {name}", LOCKS, make, EITHER | {2})


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

        def tell(place: Place, run: Callable[[Sequence[str]], Outcome], f: list[str] = first, s: list[str] = second, m: str = sign) -> Iterator[Fault]:
            yield from _second_is_refused(place, run, f, s, m)

        def make(place: Place) -> Sequence[str]:
            put_raw_classes(place, place.folder / "raw", 4)
            shutil.copytree(place.seeds.prepared, place.folder / "data")
            shutil.copytree(place.seeds.stopped, place.folder / "checkpoint")
            return []

        yield Case(f"outputs/S2 {what}", LOCKS, make, NOT_DONE, scenario=tell, is_named=True, is_slow=what != "two prepare")


def _second_is_refused(
    place: Place, run: Callable[[Sequence[str]], Outcome], first: list[str], second: list[str], sign: str
) -> Iterator[Fault]:
    """Stop the first command in the middle, start the second, and let the first go on: no race decides."""
    import signal

    from tests.hostile.runner import environment

    process = subprocess.Popen([sys.executable, "-m", "cli", *first], cwd=place.folder, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
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
        yield Fault("lost", f"the first command ended with {process.returncode}: {err.decode(errors='replace')[-200:]!a}")


def _begun(place: Place, sign: str, since: float) -> bool:
    """Return whether a command has begun to write: its sign is there, or something in the run folder is new."""
    if (place.folder / sign).exists():
        return True
    folder = (place.folder / sign).parent
    return sign.startswith("checkpoint") and any(path.stat().st_mtime > since for path in folder.glob("*"))


def cases(repeats: int = 1) -> Iterator[Case]:
    """Yield all cases on outputs."""
    del repeats  # nothing here is random
    yield from names()
    yield from full_disks()
    yield from devices()
    yield from forced()
    yield from journals()
    yield from two_at_once()


__all__: list[Any] = ["cases"]
