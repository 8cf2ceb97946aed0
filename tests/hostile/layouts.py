"""Hostile raw data sets, for prepare: odd files, names and trees in every layout."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.hostile.case import ANY, DONE, EITHER, Case, Check, Fault, Outcome, Place
from tests.hostile.making import PREPARE
from tests.hostile.mutations import NOT_FILES, ODD_STEMS, odd_path
from tests.hostile.raw_sets import LAYOUTS, RawSet

Change = Callable[[Place, Path, RawSet], object]


def finished(least: int) -> Check:
    """Find the good faces in the index."""

    def check(place: Place, outcome: Outcome) -> Iterator[Fault]:
        labels = place.folder / "out" / "index" / "data_label.txt"
        found = len(labels.read_text(errors="replace").splitlines()) if labels.is_file() else 0
        if found < least:
            yield Fault("lost", f"{found} of at least {least} good faces in the index (exit code {outcome.code})")

    return check


def of_layout(name: str, layout: str, change: Change, codes: frozenset[int], least: int = 0, **more: Any) -> Case:
    """Give a case in which prepare reads a raw set that is changed after it was laid out."""

    def put(place: Place) -> None:
        change(place, place.folder / "raw", LAYOUTS[layout](place, place.folder / "raw"))

    defaults: dict[str, Any] = {"problems": 3, "check": finished(least)}
    return Case(f"layouts/{name}", PREPARE, (put,), codes, **defaults | more)


def replaced(kind: str, of: Callable[[RawSet], Path]) -> Change:
    """Put one of :data:`NOT_FILES` in the place of a file of the set."""

    def change(_place: Place, _root: Path, raw: RawSet) -> None:
        of(raw).unlink()
        NOT_FILES[kind](of(raw))

    return change


def _beside(raw: RawSet, *stems: bytes) -> None:
    """Add a good picture under odd names."""
    for stem in stems:
        shutil.copy(raw.images[0], odd_path(raw.folder, stem, raw.images[-1].suffix))


def _deep_tree(folder: Path) -> None:
    """Make a folder in a folder in a folder, with a file at the end of it."""
    here = Path.cwd()
    try:
        os.chdir(folder)
        for _ in range(1200):
            Path("d").mkdir()
            os.chdir("d")
        Path("x.jpg").write_bytes(b"x")
    finally:
        os.chdir(here)


def _links(folder: Path, targets: dict[str, object]) -> None:
    for name, target in targets.items():
        (folder / name).symlink_to(str(target))


TREES: dict[str, Change] = {
    "a link to the folder above": lambda _p, root, raw: _links(raw.folder, {"up": root}),
    "links in a circle": lambda _p, _root, raw: _links(raw.folder, {"a": "b", "b": "a"}),
    "a link to the whole system": lambda _p, _root, raw: _links(raw.folder, {"all": "/proc/self/fd"}),
    "300 links to one folder": lambda _p, root, raw: _links(raw.folder, {f"again{i}": root for i in range(300)}),
    "a tree of 1,200 folders": lambda _p, _root, raw: _deep_tree(raw.folder),
    "a file in every odd name": lambda _p, _root, raw: _beside(raw, *ODD_STEMS.values()),
}


def of_files() -> Iterator[Case]:
    """Yield odd files and names in every layout whose images are files, and lists that are no files."""
    for i, layout in enumerate(name for name in LAYOUTS if name not in ("fer2013", "ferplus")):
        enough = 6 if layout == "ckplus" else 5
        yield of_layout(f"{layout}: good", layout, lambda *_: None, DONE, enough)
        for number in range(3):
            kind = list(NOT_FILES)[(i + 3 * number) % len(NOT_FILES)]
            no_file = replaced(kind, lambda raw: raw.images[-1])
            yield of_layout(f"S5 {layout}: {kind} as an image", layout, no_file, EITHER, enough - 1)
            name = list(ODD_STEMS)[(5 * i + number) % len(ODD_STEMS)]
            add = lambda _place, _root, raw, name=name: _beside(raw, ODD_STEMS[name])  # noqa: E731
            named_by_files = layout in ("jaffe", "affectnet 2021")  # other names make it another layout
            yield of_layout(f"{layout}: {name}", layout, add, EITHER, 0 if named_by_files else enough)
    for kind in NOT_FILES:
        for layout in ("csv", "rafdb", "expw", "fer2013", "ferplus", "affectnet", "affectnet 2021", "ckplus"):
            no_list = replaced(kind, lambda raw: raw.lists[-1])
            yield of_layout(f"S5 {layout}: {kind} as its list", layout, no_list, ANY)


def of_folders() -> Iterator[Case]:
    """Yield odd trees, and folders of odd names."""
    least = {"folders": 5, "jaffe": 0, "ckplus": 6, "fedro": 5}  # other names make JAFFE another layout
    for layout, enough in least.items():
        for what, change in TREES.items():
            item = "S6 " if "circle" in what or "1,200" in what else ""
            more: dict[str, Any] = {"seconds": 120, "problems": 30}
            yield of_layout(f"{item}{layout}: {what}", layout, change, EITHER, enough, **more)
    for name, stem in ODD_STEMS.items():

        def add(_place: Place, root: Path, raw: RawSet, stem: bytes = stem) -> None:
            odd_path(root, stem, "").mkdir()
            shutil.copy(raw.images[0], odd_path(root, stem, "") / "good_extra.jpg")

        item = "S7 " if name == "latin-1" else ""
        kept = 0 if name in ("250-bytes", "controls") else 6  # names of classes have a limit, escapes included
        yield of_layout(f"{item}class folder: {name}", "folders", add, EITHER, kept)
    for name in ("latin-1", "newline", "escape"):

        def line(place: Place, stem: bytes = ODD_STEMS[name]) -> list[str]:
            raw = odd_path(place.folder, stem, "")
            LAYOUTS["folders"](place, raw)
            return ["prepare", raw.name, "--out", "out", "--json", "--gpus", "0"]

        more = {"problems": 20, "check": finished(6), "has_notices": True}
        yield Case(f"layouts/S7 raw folder: {name}", line, (), EITHER, **more)


def cases(repeats: int = 1) -> Iterator[Case]:
    """Yield all cases on raw data sets."""
    del repeats  # nothing here is random
    yield from of_files()
    yield from of_folders()
