"""Raw data sets whose lists of labels have damaged fields, and arguments of odd lengths."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.hostile.case import ANY, DONE, EITHER, NOT_DONE, REFUSED, Case, Place
from tests.hostile.landmark_files import npy
from tests.hostile.layouts import FORGED, Change, of_layout
from tests.hostile.mutations import MUTATIONS
from tests.hostile.raw_sets import LAYOUTS, RawSet


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
        yield of_layout(what, layout, _line(layout, old, new, which), codes, is_named=what.startswith("small"))
    boxes = {
        "csv": ("train,8,8,120,120", "train,8,8,{},120"),
        "expw": ("0 8 8 120", "0 8 {} 120"),
        "affectnet": ("10,10,108,108", "10,10,{},108"),
    }
    for layout, (old, new) in boxes.items():
        for number in NUMBERS:
            named = number in ("nan", "inf")
            blank = layout == "expw" and number in ("", FORGED)
            if not blank:
                what = f"{'small: ' if named else ''}{layout}: a box of {number[:12]!a}"
                yield of_layout(
                    what, layout, _line(layout, old, new.format(number)), ANY - DONE if named else ANY, is_named=named
                )


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
    "2.4 GB": _label(npy(b"", (600_000_000,), "<f4")),
    "10 ** 30": _label(npy(b"", (10**30,), "<f4")),
    "bytes": _label(b"\x93NUMPY"),
    "empty": _label(b""),
}


def labels() -> Iterator[Case]:
    """Yield damaged label files of AffectNet's release of 2021."""
    for what, change in AFFECTNET_LABELS.items():
        yield of_layout(f"small: affectnet 2021: a label of {what}", "affectnet 2021", change, REFUSED, is_named=True)


ARGUMENTS = {
    "300 letters": "n" * 300,
    "5,000 letters": "n" * 5000,
    "5,000 folders": "d/" * 5000,
    "forged": "x\nampnet: forged \x1b[31m",
}
LINES = (
    *("prepare", "predict --quiet", "eval", "eval --data", "check --data", "import", "export-reference"),
    *("train --data", "predict photo.jpg --csv", "predict photo.jpg --annotate", "prepare raw --quiet --out"),
    *("prepare raw --layout", "train --name"),
)
"""Command lines that an argument is appended to, before ``--quiet`` if that is the last word."""


def arguments() -> Iterator[Case]:
    """Yield arguments of odd lengths, for every command that takes a path."""
    for what, argument in ARGUMENTS.items():
        for number, line in enumerate(LINES):
            first, *others = line.split()
            option = others[-1] if others and others[-1] != "--quiet" else ""
            argv = [first, argument, *others] if not option else [first, *others, argument]

            def make(place: Place, a: list[str] = argv) -> Sequence[str]:
                shutil.copy(place.seeds.photo, place.folder / "photo.jpg")
                LAYOUTS["folders"](place, place.folder / "raw")
                return a

            codes = ANY if what == "forged" else NOT_DONE
            more = {"is_named": number in (0, 1, 4, 8), "has_notices": what == "forged"}
            name = f"layouts/small: argument of {what}, {f'{first} {option}'.strip()}"
            yield Case(name, "predict-output", make, codes, **more)


def damaged(repeats: int) -> Iterator[Case]:
    """Yield good lists with damaged bytes."""
    for repeat in range(repeats):
        for number, layout in enumerate(
            name for name in LAYOUTS if name not in ("folders", "split folders", "jaffe", "sfew", "fer2013 folders")
        ):
            for mutation in list(MUTATIONS)[number % 3 :: 3]:

                def change(place: Place, _root: Path, raw: RawSet, m: str = mutation) -> None:
                    victim = place.rng.choice(raw.lists)
                    victim.write_bytes(MUTATIONS[m](victim.read_bytes(), place.rng))

                yield of_layout(f"{layout}: {mutation} {repeat + 1}", layout, change, ANY)


def cases(repeats: int = 1) -> Iterator[Case]:
    """Yield all cases on lists."""
    yield from lists()
    yield from labels()
    yield from arguments()
    yield from damaged(repeats)
