"""Good files beside hostile ones: their results must be there, whatever happens to the others."""

import csv
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from tests.hostile.case import Fault, Outcome, Place

Check = Callable[[Place, Outcome], Iterable[Fault]]

GOOD = "good"
"""Beginning of the names of good files."""


def put_good_photos(place: Place, folder: Path, count: int = 2) -> list[str]:
    """Copy good photos into a folder; returns their names."""
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for number, face in enumerate(place.seeds.faces[:count]):
        names.append(f"{GOOD}_{number}.jpg")
        shutil.copy(face, folder / names[-1])
    return names


def put_raw_classes(place: Place, raw: Path, per_class: int = 2) -> Path:
    """Lay out a small raw set of three classes in folders."""
    for face in place.seeds.faces:
        expression, _, number = face.stem.partition("_")
        if int(number) < per_class:
            (raw / expression).mkdir(parents=True, exist_ok=True)
            shutil.copy(face, raw / expression / f"{GOOD}_{face.name}")
    return raw


def predicted(count: int = 2, csv_file: str | None = None, drawn: str | None = None) -> Check:
    """Check the results of ``predict --json`` for good photos, in all the forms that were asked for."""

    def check(place: Place, outcome: Outcome) -> Iterator[Fault]:
        if outcome.code is None:
            yield Fault("lost", "no results at all")
            return
        names = [f"{GOOD}_{number}.jpg" for number in range(count)]
        try:
            images = json.loads(outcome.stdout)["images"]
            known = {Path(image["image"]).name: image["status"] for image in images}
            lost = [name for name in names if known.get(name) != "ok"]
        except (ValueError, KeyError, TypeError):
            lost = names
        if lost:
            yield Fault("lost", f"no results for {', '.join(lost)}")
        if csv_file is not None:
            yield from _in_table(place.folder / csv_file, "image", names)
        if drawn is not None:
            missing = [name for name in names if not list((place.folder / drawn).rglob(name))]
            if missing:
                yield Fault("lost", f"not drawn: {', '.join(missing)}")

    return check


def prepared(out: str = "out", count: int = 6) -> Check:
    """Check that prepare has found the good faces and finished its index."""

    def check(place: Place, outcome: Outcome) -> Iterator[Fault]:
        index = place.folder / out / "index"
        if outcome.code is None or not (index / "meta.json").is_file():
            yield Fault("lost", "prepare left no index")
            return
        try:
            with (index / "faces.csv").open(encoding="utf-8", errors="surrogateescape", newline="") as file:
                rows = list(csv.DictReader(file))
            found = [row["name"] for row in rows if GOOD in row["source"] and row["status"] in ("detected", "retried")]
        except (OSError, ValueError, KeyError) as error:
            yield Fault("lost", f"faces.csv cannot be read: {error!r}")
            return
        labels = (index / "data_label.txt").read_text(encoding="utf-8").split()
        kept = [name for name in found if name in labels and (place.folder / out / "dataset" / name).is_file()]
        if len(kept) < count:
            yield Fault("lost", f"{len(kept)} of {count} good faces in the index")

    return check


def intact(path: str, content: bytes) -> Check:
    """Check that a file still has its content."""

    def check(place: Place, _outcome: Outcome) -> Iterator[Fault]:
        file = place.folder / path
        if not file.is_file() or file.read_bytes() != content:
            yield Fault("damage", f"{path} was changed")

    return check


def both(*checks: Check) -> Check:
    """Apply several checks."""

    def check(place: Place, outcome: Outcome) -> Iterator[Fault]:
        for one in checks:
            yield from one(place, outcome)

    return check


def _in_table(path: Path, column: str, names: Sequence[str]) -> Iterator[Fault]:
    try:
        with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
            known = {Path(row[column]).name for row in csv.DictReader(file)}
    except (OSError, ValueError, KeyError) as error:
        yield Fault("lost", f"{path.name} cannot be read: {error!r}")
        return
    if missing := [name for name in names if name not in known]:
        yield Fault("lost", f"{path.name} lacks {', '.join(missing)}")
