"""Hostile raw data sets, for prepare: odd files, names and trees in every layout, and lists with damaged fields."""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.hostile.case import ANY, DONE, EITHER, Case, Fault, Outcome, Place
from tests.hostile.making import PREPARE, case
from tests.hostile.mutations import NOT_FILES, ODD_STEMS, odd_path
from tests.hostile.raw_sets import LAYOUTS, RawSet

OWNER = "document-wall"
FORGED = "x\\nampnet: forged \x1b[31m"

Change = Callable[[Place, Path, RawSet], object]


def _finished(least: int) -> Callable[[Place, Outcome], Iterator[Fault]]:
    def check(place: Place, outcome: Outcome) -> Iterator[Fault]:
        """Find the good faces in the index."""
        labels = place.folder / "out" / "index" / "data_label.txt"
        found = len(labels.read_text(errors="replace").splitlines()) if labels.is_file() else 0
        if found < least:
            yield Fault("lost", f"{found} of at least {least} good faces in the index (exit code {outcome.code})")

    return check


def of_layout(
    name: str, layout: str, change: Change, codes: frozenset[int] = EITHER, least: int = 0, **more: Any
) -> Case:
    """Give a case in which prepare reads a raw set that is changed after it was laid out."""

    def put(place: Place) -> None:
        root = place.folder / "raw"
        change(place, root, LAYOUTS[layout](place, root))

    more = {"owner": OWNER, "problems": 3, "check": _finished(least), "codes": codes} | more
    return case(f"layouts/{name}", more.pop("owner"), PREPARE, put, **more)


def _replace(path: Path, put: Callable[[Path], object]) -> None:
    path.unlink()
    put(path)


def _in_image(kind: str) -> Change:
    return lambda _place, _root, raw: _replace(raw.images[-1], NOT_FILES[kind])


def _beside(name: str) -> Change:
    """Add a good picture under an odd name."""

    def change(_place: Place, _root: Path, raw: RawSet) -> None:
        shutil.copy(raw.images[0], odd_path(raw.images[-1].parent, ODD_STEMS[name], raw.images[-1].suffix))

    return change


def deep_tree(folder: Path, depth: int = 1200) -> None:
    """Make a folder in a folder in a folder, with a file at the end of it."""
    here = Path.cwd()
    try:
        os.chdir(folder)
        for _ in range(depth):
            Path("d").mkdir()
            os.chdir("d")
        Path("x.jpg").write_bytes(b"x")
    finally:
        os.chdir(here)


TREES: dict[str, Change] = {
    "a link to the folder above": lambda _p, root, raw: (raw.images[-1].parent / "up").symlink_to(root),
    "links in a circle": lambda _p, _root, raw: [
        (raw.images[-1].parent / a).symlink_to(b) for a, b in (("a", "b"), ("b", "a"))
    ],
    "a link to the whole system": lambda _p, _root, raw: (raw.images[-1].parent / "all").symlink_to("/proc/self/fd"),
    "300 links to one folder": lambda _p, root, raw: [
        (raw.images[-1].parent / f"again{i}").symlink_to(root) for i in range(300)
    ],
    "a tree of 1,200 folders": lambda _p, _root, raw: deep_tree(raw.images[-1].parent),
    "a file in every odd name": lambda _p, _root, raw: [
        shutil.copy(raw.images[0], odd_path(raw.images[-1].parent, stem, raw.images[-1].suffix))
        for stem in ODD_STEMS.values()
    ],
}


def trees() -> Iterator[Case]:
    """Yield odd files, names and trees in every layout whose images are files."""
    with_images = [name for name in LAYOUTS if name not in ("fer2013", "ferplus")]
    least = {"csv of votes": 5, "affectnet 2021": 5, "ckplus": 6}
    for i, layout in enumerate(with_images):
        enough = least.get(layout, 5)
        yield of_layout(f"{layout}: good", layout, lambda *_: None, DONE, enough, is_named=layout == "folders")
        for number in range(3):
            kind = list(NOT_FILES)[(i + 3 * number) % len(NOT_FILES)]
            yield of_layout(
                f"S5 {layout}: {kind} as an image",
                layout,
                _in_image(kind),
                EITHER,
                enough - 1,
                is_named=i == 0,
                owner="image-wall",
            )
            name = list(ODD_STEMS)[(5 * i + number) % len(ODD_STEMS)]
            named_by_files = layout in ("jaffe", "affectnet 2021")  # other names make it another layout
            yield of_layout(f"{layout}: {name}", layout, _beside(name), EITHER, 0 if named_by_files else enough)
    for layout in ("folders", "jaffe", "ckplus", "fedro"):
        for what, change in TREES.items():
            enough = 0 if layout == "jaffe" else least.get(layout, 5)  # other names make it another layout
            item = "S6" if "circle" in what or "1,200" in what else ""
            yield of_layout(
                f"{item} {layout}: {what}".strip(), layout, change, EITHER, enough,
                is_named=bool(item) and layout == "folders", seconds=120, problems=30, owner="image-wall",
            )  # fmt: skip
    for kind, put in NOT_FILES.items():
        for layout in ("csv", "rafdb", "expw", "fer2013", "ferplus", "affectnet", "affectnet 2021", "ckplus"):
            change = lambda _p, _r, raw, p=put: _replace(raw.lists[-1], p)  # type: ignore[misc]  # noqa: E731
            yield of_layout(
                f"S5 {layout}: {kind} as its list", layout, change, ANY, is_named=kind in ("fifo", "endless")
            )


def class_folders() -> Iterator[Case]:
    """Yield class folders of odd names."""
    for name, stem in ODD_STEMS.items():

        def change(_place: Place, root: Path, raw: RawSet, s: bytes = stem) -> None:
            folder = odd_path(root, s, "")
            folder.mkdir()
            shutil.copy(raw.images[0], folder / "good_extra.jpg")

        odd = name in ("latin-1", "newline", "escape")
        item = "S7 " if name == "latin-1" else ""
        yield of_layout(
            f"{item}class folder: {name}",
            "folders",
            change,
            EITHER,
            0 if name in ("250-bytes", "controls") else 6,  # names of classes have a limit, escapes included
            is_named=odd,
            owner="predict-output",
        )
    for name in ("latin-1", "newline", "escape"):
        stem = ODD_STEMS[name]

        def make(place: Place, s: bytes = stem) -> Sequence[str]:
            raw = odd_path(place.folder, s, "")
            LAYOUTS["folders"](place, raw)
            return ["prepare", raw.name, "--out", "out", "--json", "--gpus", "0"]

        more: dict[str, Any] = {"check": _finished(6), "is_named": True, "has_notices": True}
        yield Case(f"layouts/S7 raw folder: {name}", "predict-output", make, EITHER, 20, **more)


def cases(repeats: int = 1) -> Iterator[Case]:
    """Yield all cases on raw data sets."""
    yield from trees()
    yield from class_folders()
