"""The parts that cases are put together from: good files, damages of one file, and checks of the good neighbours."""

import csv
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.hostile.case import Case, Check, Fault, Outcome, Place, Put
from tests.hostile.mutations import MUTATIONS, NOT_FILES

PREPARE = "prepare raw --out out --quiet --gpus 0"
"""The command line for the raw set that :func:`raw` puts."""
PREDICT = "predict photos --checkpoint {run} --json --quiet"
"""The command line for the photos that :func:`photos` puts."""

GOOD = "good"
"""Beginning of the names of good files."""

Damage = Callable[[Place, Path], object]
"""Spoils, or replaces, one file."""
Content = bytes | str | Callable[[Place], bytes]


def at(path: str, damage: Damage) -> Put:
    """Damage the file at a path below the folder of a case."""
    return lambda place: damage(place, place.folder / path)


def holds(content: Content) -> Damage:
    """Write a file."""
    given = content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content
    return lambda place, path: path.write_bytes(given if isinstance(given, bytes) else given(place))


def edited(change: Callable[[str], str]) -> Damage:
    """Change the text of a file."""

    def damage(place: Place, path: Path) -> None:
        holds(change(path.read_text(encoding="utf-8")))(place, path)

    return damage


def mutated(mutation: str) -> Damage:
    """Do one of :data:`MUTATIONS` to a file."""
    return lambda place, path: path.write_bytes(MUTATIONS[mutation](path.read_bytes(), place.rng))


def becomes(kind: str) -> Damage:
    """Put one of :data:`NOT_FILES` in the place of a file."""

    def damage(_place: Place, path: Path) -> None:
        path.unlink(missing_ok=True)
        NOT_FILES[kind](path)

    return damage


def read_by(name: str, lines: Mapping[str, str], commands: Sequence[str], *puts: Put, **more: Any) -> Iterator[Case]:
    """Yield a case for each of several commands that read the same files."""
    for command in commands:
        yield Case(f"{name}, {command}", lines[command], puts, **more)


def copy_of(good: str, path: str) -> Put:
    """Copy one of the good files or folders, such as ``prepared``."""

    def put(place: Place) -> None:
        source = getattr(place.seeds, good)
        if source.is_dir():
            shutil.copytree(source, place.folder / path)
        else:
            shutil.copy(source, place.folder / path)

    return put


def photos(folder: str = "photos", count: int = 2) -> Put:
    """Copy good photos into a folder."""

    def put(place: Place) -> None:
        (place.folder / folder).mkdir(exist_ok=True)
        for number, face in enumerate(place.seeds.faces[:count]):
            shutil.copy(face, place.folder / folder / f"{GOOD}_{number}.jpg")

    return put


def raw(place: Place, per_class: int = 2) -> None:
    """Lay out a small raw set of three classes in ``raw``."""
    for face in place.seeds.faces:
        expression, _, number = face.stem.partition("_")
        if int(number) < per_class:
            folder = place.folder / "raw" / expression
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(face, folder / f"{GOOD}_{face.name}")


def predicted(count: int = 2, csv_file: str | None = None, drawn: str | None = None) -> Check:
    """Check the results of ``predict --json`` for good photos, in all the forms that were asked for."""

    def check(place: Place, outcome: Outcome) -> Iterator[Fault]:
        names = [f"{GOOD}_{number}.jpg" for number in range(count)]
        try:
            images = json.loads(outcome.stdout)["images"]
            known = {Path(image["image"]).name: image["status"] for image in images}
        except (ValueError, KeyError, TypeError):
            known = {}
        for name in names:
            if known.get(name) != "ok":
                yield Fault("lost", f"no results for {name}")
            if drawn is not None and not list((place.folder / drawn).rglob(name)):
                yield Fault("lost", f"not drawn: {name}")
        if csv_file is not None and outcome.code is not None:
            in_table = {Path(row["image"]).name for row in _rows(place.folder / csv_file)}
            if missing := set(names) - in_table:
                yield Fault("lost", f"{csv_file} lacks {', '.join(sorted(missing))}")

    return check


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
            return list(csv.DictReader(file))
    except (OSError, csv.Error):
        return []


def prepared(place: Place, _outcome: Outcome) -> Iterator[Fault]:
    """Check that prepare has found the six good faces of :func:`raw` and finished its index."""
    out = place.folder / "out"
    labels = out / "index" / "data_label.txt"
    known = labels.read_text(encoding="utf-8").split() if labels.is_file() else []
    kept = [
        row["name"]
        for row in _rows(out / "index" / "faces.csv")
        if GOOD in row["source"] and row["status"] in ("detected", "retried")
        if row["name"] in known and (out / "dataset" / row["name"]).is_file()
    ]
    if len(kept) < 6 or not (out / "index" / "meta.json").is_file():
        yield Fault("lost", f"{len(kept)} of 6 good faces in the index")


def intact(path: str, content: bytes) -> Check:
    """Check that a file still has its content."""

    def check(place: Place, _outcome: Outcome) -> Iterator[Fault]:
        file = place.folder / path
        if not file.is_file() or file.read_bytes() != content:
            yield Fault("damage", f"{path} was changed")

    return check


def both(*checks: Check) -> Check:
    """Apply several checks."""
    return lambda place, outcome: [fault for check in checks for fault in check(place, outcome)]
