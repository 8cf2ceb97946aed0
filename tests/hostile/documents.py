"""Hostile index files: data_label.txt, land_marks.npy, meta.json, faces.csv, label_votes.csv, classes.json, a prior."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.hostile.case import ANY, DONE, EITHER, NOT_DONE, REFUSED, Case, Fault, Outcome, Place
from tests.hostile.landmark_files import LANDMARKS, MAY_BE_READ
from tests.hostile.making import case, changed, copy_of, thing
from tests.hostile.mutations import MUTATIONS, NOT_FILES

OWNER = "document-wall"

COMMANDS = {
    "eval": "eval {run} --data data --out report --json -q --workers 0",
    "check": "check --data data --json --quiet",
    "train": "train --data data --epochs 1 {training}",
}
FORGED = "x\nampnet: forged \x1b[31m"
LONG = "n" * 9000


def in_index(
    name: str,
    put: Callable[[Place, Path], object],
    codes: frozenset[int],
    commands: Sequence[str] = ("check",),
    **more: Any,
) -> Iterator[Case]:
    """Yield cases in which commands read a prepared set whose index is damaged."""
    puts = (copy_of("prepared", "data"), changed("data/index", put))
    for command in commands:
        yield case(f"documents/{name}, {command}", OWNER, COMMANDS[command], *puts, codes=codes, **more)


def first_name(index: Path) -> str:
    return (index / "data_label.txt").read_text().split()[0]


def _edit(name: str, change: Callable[[str], str]) -> Callable[[Place, Path], object]:
    def put(_place: Place, index: Path) -> None:
        text = (index / name).read_text(encoding="utf-8")
        (index / name).write_bytes(change(text).encode("utf-8", "surrogateescape"))

    return put


def _first_label(value: str) -> Callable[[str], str]:
    return lambda text: text.replace(" 1\n", f" {value}\n", 1)


def _alone(label: str) -> Callable[[Place, Path], object]:
    """Put one label into a list without splits and without meta.json."""

    def put(_place: Place, index: Path) -> None:
        lines = (index / "data_label.txt").read_text().splitlines()
        first, *others = lines
        (index / "data_label.txt").write_text("\n".join([f"{first.split()[0]} {label}", *others]) + "\n")

    return put


LABELS: dict[str, tuple[Callable[[str], str], frozenset[int]]] = {
    "M12 a label of 10 ** 12": (_first_label("1000000000000"), REFUSED),
    "small: a label of 20 digits": (_first_label("9" * 20), REFUSED),
    "small: a label of 5,000 digits": (_first_label("9" * 5000), REFUSED),
    "a label of 10 ** 6": (_first_label("1000000"), REFUSED),
    "a negative label": (_first_label("-1"), REFUSED),
    "a label of 1.5": (_first_label("1.5"), REFUSED),
    "a label of Arabic digits": (_first_label("\u0661"), ANY),
    "a superscript label": (_first_label("\u00b2"), REFUSED),
    "no label": (lambda text: text.replace(" 1\n", "\n", 1), REFUSED),
    "a name twice": (lambda text: text + text.splitlines()[0] + "\n", REFUSED),
    "a name of 9,000 letters": (lambda text: text + f"train_{LONG} 1\n", REFUSED),
    "a name that forges": (lambda text: text + "train_\x1b[31m\rampnet: forged.jpg 1\n", REFUSED),
    "a name with line separators": (lambda text: text + "train_a\u2028ampnet: forged\x85.jpg 1\n", REFUSED),
    "a name outside": (lambda text: text + "train_/../../outside/precious.txt 1\n", REFUSED),
    "an absolute name": (lambda text: text + "/etc/passwd 1\n", REFUSED),
    "a name of dots": (lambda text: text + ".. 1\n", REFUSED),
    "a null byte": (lambda text: text + "train_\0.jpg 1\n", REFUSED),
    "Latin-1": (lambda text: text + "train_\udce4.jpg 1\n", REFUSED),
    "UTF-16": (lambda text: text.encode("utf-16").decode("latin-1"), REFUSED),
    "mixed splits": (lambda text: text + "other.jpg 1\n", REFUSED),
    "one line of 20 MB": (lambda text: text + "x" * (20 << 20), REFUSED),
    "10 ** 6 lines": (lambda text: text + "".join(f"train_{i}.jpg 1\n" for i in range(10**6)), REFUSED),
    "nothing": (lambda text: "", REFUSED),
    "blank lines": (lambda text: "\n \n\t\n", REFUSED),
}


def labels() -> Iterator[Case]:
    """Yield damaged lists of labels."""
    for what, (change, codes) in LABELS.items():
        is_named = what.startswith(("M12", "small"))
        yield from in_index(
            what,
            _edit("data_label.txt", change),
            codes,
            ("eval", "train") if is_named else ("check",),
            is_named=is_named,
        )
    for label in ("1000000000000", "9" * 20, "9" * 5000, "10000000"):
        yield from in_index(f"small: only a label of {len(label)} digits", _alone(label), REFUSED, is_named=True)


def landmarks() -> Iterator[Case]:
    """Yield damaged land_marks.npy."""
    for number, (what, write) in enumerate(LANDMARKS.items()):
        command = ("check", "eval", "check", "train")[number % 4]
        is_named = what.startswith(("M12", "small"))
        codes = EITHER if what in MAY_BE_READ else REFUSED
        commands = tuple(COMMANDS) if is_named else (command,)
        put = lambda p, i, w=write: w(p, i / "land_marks.npy")  # type: ignore[misc]  # noqa: E731
        yield from in_index(f"land_marks: {what}", put, codes, commands, is_named=is_named)


META = {
    "class_names": ["surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral"],
    "splits": ["train", "val", "test"],
}
FRAMING = {
    "mean_landmarks": [[70, 90], [150, 90], [110, 130], [80, 170], [140, 170]],
    "crop": "face",
    "color": "rgb",
    "face_resolution": None,
}
SAME = [[100, 100]] * 5
Counts = Any

METAS: dict[str, tuple[Any, frozenset[int]]] = {
    "a list": ([META], REFUSED),
    "a number": (5, REFUSED),
    "nan": (float("nan"), REFUSED),
    "class_names is text": (META | {"class_names": "abc"}, REFUSED),
    "class_names of numbers": (META | {"class_names": [1, 2, 3]}, REFUSED),
    "class_names twice": (META | {"class_names": ["a"] * 7}, NOT_DONE),
    "class_names that forge": (META | {"class_names": [FORGED + str(i) for i in range(7)]}, ANY),
    "class_names of 9,000 letters": (META | {"class_names": [LONG + str(i) for i in range(7)]}, ANY),
    "10 ** 6 class_names": (META | {"class_names": [str(i) for i in range(10**6)]}, ANY),
    "splits is a number": (META | {"splits": 5}, ANY),
    "splits of lists": (META | {"splits": [[1]]}, ANY),
    "layout of a wrong kind": (META | {"layout": {"a": FORGED}}, ANY),
    "framing is text": (META | {"framing": "x"}, REFUSED),
    "framing is none": (META | {"framing": None}, ANY),
    "framing of nan": (META | {"framing": FRAMING | {"mean_landmarks": [[float("nan")] * 2] * 5}}, REFUSED),
    "framing of 10 ** 300": (META | {"framing": FRAMING | {"mean_landmarks": [[1e300] * 2] * 5}}, ANY),
    "framing without colour": (META | {"framing": FRAMING | {"color": FORGED}}, REFUSED),
    "a resolution of 10 ** 9": (META | {"framing": FRAMING | {"face_resolution": 10**9}}, ANY),
    "a resolution of text": (META | {"framing": FRAMING | {"face_resolution": LONG}}, REFUSED),
    "small: five equal landmarks": (META | {"framing": FRAMING | {"mean_landmarks": SAME}}, ANY),
    "small: counts of text": (META | {"counts": {"test": {"fear": {"rejected": "x"}}}}, REFUSED),
    "small: counts is a list": (META | {"counts": [1]}, ANY),
    "small: counts of a split is a number": (META | {"counts": {"test": 5}}, REFUSED),
    "small: counts of a class is a number": (META | {"counts": {"test": {"fear": 5}}}, REFUSED),
    "small: counts of a class is none": (META | {"counts": {"test": {"fear": None}}}, REFUSED),
    "small: counts of nan": (META | {"counts": {"test": {"fear": {"rejected": float("nan")}}}}, REFUSED),
    "small: infinite counts": (META | {"counts": {"test": {"fear": {"rejected": float("inf")}}}}, REFUSED),
    "small: counts of -5": (META | {"counts": {"test": {"fear": {"rejected": -5}}}}, ANY),
    "small: counts of 10 ** 30": (META | {"counts": {"test": {"fear": {"rejected": 10**30}}}}, ANY),
    "counts of another class": (META | {"counts": {"test": {FORGED: {"rejected": 1}}}}, ANY),
}


def _json(name: str, value: Any) -> Callable[[Place, Path], object]:
    return lambda _place, index: (index / name).write_text(json.dumps(value))


def _raw(name: str, content: bytes) -> Callable[[Place, Path], object]:
    return lambda _place, index: (index / name).write_bytes(content)


def metas() -> Iterator[Case]:
    """Yield damaged meta.json and classes.json."""
    for what, (value, codes) in METAS.items():
        is_named = what.startswith("small")
        yield from in_index(f"meta: {what}", _json("meta.json", value), codes, ("eval",), is_named=is_named)
    for depth in (900, 100_000, 3_000_000):
        nested = b'{"counts": ' + b"[" * depth + b"]" * depth + b"}"
        yield from in_index(
            f"small: meta nested {depth:,} times",
            _raw("meta.json", nested),
            ANY - DONE if depth > 900 else ANY,
            is_named=True,
        )
    for what, content in {
        "digits": b'{"counts": ' + b"9" * 5000 + b"}",
        "Latin-1": b'{"class_names": ["\xe4", "b"]}',
        "cut": b'{"class_names": ["a", ',
        "keys": b"{" + b",".join(b'"%d": 0' % i for i in range(10**5)) + b"}",
    }.items():
        yield from in_index(f"meta: {what}", _raw("meta.json", content), REFUSED)
    for what, value in {
        "number": 3,
        "one": ["a"],
        "wrong": [1, 2],
        "mapping": {"a": "b"},
        "forged": [FORGED] * 7,
    }.items():
        yield from in_index(f"classes.json: {what}", _json("classes.json", value), EITHER)
    yield from in_index("classes.json: nested", _raw("classes.json", b"[" * 200_000), REFUSED)


def not_files() -> Iterator[Case]:
    """Yield index files that are pipes, devices, links and folders."""
    for name in ("data_label.txt", "land_marks.npy", "meta.json", "faces.csv", "label_votes.csv", "classes.json"):
        for number, kind in enumerate(NOT_FILES):
            replace_it = lambda p, _index, k=kind, n=name: thing(k, f"data/index/{n}")(p)  # type: ignore[misc]  # noqa: E731
            required = name in ("data_label.txt", "land_marks.npy")
            codes = REFUSED if required else ANY
            command = ("check", "eval")[number % 2] if name != "label_votes.csv" else "eval"
            yield from in_index(
                f"S5 {name} is {kind}", replace_it, codes, (command,), is_named=kind in ("fifo", "endless")
            )


def damaged(repeats: int) -> Iterator[Case]:
    """Yield good index files with damaged bytes."""
    for repeat in range(repeats):
        for name in ("data_label.txt", "land_marks.npy"):
            for mutation in MUTATIONS:

                def put(place: Place, index: Path, n: str = name, m: str = mutation) -> None:
                    (index / n).write_bytes(MUTATIONS[m]((index / n).read_bytes(), place.rng))

                yield from in_index(f"{name} {mutation} {repeat + 1}", put, ANY)


def _still_all(_place: Place, outcome: Outcome) -> Iterator[Fault]:
    if outcome.code == 0 and not outcome.stdout:
        yield Fault("lost", "no report")


def cases(repeats: int = 1) -> Iterator[Case]:
    """Yield all cases on documents."""
    yield from in_index(
        "the good set", lambda _place, _index: None, DONE, tuple(COMMANDS), check=_still_all, is_named=True
    )
    yield from labels()
    yield from landmarks()
    yield from metas()
    yield from not_files()
    yield from damaged(repeats)
