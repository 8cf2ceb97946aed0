"""Writing: odd names, devices as targets, indexes that point outside, journals of others, full disks, two at once."""

import csv
import json
import os
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from ampnet.files.writing import temporary_beside
from tests.hostile.case import ANY, DONE, EITHER, NOT_DONE, Case, Check, Fault, Outcome, Place
from tests.hostile.making import GOOD, PREDICT, PREPARE, at, becomes, both, copy_of, intact, photos, predicted, raw
from tests.hostile.mutations import LINKS, ODD_STEMS, odd_path
from tests.hostile.seeds import FRAMES
from tests.hostile.two_at_once import second_is_refused


def names() -> Iterator[Case]:
    """Yield photos of odd names whose results are wanted in every form."""
    line = "predict photos --checkpoint {run} --csv t.csv --annotate drawn --quiet"
    in_json = both(predicted(csv_file="t.csv", drawn="drawn"), _drawn_all)
    for name, stem in ODD_STEMS.items():
        put = lambda place, stem=stem: shutil.copy(place.seeds.photo, odd_path(place.folder / "photos", stem))  # noqa: E731
        called = f"outputs/{'S7 ' if name in ('latin-1', '250-bytes') else ''}name: {name}"
        more: dict[str, Any] = {"codes": EITHER, "problems": 2}
        yield Case(f"{called}, table", line, (photos(), put), check=_table_has_good, **more)
        yield Case(f"{called}, --json", f"{line} --json", (photos(), put), check=in_json, **more)


def _drawn_all(place: Place, outcome: Outcome) -> Iterator[Fault]:
    drawn = len(list((place.folder / "drawn").rglob("*.jpg")))
    if outcome.code == 0 and drawn < 3:
        yield Fault("lost", f"{drawn} of 3 pictures drawn, exit code 0")


def _table_has_good(place: Place, outcome: Outcome) -> Iterator[Fault]:
    if outcome.stdout.count(GOOD.encode()) < 2 or not (place.folder / "t.csv").is_file():
        yield Fault("lost", "the good photos are not in the table, or there is no CSV")


def _device(path: Path) -> None:
    os.mknod(path, 0o600 | 0o020000, os.makedev(1, 3))  # a null device of its own: the machine's stays whole


def devices() -> Iterator[Case]:
    """Yield targets that are no files; none of them may be replaced by one."""
    kinds = {**{kind: becomes(kind) for kind in ("fifo", "socket", *LINKS)}}
    if os.geteuid() == 0:
        kinds["device"] = lambda _place, path: _device(path)
    for kind, put in kinds.items():

        def check(place: Place, _outcome: Outcome, kind: str = kind) -> Iterator[Fault]:
            target = place.folder / "target"
            if kind not in ("loop", "dangling") and target.is_file() and not target.is_symlink():
                yield Fault("damage", f"the {kind} was replaced by a file")

        for option in ("--csv", "--out", "--annotate"):
            line = f"predict photos --checkpoint {{run}} {option} target --force --json --quiet"
            if option == "--out":
                line = "export-reference {run} --out target --force"
            name = f"outputs/{'small: ' if option == '--csv' else ''}{option} {kind}"
            yield Case(name, line, (photos(), at("target", put)), ANY, problems=3, check=check)


def _faces_csv(place: Place, row: str) -> None:
    header = "name,source,split,class,status,reason,score,box,faces,width,height,subject,traits,grey_mean,grey_spread"
    with (place.folder / "out" / "index" / "faces.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header.split(","))
        writer.writerow([row, "a.jpg", "train", "fear", "detected", "", "0.5", "", "1", "2", "3", "", "", "", ""])


DELETED = {
    "above": "../../../outside/precious.txt",
    "absolute": "{outside}/precious.txt",
    "through a folder": "sub/../../../../outside/precious.txt",
    "through a link": "link/precious.txt",
    "beside": "../kept.txt",
    "nothing": ".",
    "newline": "x\nampnet: forged",
}
"""Names in an earlier faces.csv that would make ``--force`` delete files of others."""


def forced() -> Iterator[Case]:
    """Yield earlier indexes that would make ``--force`` delete files of others: by their names, or by links."""
    for what, name in DELETED.items():

        def put(place: Place, name: str = name) -> None:
            for part in ("index", "dataset", "dataset/sub"):
                (place.folder / "out" / part).mkdir(parents=True)
            (place.folder / "out" / "dataset" / "link").symlink_to(place.outside)
            (place.folder / "out" / "kept.txt").write_text("kept")
            (place.folder / "out" / "index" / "meta.json").write_text("{}")
            _faces_csv(place, name.format(outside=place.outside))

        check = intact("out/kept.txt", b"kept")
        yield Case(f"outputs/S1 force deletes {what}", f"{PREPARE} --force", (raw, put), ANY, check=check)
    for part, other in (("dataset", "index"), ("index", "dataset")):

        def linked(place: Place, part: str = part, other: str = other) -> None:
            (place.folder / "out" / other).mkdir(parents=True)
            (place.folder / "out" / part).symlink_to(place.outside)
            if part == "dataset":
                _faces_csv(place, "precious.txt")

        yield Case(f"outputs/S1 {part} is a link outside", f"{PREPARE} --force", (raw, linked), ANY)


OUTSIDE = {"chunk": 0, "faces": [{"item": 0, "row": {"name": "../../outside/precious.txt"}}]}
JOURNALS = {
    "no object": b"5\n",
    "no faces": b'{"chunk": 0}\n',
    "chunk of text": b'{"chunk": "x", "faces": []}\n',
    "chunk of 10 ** 9": b'{"chunk": 1000000000, "faces": []}\n',
    "faces of numbers": b'{"chunk": 0, "faces": [1]}\n',
    "faces outside": json.dumps(OUTSIDE).encode() + b"\n",
    "nested": b"[" * 100_000 + b"\n",
    "infinite chunk": b'{"chunk": Infinity, "faces": []}\n',
    "noise": bytes(range(256)) + b"\n",
}
"""Records of an interrupted prepare that somebody else has written."""


def journals() -> Iterator[Case]:
    """Yield each record as the plan of a journal, and behind a plan."""
    for what, content in JOURNALS.items():
        for is_plan in (True, False):

            def put(place: Place, content: bytes = content, is_plan: bool = is_plan) -> None:
                record = place.folder / "out" / "index" / ".prepare"
                (place.folder / "out" / "dataset").mkdir(parents=True)
                record.mkdir(parents=True)
                plan = {"crop": "none", "crop_reason": "x", "raw_dir": str(place.folder / "raw")}
                before = b"" if is_plan else json.dumps(plan).encode() + b"\n"
                (record / "journal.jsonl").write_bytes(before + content)

            where = "as the plan" if is_plan else "behind the plan"
            yield Case(f"outputs/journal: {what} {where}", f"{PREPARE} --resume", (raw, put), ANY)


TRAIN = "train --data {prepared} --name run --epochs 2 --resume {training}"
EVAL = "eval {run} --data {prepared} --out report --force --workers 0 --quiet"
IN_PICTURES = "predict photos --checkpoint {run} --annotate drawn --csv t.csv --force --quiet"
KILLED = {
    "prepare": ("out/index/faces.csv", f"{PREPARE} --force", raw),
    "train --resume": ("checkpoint/run/next.pt", TRAIN, copy_of("stopped", "checkpoint")),
    "eval": ("report/metrics.json", EVAL, photos()),
    "predict --annotate": ("drawn/good_0.jpg", IN_PICTURES, photos()),
    "predict --csv": ("t.csv", IN_PICTURES, photos()),
}
"""What an earlier run wrote when it was killed, and the next one: the hidden files of the first go with it."""


def killed_before() -> Iterator[Case]:
    """Yield folders in which an earlier run was killed while it wrote."""
    for what, (target, line, good) in KILLED.items():

        def put(place: Place, target: str = target) -> None:
            half = _partial_of_the_dead(place.folder / target)
            half.parent.mkdir(parents=True, exist_ok=True)
            half.write_bytes(b"half a file")

        def check(place: Place, _outcome: Outcome, target: str = target) -> Iterator[Fault]:
            if _partial_of_the_dead(place.folder / target).exists():
                yield Fault("left over", f"the temporary file for {target}")

        yield Case(f"outputs/small: partial file of a killed run, {what}", line, (good, put), DONE, check=check)


def _partial_of_the_dead(path: Path) -> Path:
    """Name the temporary file of a process that no longer exists."""
    highest = 2**22 + 1  # no process has this number
    ours = temporary_beside(path)
    return ours.with_name(ours.name.replace(f".{os.getpid()}.", f".{highest}."))


def _playable(place: Place, outcome: Outcome) -> Iterator[Fault]:
    """Check that the drawn clip, if there is one, has all its frames."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # what it says of cut files is no news here
    import cv2

    if (file := place.folder / "drawn" / "clip.mp4").exists():
        video, found = cv2.VideoCapture(str(file)), 0
        while video.read()[0]:
            found += 1
        video.release()
        if found != FRAMES:
            yield Fault("lost", f"{file.name} has {found} of {FRAMES} frames, exit code {outcome.code}")


def _not_there(name: str) -> Check:
    """Check that no cut file has its final name."""

    def check(place: Place, _outcome: Outcome) -> Iterator[Fault]:
        if (place.folder / name).exists():
            yield Fault("lost", f"{name} was left, cut")

    return check


def _put_reference(place: Place) -> None:
    import torch

    from tests.reference_weights import placeholder_state

    torch.save({"epoch": 1, "state_dict": placeholder_state()}, place.folder / "model.pth")


def full_disks() -> Iterator[Case]:
    """Yield commands that cannot write more than a few bytes into a file."""
    video = "predict clip.mp4 --checkpoint {run} --annotate drawn --json --quiet"
    clip: Callable[[Place], object] = lambda place: shutil.copy(place.seeds.clip(".mp4"), place.folder / "clip.mp4")  # noqa: E731
    on_video = partial(Case, line=video, puts=(clip,), check=_playable)
    on_data = partial(Case, puts=(copy_of("prepared", "data"),))
    yield on_video("outputs/S3 video on a disk of 600 bytes", largest_file=600)
    yield on_video("outputs/S3 video on a disk of 3,000 bytes", largest_file=3000)
    yield on_video("outputs/S3 video on a good disk", codes=DONE)
    good: dict[str, Any] = {"puts": (photos(),), "largest_file": 600}
    no_csv = both(predicted(), _not_there("t.csv"))
    yield Case("outputs/S7 csv on a full disk", f"{PREDICT} --csv t.csv", check=no_csv, keeps_partial=True, **good)
    drawn = f"{PREDICT} --annotate drawn"
    yield Case("outputs/S7 pictures on a full disk", drawn, check=predicted(), problems=2, **good)
    for size in (0, 9000):
        line = "train --data data --epochs 1 {training}"
        yield on_data(f"outputs/M8 train on a disk of {size:,} bytes", line, largest_file=size)
    more: dict[str, Any] = {"check": _not_there("imported.pt"), "is_slow": True, "largest_file": 1 << 20}
    line = "import model.pth --out imported.pt"
    yield Case("outputs/M8 import on a full disk", line, (_put_reference,), **more)
    line = "eval {run} --data data --out report --json --quiet --workers 0"
    yield on_data("outputs/eval on a full disk", line, largest_file=600)
    yield Case("outputs/prepare on a full disk", PREPARE, (raw,), largest_file=600)
    yield Case("outputs/prepare, full after the images", PREPARE, (raw,), EITHER, largest_file=30_000)


JOURNAL = "out/index/.prepare/journal.jsonl"
RESUME = "train --data data --name run --epochs 2 --resume {training}"
SECONDS = {
    "two prepare": (PREPARE, PREPARE, JOURNAL),
    "prepare --resume beside prepare": (PREPARE, f"{PREPARE} --resume", JOURNAL),
    "prepare --force beside prepare": (PREPARE, f"{PREPARE} --force", JOURNAL),
    "two train --resume": (RESUME, RESUME, "checkpoint/run/.started"),
}
"""A command, a second one while the first still runs, and the file by which one sees that the first has begun."""


def two_at_once() -> Iterator[Case]:
    """Yield second commands beside one that is still running."""
    puts = (partial(raw, per_class=4), copy_of("prepared", "data"), copy_of("stopped", "checkpoint"))
    for what, (first, second, sign) in SECONDS.items():
        story = partial(second_is_refused, first=first, second=second, sign=sign)
        yield Case(f"outputs/S2 {what}", "", puts, NOT_DONE, scenario=story, is_slow=what != "two prepare")


def cases(repeats: int = 1) -> Iterator[Case]:
    """Yield all cases on outputs."""
    del repeats  # nothing here is random
    yield from names()
    yield from devices()
    yield from forced()
    yield from journals()
    yield from killed_before()
    yield from full_disks()
    yield from two_at_once()
