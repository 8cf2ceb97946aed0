"""Writing: results of odd names, devices as targets, earlier indexes that point outside, journals of strangers."""

import csv
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from ampnet.files.writing import temporary_beside
from tests.hostile.case import DONE, EITHER, Case, Fault, Outcome, Place
from tests.hostile.mutations import ODD_STEMS, dangling, endless, fifo, loop, odd_path, unix_socket
from tests.hostile.neighbours import GOOD, both, predicted, put_good_photos, put_raw_classes
from tests.hostile.seeds import TRAINING

PREDICT, LOCKS, CHECKPOINTS, DOCUMENTS = "predict-output", "locks", "checkpoint-wall", "document-wall"
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
            check = (
                both(predicted(csv_file="t.csv", drawn="drawn"), _drawn_all) if form == "--json" else _table_has_good
            )
            yield Case(
                f"outputs/{item}name: {name}, {form}",
                PREDICT,
                make,
                EITHER,
                2,
                check,
                is_named=bool(item) or name == "newline",
            )


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

            def make(place: Place, p: Callable[[Path], Path] = put, o: str = option) -> Sequence[str]:
                put_good_photos(place, place.folder / "photos")
                p(place.folder / "target")
                if o == "--out":
                    return ["export-reference", str(place.seeds.run), "--out", "target", "--force"]
                return [
                    "predict",
                    "photos",
                    "--checkpoint",
                    str(place.seeds.run),
                    o,
                    "target",
                    "--force",
                    "--json",
                    "--quiet",
                ]

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

        yield Case(
            f"outputs/S1 force deletes {what}", DOCUMENTS, make, frozenset((0, 1, 2)), check=check, is_named=True
        )
    for part in ("dataset", "index"):

        def linked(place: Place, p: str = part) -> Sequence[str]:
            put_raw_classes(place, place.folder / "raw")
            (place.folder / "out" / ("index" if p == "dataset" else "dataset")).mkdir(parents=True)
            (place.folder / "out" / p).symlink_to(place.outside)
            if p == "dataset":
                _faces_csv(place, ["precious.txt"])
            return ["prepare", "raw", "--out", "out", "--force", "--quiet", "--gpus", "0"]

        yield Case(f"outputs/S1 {part} is a link outside", DOCUMENTS, linked, frozenset((0, 1, 2)), is_named=True)


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

            def make(place: Place, c: bytes = content, n: str = name) -> Sequence[str]:
                raw = put_raw_classes(place, place.folder / "raw")
                record = place.folder / "out" / "index" / ".prepare"
                (place.folder / "out" / "dataset").mkdir(parents=True)
                record.mkdir(parents=True)
                (record / "plan.json").write_text(json.dumps({"crop": "none", "crop_reason": "x", "raw_dir": str(raw)}))
                (record / n).write_bytes(c)
                return ["prepare", "raw", "--out", "out", "--resume", "--quiet", "--gpus", "0"]

            yield Case(f"outputs/journal: {what} in {name}", DOCUMENTS, make, EITHER | {2})


def killed_before() -> Iterator[Case]:
    """Yield folders in which an earlier run was killed while it wrote: its hidden files go with the next one."""
    stories: dict[str, tuple[str, Make]] = {
        "prepare": ("out/index/faces.csv", _prepare_again),
        "train --resume": ("checkpoint/run/next.pt", _train_again),
        "eval": ("report/metrics.json", _eval_again),
        "predict --annotate": ("drawn/good_0.jpg", _predict_again),
        "predict --csv": ("t.csv", _predict_again),
    }
    for what, (target, again) in stories.items():

        def make(place: Place, t: str = target, a: Make = again) -> Sequence[str]:
            argv = a(place)
            partial = _partial_of_the_dead(place.folder / t)
            partial.parent.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(b"half a file")
            return argv

        def check(place: Place, _outcome: Outcome, t: str = target) -> Iterator[Fault]:
            if _partial_of_the_dead(place.folder / t).exists():
                yield Fault("left over", f"the temporary file for {t}")

        name = f"outputs/small: partial file of a killed run, {what}"
        yield Case(name, LOCKS, make, DONE, check=check, is_named=True)


def _partial_of_the_dead(path: Path) -> Path:
    """Name the temporary file of a process that no longer exists."""
    highest = 2**22 + 1  # no process has this number
    ours = temporary_beside(path)
    return ours.with_name(ours.name.replace(f".{os.getpid()}.", f".{highest}."))


def _prepare_again(place: Place) -> Sequence[str]:
    put_raw_classes(place, place.folder / "raw")
    return ["prepare", "raw", "--out", "out", "--force", "--quiet", "--gpus", "0"]


def _train_again(place: Place) -> Sequence[str]:
    shutil.copytree(place.seeds.stopped, place.folder / "checkpoint")
    return ["train", "--data", str(place.seeds.prepared), "--name", "run", "--epochs", "2", "--resume", *TRAINING]


def _eval_again(place: Place) -> Sequence[str]:
    data = str(place.seeds.prepared)
    return ["eval", str(place.seeds.run), "--data", data, "--out", "report", "--force", "--workers", "0", "--quiet"]


def _predict_again(place: Place) -> Sequence[str]:
    put_good_photos(place, place.folder / "photos")
    model = ["--checkpoint", str(place.seeds.run)]
    return ["predict", "photos", *model, "--annotate", "drawn", "--csv", "t.csv", "--force", "--quiet"]


def cases(repeats: int = 1) -> Iterator[Case]:
    """Yield all cases on outputs."""
    del repeats  # nothing here is random
    yield from names()
    yield from devices()
    yield from forced()
    yield from journals()
    yield from killed_before()
