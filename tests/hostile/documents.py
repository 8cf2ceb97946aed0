"""Hostile documents: the files of an index, a prior, predictions of others, the list of a subset."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.hostile.case import ANY, DONE, EITHER, FORGES, LONG, NOT_DONE, REFUSED, Case, Fault, Outcome, Place
from tests.hostile.landmark_files import LANDMARKS, MAY_BE_READ
from tests.hostile.making import Damage, at, becomes, copy_of, edited, holds, mutated, read_by
from tests.hostile.mutations import MUTATIONS, NOT_FILES
from tests.hostile.tables import FACES, PREDICTIONS, VOTES

LINES = {
    "eval": "eval {run} --data data --out report --json -q --workers 0",
    "check": "check --data data --json --quiet",
    "train": "train --data data --epochs 1 {training}",
}
LINES_OF_OTHERS = {
    "eval": "eval --predictions given.csv --data data --out report --json --quiet",
    "robustness": "robustness {run} --data data --out report --corruptions none --workers 0 --quiet --subset given.csv",
}
DATA = copy_of("prepared", "data")

Codes = frozenset[int]


def in_index(
    name: str, file: str, damage: Damage, codes: Codes = REFUSED, commands: Sequence[str] = ("check",), **more: Any
) -> Iterator[Case]:
    """Yield cases in which commands read a prepared set with a damaged file in its index."""
    puts = (DATA, at(f"data/index/{file}", damage))
    yield from read_by(f"documents/{name}", LINES, commands, *puts, codes=codes, **more)


def first_name(index: Path) -> str:
    return (index / "data_label.txt").read_text().split()[0]


def _first_label(value: str) -> Callable[[str], str]:
    return lambda text: text.replace(" 1\n", f" {value}\n", 1)


def _and(more: str) -> Callable[[str], str]:
    return lambda text: text + more


LABELS: dict[str, Callable[[str], str]] = {
    "M12 a label of 10 ** 12": _first_label("1000000000000"),
    "small: a label of 20 digits": _first_label("9" * 20),
    "small: a label of 5,000 digits": _first_label("9" * 5000),
    "a label of 10 ** 6": _first_label("1000000"),
    "a negative label": _first_label("-1"),
    "a label of 1.5": _first_label("1.5"),
    "a label of Arabic digits": _first_label("\u0661"),
    "a superscript label": _first_label("\u00b2"),
    "no label": lambda text: text.replace(" 1\n", "\n", 1),
    "a name twice": lambda text: text + text.splitlines()[0] + "\n",
    "a name of 9,000 letters": _and(f"train_{LONG} 1\n"),
    "a name that forges": _and("train_\x1b[31m\rampnet: forged.jpg 1\n"),
    "a name with line separators": _and("train_a\u2028ampnet: forged\x85.jpg 1\n"),
    "a name outside": _and("train_/../../outside/precious.txt 1\n"),
    "an absolute name": _and("/etc/passwd 1\n"),
    "a name of dots": _and(".. 1\n"),
    "a null byte": _and("train_\0.jpg 1\n"),
    "Latin-1": _and("train_\udce4.jpg 1\n"),
    "UTF-16": lambda text: text.encode("utf-16").decode("latin-1"),
    "mixed splits": _and("other.jpg 1\n"),
    "one line of 20 MB": _and("x" * (20 << 20)),
    "10 ** 6 lines": lambda text: text + "".join(f"train_{i}.jpg 1\n" for i in range(10**6)),
    "nothing": lambda _text: "",
    "blank lines": lambda _text: "\n \n\t\n",
}
"""Lists of labels; all of them but Arabic digits are refused."""


def lists() -> Iterator[Case]:
    """Yield damaged data_label.txt and land_marks.npy."""
    for what, change in LABELS.items():
        commands = ("eval", "train") if what.startswith(("M12", "small")) else ("check",)
        yield from in_index(what, "data_label.txt", edited(change), ANY if "Arabic" in what else REFUSED, commands)
    for label in ("1000000000000", "9" * 20, "9" * 5000, "10000000"):
        first_only = edited(lambda text, label=label: f"{text.split()[0]} {label}\n" + text.partition("\n")[2])
        yield from in_index(f"small: only a label of {len(label)} digits", "data_label.txt", first_only)
    for number, (what, write) in enumerate(LANDMARKS.items()):
        in_turn = [("check", "eval", "check", "train")[number % 4]]
        codes = EITHER if what in MAY_BE_READ else REFUSED
        of_all = what.startswith(("M12", "small"))
        yield from in_index(f"land_marks: {what}", "land_marks.npy", write, codes, list(LINES) if of_all else in_turn)


CLASSES = ["surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral"]
POINTS = [[70, 90], [150, 90], [110, 130], [80, 170], [140, 170]]


def _framing(**fields: Any) -> dict[str, Any]:
    return {"framing": {"mean_landmarks": POINTS, "crop": "face", "color": "rgb", "face_resolution": None} | fields}


def _counts(of_fear: Any) -> dict[str, Any]:
    return {"counts": {"test": {"fear": of_fear}}}


METAS: dict[str, tuple[dict[str, Any], Codes]] = {
    "class_names is text": ({"class_names": "abc"}, REFUSED),
    "class_names of numbers": ({"class_names": [1, 2, 3]}, REFUSED),
    "class_names twice": ({"class_names": ["a"] * 7}, NOT_DONE),
    "class_names that forge": ({"class_names": [FORGES + str(i) for i in range(7)]}, ANY),
    "class_names of 9,000 letters": ({"class_names": [LONG + str(i) for i in range(7)]}, ANY),
    "10 ** 6 class_names": ({"class_names": [str(i) for i in range(10**6)]}, ANY),
    "splits is a number": ({"splits": 5}, ANY),
    "splits of lists": ({"splits": [[1]]}, ANY),
    "layout of a wrong kind": ({"layout": {"a": FORGES}}, ANY),
    "framing is text": ({"framing": "x"}, REFUSED),
    "framing is none": ({"framing": None}, ANY),
    "framing of nan": (_framing(mean_landmarks=[[float("nan")] * 2] * 5), REFUSED),
    "framing of 10 ** 300": (_framing(mean_landmarks=[[1e300] * 2] * 5), ANY),
    "framing without colour": (_framing(color=FORGES), REFUSED),
    "a resolution of 10 ** 9": (_framing(face_resolution=10**9), ANY),
    "a resolution of text": (_framing(face_resolution=LONG), REFUSED),
    "small: five equal landmarks": (_framing(mean_landmarks=[[100, 100]] * 5), ANY),
    "small: counts of text": (_counts({"rejected": "x"}), REFUSED),
    "small: counts is a list": ({"counts": [1]}, ANY),
    "small: counts of a split is a number": ({"counts": {"test": 5}}, REFUSED),
    "small: counts of a class is a number": (_counts(5), REFUSED),
    "small: counts of a class is none": (_counts(None), REFUSED),
    "small: counts of nan": (_counts({"rejected": float("nan")}), REFUSED),
    "small: infinite counts": (_counts({"rejected": float("inf")}), REFUSED),
    "small: counts of -5": (_counts({"rejected": -5}), ANY),
    "small: counts of 10 ** 30": (_counts({"rejected": 10**30}), ANY),
    "counts of another class": ({"counts": {"test": {FORGES: {"rejected": 1}}}}, ANY),
}
"""Fields of meta.json, and how a command may end."""
META: dict[str, Any] = {"class_names": CLASSES, "splits": ["train", "val", "test"]}
NO_META = {
    "digits": b'{"counts": ' + b"9" * 5000 + b"}",
    "Latin-1": b'{"class_names": ["\xe4", "b"]}',
    "cut": b'{"class_names": ["a", ',
    "keys": b"{" + b",".join(b'"%d": 0' % i for i in range(10**5)) + b"}",
}
CLASS_FILES = {"number": 3, "one": ["a"], "wrong": [1, 2], "mapping": {"a": "b"}, "forged": [FORGES] * 7}


def metas() -> Iterator[Case]:
    """Yield damaged meta.json and classes.json."""
    for what, value in {"a list": [META], "a number": 5, "nan": float("nan")}.items():
        yield from in_index(f"meta: {what}", "meta.json", holds(json.dumps(value)), REFUSED, ("eval",))
    for what, (fields, codes) in METAS.items():
        yield from in_index(f"meta: {what}", "meta.json", holds(json.dumps(META | fields)), codes, ("eval",))
    for depth in (900, 100_000, 3_000_000):
        nested = holds(b'{"counts": ' + b"[" * depth + b"]" * depth + b"}")
        yield from in_index(
            f"small: meta nested {depth:,} times", "meta.json", nested, ANY if depth == 900 else NOT_DONE
        )
    for what, content in NO_META.items():
        yield from in_index(f"meta: {what}", "meta.json", holds(content))
    for what, value in CLASS_FILES.items():
        yield from in_index(f"classes.json: {what}", "classes.json", holds(json.dumps(value)), EITHER)
    yield from in_index("classes.json: nested", "classes.json", holds(b"[" * 200_000))


def tables() -> Iterator[Case]:
    """Yield damaged faces.csv and label_votes.csv."""
    for file, command, rows in (("faces.csv", "check", FACES), ("label_votes.csv", "eval", VOTES)):
        for what, (header, row, codes) in rows.items():

            def damage(_place: Place, path: Path, text: str = f"{header}\n{row}\n") -> None:
                path.write_text(text.replace("{n}", first_name(path.parent)), encoding="utf-8")

            yield from in_index(what, file, damage, codes, (command,))


PRIORS: dict[str, bytes] = {
    "nan": b'{"fear": NaN}',
    "infinite": b'{"fear": Infinity}',
    "nested": b"[" * 100_000,
    "digits": b'{"fear": ' + b"9" * 5000 + b"}",
    "10 ** 400": b'{"fear": 1' + b"0" * 400 + b"}",
    "text": b'{"fear": "x"}',
    "a list": b"[1, 2]",
    "Latin-1": b'{"\xe4": 1}',
    "unknown classes that forge": json.dumps({FORGES: 1, LONG: 2}).encode(),
    "nothing": b"",
}


def not_in_index() -> Iterator[Case]:
    """Yield damaged files for ``--prior``, ``eval --predictions`` and ``robustness --subset``."""
    line = "predict {photo} --prior prior.json --json --quiet"
    priors = {f"prior: {what}": holds(content) for what, content in PRIORS.items()}
    for what, damage in (priors | {f"S5 prior is {kind}": becomes(kind) for kind in NOT_FILES}).items():
        yield Case(f"documents/{what}", line, (at("prior.json", damage),), NOT_DONE)
    for what, text in PREDICTIONS.items():
        of = lambda place, text=text: text.replace("{n}", first_name(place.seeds.prepared / "index")).encode()  # noqa: E731
        for name, command in (("predictions", "eval"), ("subset", "robustness")):
            puts = (DATA, at("given.csv", holds(of)))
            yield Case(f"documents/{name}: {what}, {command}", LINES_OF_OTHERS[command], puts, ANY)
    for number, kind in enumerate(NOT_FILES):
        puts, commands = (DATA, at("given.csv", becomes(kind))), (("eval", "robustness")[number % 2],)
        yield from read_by(f"documents/S5 given.csv is {kind}", LINES_OF_OTHERS, commands, *puts, codes=NOT_DONE)


def any_damage(repeats: int) -> Iterator[Case]:
    """Yield index files that are pipes, devices, links and folders, or have damaged bytes."""
    for file in ("data_label.txt", "land_marks.npy", "meta.json", "faces.csv", "label_votes.csv", "classes.json"):
        codes = REFUSED if file in ("data_label.txt", "land_marks.npy") else ANY
        for number, kind in enumerate(NOT_FILES):
            command = ("check", "eval")[number % 2] if file != "label_votes.csv" else "eval"
            yield from in_index(f"S5 {file} is {kind}", file, becomes(kind), codes, (command,))
    for repeat in range(repeats):
        for file in ("data_label.txt", "land_marks.npy"):
            for mutation in MUTATIONS:
                yield from in_index(f"{file} {mutation} {repeat + 1}", file, mutated(mutation), ANY)


def _reports(_place: Place, outcome: Outcome) -> Iterator[Fault]:
    if not outcome.stdout:
        yield Fault("lost", "no report")


def cases(repeats: int = 1) -> Iterator[Case]:
    """Yield all cases on documents."""
    yield from in_index("the good set", "meta.json", lambda *_: None, DONE, ("eval", "check"), check=_reports)
    yield from in_index("the good set", "meta.json", lambda *_: None, DONE, ("train",))
    yield from lists()
    yield from metas()
    yield from tables()
    yield from not_in_index()
    yield from any_damage(repeats)
