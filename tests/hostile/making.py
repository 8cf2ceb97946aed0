"""From a table of damages and a table of command lines to cases."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.hostile.case import REFUSED, Case, Place
from tests.hostile.mutations import NOT_FILES
from tests.hostile.neighbours import put_good_photos, put_raw_classes
from tests.hostile.seeds import TRAINING

Put = Callable[[Place], object]
"""Puts something into the folder of a case."""

PREPARE = "prepare raw --out out --quiet --gpus 0"
"""The command line for the raw set that :func:`raw` puts."""


def words(line: str, place: Place, **paths: str) -> list[str]:
    """Fill in a command line: ``{run}``, ``{photo}`` and so on are good files, ``{training}`` a short training."""
    good = {name: str(getattr(place.seeds, name)) for name in ("run", "photo", "prepared", "stopped")}
    filled = [TRAINING if word == "{training}" else [word.format(**good, **paths)] for word in line.split()]
    return [word for part in filled for word in part]


def case(name: str, owner: str, line: str, *puts: Put, codes: frozenset[int] = REFUSED, **more: Any) -> Case:
    """Give a case: what is put into its folder, one after the other, and the command line."""

    def make(place: Place) -> list[str]:
        for put in puts:
            put(place)
        return words(line, place)

    return Case(name, owner, make, codes, **more)


def content(path: str, of: Callable[[Place], bytes] | bytes) -> Put:
    """Write a file."""
    return lambda place: (place.folder / path).write_bytes(of if isinstance(of, bytes) else of(place))


def thing(kind: str, path: str) -> Put:
    """Put one of :data:`NOT_FILES` in the place of a file."""

    def put(place: Place) -> None:
        (place.folder / path).unlink(missing_ok=True)
        NOT_FILES[kind](place.folder / path)

    return put


def photos(folder: str = "photos", count: int = 2) -> Put:
    """Put good photos into a folder."""
    return lambda place: put_good_photos(place, place.folder / folder, count)


def raw(place: Place) -> object:
    """Put a small raw set into ``raw``."""
    return put_raw_classes(place, place.folder / "raw")


def copy_of(good: str, path: str) -> Put:
    """Copy one of the good folders, such as ``prepared``."""
    return lambda place: shutil.copytree(getattr(place.seeds, good), place.folder / path)


def changed(path: str, change: Callable[[Place, Path], object]) -> Put:
    """Change something below the folder of a case."""
    return lambda place: change(place, place.folder / path)
