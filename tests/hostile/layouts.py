"""Hostile raw data sets, for prepare: odd files, names and trees in every layout, and lists with damaged fields."""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.hostile.case import ANY, DONE, EITHER, NOT_DONE, REFUSED, WRONG_USAGE, Case, Fault, Outcome, Place
from tests.hostile.mutations import MUTATIONS, NOT_FILES, ODD_STEMS, odd_path
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


def _case(name: str, layout: str, change: Change, codes: frozenset[int] = EITHER, least: int = 0, **more: Any) -> Case:
    def make(place: Place) -> Sequence[str]:
        root = place.folder / "raw"
        change(place, root, LAYOUTS[layout](place, root))
        return ["prepare", "raw", "--out", "out", "--quiet", "--gpus", "0"]

    owner = more.pop("owner", OWNER)
    return Case(f"layouts/{name}", owner, make, codes, check=_finished(least), **{"problems": 3} | more)


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
        shutil.copy(raw.images[0], odd_path(raw.images[-1].parent, stem, raw.images[-1].suffix)) for stem in ODD_STEMS.values()
    ],
}


def trees() -> Iterator[Case]:
    """Yield odd files, names and trees in every layout whose images are files."""
    with_images = [name for name in LAYOUTS if name not in ("fer2013", "ferplus")]
    least = {"csv of votes": 5, "affectnet 2021": 5, "ckplus": 6}
    for i, layout in enumerate(with_images):
        enough = least.get(layout, 5)
        yield _case(f"{layout}: good", layout, lambda *_: None, DONE, enough, is_named=layout == "folders")
        for number in range(3):
            kind = list(NOT_FILES)[(i + 3 * number) % len(NOT_FILES)]
            yield _case(f"S5 {layout}: {kind} as an image", layout, _in_image(kind), EITHER, enough - 1, is_named=i == 0, owner="image-wall")
            name = list(ODD_STEMS)[(5 * i + number) % len(ODD_STEMS)]
            named_by_files = layout in ("jaffe", "affectnet 2021")  # other names make it another layout
            yield _case(f"{layout}: {name}", layout, _beside(name), EITHER, 0 if named_by_files else enough)
    for layout in ("folders", "jaffe", "ckplus", "fedro"):
        for what, change in TREES.items():
            enough = least.get(layout, 5)
            item = "S6" if "circle" in what or "1,200" in what else ""
            yield _case(
                f"{item} {layout}: {what}".strip(), layout, change, EITHER, enough,
                is_named=bool(item) and layout == "folders", seconds=120, problems=30, owner="image-wall",
            )  # fmt: skip
    for kind, put in NOT_FILES.items():
        for layout in ("csv", "rafdb", "expw", "fer2013", "ferplus", "affectnet", "affectnet 2021", "ckplus"):
            change = lambda _p, _r, raw, p=put: _replace(raw.lists[-1], p)  # type: ignore[misc]  # noqa: E731
            yield _case(f"S5 {layout}: {kind} as its list", layout, change, ANY, is_named=kind in ("fifo", "endless"))


def class_folders() -> Iterator[Case]:
    """Yield class folders of odd names."""
    for name, stem in ODD_STEMS.items():

        def change(_place: Place, root: Path, raw: RawSet, s: bytes = stem) -> None:
            folder = odd_path(root, s, "")
            folder.mkdir()
            shutil.copy(raw.images[0], folder / "good_extra.jpg")

        odd = name in ("latin-1", "newline", "escape")
        item = "S7 " if name == "latin-1" else ""
        yield _case(f"{item}class folder: {name}", "folders", change, EITHER, 6, is_named=odd, owner="predict-output")
    for name in ("latin-1", "newline", "escape"):
        stem = ODD_STEMS[name]

        def make(place: Place, s: bytes = stem) -> Sequence[str]:
            raw = odd_path(place.folder, s, "")
            LAYOUTS["folders"](place, raw)
            return ["prepare", str(raw.relative_to(place.folder)), "--out", "out", "--json", "--gpus", "0"]

        yield Case(f"layouts/S7 raw folder: {name}", "predict-output", make, EITHER, 20, _finished(6), is_named=True, has_notices=True)


def _line(layout: str, old: str, new: str, which: int = -1) -> Change:
    def change(_place: Place, _root: Path, raw: RawSet) -> None:
        content = raw.lists[which].read_text()
        if old not in content:
            raise ValueError(f"{layout} has no {old!r}")
        raw.lists[which].write_bytes(content.replace(old, new, 1).encode("utf-8", "surrogateescape"))

    return change


NUMBERS = ("nan", "inf", "-inf", "1e400", "1e308", "-5", "9" * 5000, "x", "", "\u0661", "0x10", FORGED)

FIELDS: dict[str, tuple[str, str, str, frozenset[int]]] = {
    "csv: a path outside": ("csv", "photos/good_0.jpg", "../../outside/precious.txt", EITHER),
    "csv: an absolute path": ("csv", "photos/good_0.jpg", "/dev/zero", EITHER),
    "csv: a path of 9,000 letters": ("csv", "photos/good_0.jpg", "n" * 9000, EITHER),
    "csv: a path with a null byte": ("csv", "photos/good_0.jpg", "a\0b", EITHER),
    "csv: a path in Latin-1": ("csv", "photos/good_0.jpg", "gr\udcfc\udcdf.jpg", EITHER),
    "csv: a path that is a folder": ("csv", "photos/good_0.jpg", "photos", EITHER),
    "csv: no path": ("csv", "photos/good_0.jpg", "", REFUSED),
    "csv: a label that forges": ("csv", "fear,train", f'"{FORGED}\nampnet: forged",train', EITHER),
    "csv: a label of 9,000 letters": ("csv", "fear,train", "n" * 9000 + ",train", EITHER),
    "csv: a label in Latin-1": ("csv", "fear,train", "\udce4,train", EITHER),
    "csv: an unknown split": ("csv", "fear,train", f"fear,{'s' * 9000}", REFUSED),
    "csv: an open quote": ("csv", "photos/good_0.jpg", '"photos/good_0.jpg', ANY),
    "csv: a cell of 1 MB": ("csv", "photos/good_0.jpg", "x" * (1 << 20), ANY),
    "csv: a header twice": ("csv", "path,label", "path,path,label", REFUSED),
    "csv: a header of 9,000 letters": ("csv", "path,label", f"path,label,{'h' * 9000}", REFUSED),
    "csv: 10 ** 5 columns": ("csv", "path,label", "path,label" + ",a" * 10**5, REFUSED),
    "csv of votes: a vote of nan": ("csv of votes", "p0,0", "p0,nan", REFUSED),
    "csv of votes: an infinite vote": ("csv of votes", "p0,0", "p0,inf", REFUSED),
    "csv of votes: a vote of 9,000 digits": ("csv of votes", "p0,0", f"p0,{'9' * 9000}", REFUSED),
    "csv of votes: a vote that forges": ("csv of votes", "p0,0", f'p0,"{FORGED}"', REFUSED),
    "csv of votes: one subject": ("csv of votes", "subject", "SUBJECT", ANY),
    "rafdb: label 9": ("rafdb", "00000.jpg 1", "00000.jpg 9", REFUSED),
    "rafdb: a label of 9,000 digits": ("rafdb", "00000.jpg 1", f"00000.jpg {'9' * 9000}", REFUSED),
    "rafdb: a name outside": ("rafdb", "train_00000.jpg", "train_/../../../../outside/precious.jpg", EITHER),
    "rafdb: a name that forges": ("rafdb", "train_00000.jpg 1", f"{FORGED}\x1b 1", REFUSED),
    "affectnet: code 99": ("affectnet", ",4,0.1", ",99,0.1", ANY),
    "affectnet: a code of 9,000 digits": ("affectnet", ",4,0.1", f",{'9' * 9000},0.1", ANY),
    "affectnet: a code of another script": ("affectnet", ",4,0.1", ",\u0664,0.1", ANY),
    "fer2013: an emotion of 99": ("fer2013", '0,"', '99,"', REFUSED),
    "fer2013: an emotion that forges": ("fer2013", '0,"', f'{FORGED},"', REFUSED),
    "fer2013: a pixel of 10 ** 30": ("fer2013", ',"', ',"1' + "0" * 30 + " ", EITHER),
    "fer2013: a pixel of nan": ("fer2013", ',"', ',"nan ', EITHER),
    "fer2013: an unknown usage": ("fer2013", "Training", "u" * 9000, REFUSED),
    "small: fer2013 without header": ("fer2013", "emotion,pixels,Usage\n", "", REFUSED),
    "ferplus: a vote of -1": ("ferplus", ",10,", ",-1,", REFUSED),
    "ferplus: a vote of 9,000 digits": ("ferplus", ",10,", f",{'9' * 9000},", ANY),
    "ferplus: a superscript vote": ("ferplus", ",10,", ",\u00b2,", REFUSED),
    "ferplus: a name outside": ("ferplus", "fer0000000.png", "../../../outside/precious.txt", EITHER),
    "ferplus: a row that forges": ("ferplus", "fer0000000.png,", f"{FORGED * 99},,", REFUSED),
    "expw: label 99": ("expw", "99.5 1", "99.5 99", REFUSED),
    "expw: a name outside": ("expw", "good_0.jpg", "../../../outside/precious.txt", EITHER),
    "expw: a line of 1 MB": ("expw", "good_0.jpg", "n" * (1 << 20), ANY),
    "expw: a line that forges": ("expw", "good_0.jpg 0", f"{FORGED}\r\x85 0", REFUSED),
    "ckplus: a code of nan": ("ckplus", "3.0", "nan", REFUSED),
    "ckplus: an infinite code": ("ckplus", "3.0", "1e999 #", REFUSED),
    "ckplus: a code of 9,000 digits": ("ckplus", "3.0", "9" * 9000, REFUSED),
    "ckplus: a code that forges": ("ckplus", "3.0", FORGED, REFUSED),
    "fedro: a name outside": ("fedro", "fear/a.jpg", "fear/../../../outside/precious.txt", ANY),
}


def lists() -> Iterator[Case]:
    """Yield label lists with one damaged field."""
    for what, (layout, old, new, codes) in FIELDS.items():
        which = 0 if layout == "ferplus" and "pixel" in what else -1
        yield _case(what, layout, _line(layout, old, new, which), codes, is_named=what.startswith("small"))
    boxes = {"csv": ("train,8,8,120,120", "train,8,8,{},120"), "expw": ("0 8 8 120", "0 8 {} 120"), "affectnet": ("10,10,108,108", "10,10,{},108")}
    for layout, (old, new) in boxes.items():
        for number in NUMBERS:
            named = number in ("nan", "inf")
            blank = layout == "expw" and number in ("", FORGED)
            if not blank:
                what = f"{'small: ' if named else ''}{layout}: a box of {number[:12]!a}"
                yield _case(what, layout, _line(layout, old, new.format(number)), ANY - DONE if named else ANY, is_named=named)


def _label(value: Any) -> Change:
    def change(_place: Place, _root: Path, raw: RawSet) -> None:
        if isinstance(value, bytes):
            raw.lists[0].write_bytes(value)
        else:
            np.save(raw.lists[0], value, allow_pickle=True)

    return change


def _npz(_place: Place, _root: Path, raw: RawSet) -> None:
    with raw.lists[0].open("wb") as file:
        np.savez(file, a=np.zeros(3))


AFFECTNET_LABELS: dict[str, Change] = {
    "inf": _label(np.array(np.inf)),
    "nan": _label(np.array(np.nan)),
    "a date": _label(np.array("2020-01-01", dtype="M8[D]")),
    "an npz": _npz,
    "text": _label(np.array("x" * 9000)),
    "digits": _label(np.array("9" * 5000)),
    "nothing": _label(np.zeros(0)),
    "an object": _label(np.array([{"a": 1}], dtype=object)),
    "complex": _label(np.array(1j)),
    "2.4 GB": _label(b"\x93NUMPY\1\0v\0" + b"{'descr': '<f4', 'fortran_order': False, 'shape': (600000000,), }".ljust(117) + b"\n"),
    "10 ** 30": _label(b"\x93NUMPY\1\0v\0" + (b"{'descr': '<f4', 'fortran_order': False, 'shape': (1%s,), }" % (b"0" * 30)).ljust(117) + b"\n"),
    "bytes": _label(b"\x93NUMPY"),
    "empty": _label(b""),
}  # fmt: skip


def labels() -> Iterator[Case]:
    """Yield damaged label files of AffectNet's release of 2021."""
    for what, change in AFFECTNET_LABELS.items():
        yield _case(f"small: affectnet 2021: a label of {what}", "affectnet 2021", change, REFUSED, is_named=True)


def arguments() -> Iterator[Case]:
    """Yield arguments of odd lengths, for every command that takes a path."""
    for what, argument in {"300 letters": "n" * 300, "5,000 letters": "n" * 5000, "5,000 folders": "d/" * 5000, "forged": "x\nampnet: forged \x1b[31m"}.items():
        for number, argv in enumerate(
            (
                ["prepare", argument],
                ["predict", argument],
                ["eval", argument],
                ["eval", "--data", argument],
                ["check", "--data", argument],
                ["import", argument],
                ["export-reference", argument],
                ["train", "--data", argument],
                ["predict", "photo.jpg", "--csv", argument],
                ["predict", "photo.jpg", "--annotate", argument],
                ["prepare", "raw", "--out", argument],
                ["prepare", "raw", "--layout", argument],
                ["train", "--name", argument],
            )
        ):
            where = f"{argv[0]} {argv[-2] if argv[-2].startswith('-') else ''}".strip()

            def make(place: Place, a: list[str] = argv) -> Sequence[str]:
                shutil.copy(place.seeds.photo, place.folder / "photo.jpg")
                LAYOUTS["folders"](place, place.folder / "raw")
                return a

            codes = ANY if what == "forged" else NOT_DONE
            name = f"layouts/small: argument of {what}, {where}"
            named = number in (0, 1, 4, 8)
            yield Case(name, "predict-output", make, codes, is_named=named, has_notices=what == "forged")


def damaged(repeats: int) -> Iterator[Case]:
    """Yield good lists with damaged bytes."""
    for repeat in range(repeats):
        for number, layout in enumerate(name for name in LAYOUTS if name not in ("folders", "split folders", "jaffe", "sfew", "fer2013 folders")):
            for mutation in list(MUTATIONS)[number % 3 :: 3]:

                def change(place: Place, _root: Path, raw: RawSet, m: str = mutation) -> None:
                    victim = place.rng.choice(raw.lists)
                    victim.write_bytes(MUTATIONS[m](victim.read_bytes(), place.rng))

                yield _case(f"{layout}: {mutation} {repeat + 1}", layout, change, ANY)


def cases(repeats: int = 1) -> Iterator[Case]:
    """Yield all cases on raw data sets."""
    yield from trees()
    yield from class_folders()
    yield from lists()
    yield from labels()
    yield from arguments()
    yield from damaged(repeats)


__all__ = ["WRONG_USAGE", "cases"]
