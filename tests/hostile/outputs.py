"""Writing: results of odd names, devices as targets, earlier indexes that point outside, journals of strangers."""

import csv
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from ampnet.files.writing import temporary_beside
from tests.hostile.case import ANY, DONE, EITHER, Case, Fault, Outcome, Place
from tests.hostile.making import PREPARE, Put, case, copy_of, photos, raw
from tests.hostile.mutations import ODD_STEMS, dangling, endless, fifo, loop, odd_path, unix_socket
from tests.hostile.neighbours import GOOD, Check, both, intact, predicted

PREDICT, LOCKS, CHECKPOINTS, DOCUMENTS = "predict-output", "locks", "checkpoint-wall", "document-wall"


def names() -> Iterator[Case]:
    """Yield photos of odd names whose results are wanted in every form."""
    in_json = both(predicted(csv_file="t.csv", drawn="drawn"), _drawn_all)
    checks: dict[str, Check] = {"table": _table_has_good, "--json": in_json}
    for name, stem in ODD_STEMS.items():
        for form, check in checks.items():

            def put(place: Place, s: bytes = stem) -> None:
                shutil.copy(place.seeds.photo, odd_path(place.folder / "photos", s))

            item = "S7 " if name in ("latin-1", "250-bytes") else ""
            line = "predict photos --checkpoint {run} --csv t.csv --annotate drawn --quiet"
            line += f" {form}" if form == "--json" else ""
            more: dict[str, Any] = {"problems": 2, "check": check, "is_named": bool(item) or name == "newline"}
            yield case(f"outputs/{item}name: {name}, {form}", PREDICT, line, photos(), put, codes=EITHER, **more)


def _drawn_all(place: Place, outcome: Outcome) -> Iterator[Fault]:
    drawn = len(list((place.folder / "drawn").rglob("*.jpg"))) if (place.folder / "drawn").is_dir() else 0
    if outcome.code == 0 and drawn < 3:
        yield Fault("lost", f"{drawn} of 3 pictures drawn, exit code 0")


def _table_has_good(place: Place, outcome: Outcome) -> Iterator[Fault]:
    if outcome.stdout.count(GOOD.encode()) < 2:
        yield Fault("lost", "the good photos are not in the table")
    if not (place.folder / "t.csv").is_file():
        yield Fault("lost", "no CSV")


def _device(path: Path) -> Path:
    os.mknod(path, 0o600 | 0o020000, os.makedev(1, 3))  # a null device of its own: the machine's stays whole
    return path


def devices() -> Iterator[Case]:
    """Yield targets that are no files; none of them may be replaced by one."""
    kinds: dict[str, Callable[[Path], Path]] = {
        "fifo": fifo,
        "socket": unix_socket,
        "endless": endless,
        "loop": loop,
        "dangling": dangling,
    }
    if os.geteuid() == 0:
        kinds["device"] = _device
    for kind, put in kinds.items():
        for option in ("--csv", "--out", "--annotate"):

            def check(place: Place, _outcome: Outcome, k: str = kind) -> Iterator[Fault]:
                target = place.folder / "target"
                if k not in ("loop", "dangling") and target.is_file() and not target.is_symlink():
                    yield Fault("damage", f"the {k} was replaced by a file")

            line = f"predict photos --checkpoint {{run}} {option} target --force --json --quiet"
            if option == "--out":
                line = "export-reference {run} --out target --force"
            item = "small: " if option == "--csv" else ""
            puts = (photos(), lambda place, p=put: p(place.folder / "target"))
            more: dict[str, Any] = {"codes": ANY, "problems": 3, "check": check, "is_named": bool(item)}
            yield case(f"outputs/{item}{option} {kind}", PREDICT, line, *puts, **more)  # type: ignore[misc]


def _faces_csv(place: Place, rows: Iterable[str]) -> None:
    header = "name,source,split,class,status,reason,score,box,faces,width,height,subject,traits,grey_mean,grey_spread"
    with (place.folder / "out" / "index" / "faces.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header.split(","))
        writer.writerows(
            [row, "a.jpg", "train", "fear", "detected", "", "0.5", "", "1", "2", "3", "", "", "", ""] for row in rows
        )


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

        def put(place: Place, n: Callable[[Place], str] = name) -> None:
            for part in ("index", "dataset"):
                (place.folder / "out" / part).mkdir(parents=True)
            (place.folder / "out" / "dataset" / "sub").mkdir()
            (place.folder / "out" / "dataset" / "link").symlink_to(place.outside)
            (place.folder / "out" / "kept.txt").write_text("kept")
            (place.folder / "out" / "index" / "meta.json").write_text("{}")
            _faces_csv(place, [n(place)])

        more: dict[str, Any] = {"codes": ANY, "is_named": True, "check": intact("out/kept.txt", b"kept")}
        yield case(f"outputs/S1 force deletes {what}", DOCUMENTS, f"{PREPARE} --force", raw, put, **more)
    for part in ("dataset", "index"):

        def linked(place: Place, p: str = part) -> None:
            (place.folder / "out" / ("index" if p == "dataset" else "dataset")).mkdir(parents=True)
            (place.folder / "out" / p).symlink_to(place.outside)
            if p == "dataset":
                _faces_csv(place, ["precious.txt"])

        name = f"outputs/S1 {part} is a link outside"
        yield case(name, DOCUMENTS, f"{PREPARE} --force", raw, linked, codes=ANY, is_named=True)


def journals() -> Iterator[Case]:
    """Yield records of an interrupted prepare that somebody else has written."""
    contents = {
        "no object": b"5\n",
        "no faces": b'{"chunk": 0}\n',
        "chunk of text": b'{"chunk": "x", "faces": []}\n',
        "chunk of 10 ** 9": b'{"chunk": 1000000000, "faces": []}\n',
        "faces of numbers": b'{"chunk": 0, "faces": [1]}\n',
        "faces outside": json.dumps(
            {"chunk": 0, "faces": [{"item": 0, "row": {"name": "../../outside/precious.txt"}}]}
        ).encode()
        + b"\n",
        "nested": b"[" * 100_000 + b"\n",
        "infinite chunk": b'{"chunk": Infinity, "faces": []}\n',
        "noise": bytes(range(256)) + b"\n",
    }
    for what, content in contents.items():
        for name in ("done-0000.jsonl", "plan.json", "journal.jsonl"):

            def put(place: Place, c: bytes = content, n: str = name) -> None:
                record = place.folder / "out" / "index" / ".prepare"
                (place.folder / "out" / "dataset").mkdir(parents=True)
                record.mkdir(parents=True)
                plan = {"crop": "none", "crop_reason": "x", "raw_dir": str(place.folder / "raw")}
                (record / "plan.json").write_text(json.dumps(plan))
                (record / n).write_bytes(c)

            yield case(f"outputs/journal: {what} in {name}", DOCUMENTS, f"{PREPARE} --resume", raw, put, codes=ANY)


def killed_before() -> Iterator[Case]:
    """Yield folders in which an earlier run was killed while it wrote: its hidden files go with the next one."""
    train = "train --data {prepared} --name run --epochs 2 --resume {training}"
    evaluate = "eval {run} --data {prepared} --out report --force --workers 0 --quiet"
    predict = "predict photos --checkpoint {run} --annotate drawn --csv t.csv --force --quiet"
    stories: dict[str, tuple[str, str, tuple[Put, ...]]] = {
        "prepare": ("out/index/faces.csv", f"{PREPARE} --force", (raw,)),
        "train --resume": ("checkpoint/run/next.pt", train, (copy_of("stopped", "checkpoint"),)),
        "eval": ("report/metrics.json", evaluate, ()),
        "predict --annotate": ("drawn/good_0.jpg", predict, (photos(),)),
        "predict --csv": ("t.csv", predict, (photos(),)),
    }
    for what, (target, line, puts) in stories.items():

        def put(place: Place, t: str = target) -> None:
            partial = _partial_of_the_dead(place.folder / t)
            partial.parent.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(b"half a file")

        def check(place: Place, _outcome: Outcome, t: str = target) -> Iterator[Fault]:
            if _partial_of_the_dead(place.folder / t).exists():
                yield Fault("left over", f"the temporary file for {t}")

        name = f"outputs/small: partial file of a killed run, {what}"
        yield case(name, LOCKS, line, *puts, put, codes=DONE, check=check, is_named=True)


def _partial_of_the_dead(path: Path) -> Path:
    """Name the temporary file of a process that no longer exists."""
    highest = 2**22 + 1  # no process has this number
    ours = temporary_beside(path)
    return ours.with_name(ours.name.replace(f".{os.getpid()}.", f".{highest}."))


def cases(repeats: int = 1) -> Iterator[Case]:
    """Yield all cases on outputs."""
    del repeats  # nothing here is random
    yield from names()
    yield from devices()
    yield from forced()
    yield from journals()
    yield from killed_before()
