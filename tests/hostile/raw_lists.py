"""Raw data sets whose lists of labels have damaged fields, and arguments of odd lengths."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tests.hostile.case import ANY, EITHER, FORGES, NOT_DONE, REFUSED, Case, Place
from tests.hostile.landmark_files import npy
from tests.hostile.layouts import Change, of_layout
from tests.hostile.making import copy_of, mutated
from tests.hostile.mutations import MUTATIONS
from tests.hostile.raw_sets import LAYOUTS, RawSet

FORGED = "x\\nampnet: forged \x1b[31m"
DIGITS = "9" * 9000


def _replace(old: str, new: str) -> Change:
    def change(_place: Place, _root: Path, raw: RawSet) -> None:
        content = raw.lists[-1].read_text()
        assert old in content
        raw.lists[-1].write_bytes(content.replace(old, new, 1).encode("utf-8", "surrogateescape"))

    return change


FIELDS: dict[str, tuple[str, str, frozenset[int]]] = {
    "csv: a path outside": ("photos/good_0.jpg", "../../outside/precious.txt", EITHER),
    "csv: an absolute path": ("photos/good_0.jpg", "/dev/zero", EITHER),
    "csv: a path of 9,000 letters": ("photos/good_0.jpg", "n" * 9000, EITHER),
    "csv: a path with a null byte": ("photos/good_0.jpg", "a\0b", EITHER),
    "csv: a path in Latin-1": ("photos/good_0.jpg", "gr\udcfc\udcdf.jpg", EITHER),
    "csv: a path that is a folder": ("photos/good_0.jpg", "photos", EITHER),
    "csv: no path": ("photos/good_0.jpg", "", REFUSED),
    "csv: a label that forges": ("fear,train", f'"{FORGED}\nampnet: forged",train', EITHER),
    "csv: a label of 9,000 letters": ("fear,train", "n" * 9000 + ",train", EITHER),
    "csv: a label in Latin-1": ("fear,train", "\udce4,train", EITHER),
    "csv: an unknown split": ("fear,train", f"fear,{'s' * 9000}", REFUSED),
    "csv: an open quote": ("photos/good_0.jpg", '"photos/good_0.jpg', ANY),
    "csv: a cell of 1 MB": ("photos/good_0.jpg", "x" * (1 << 20), ANY),
    "csv: a header twice": ("path,label", "path,path,label", REFUSED),
    "csv: a header of 9,000 letters": ("path,label", f"path,label,{'h' * 9000}", REFUSED),
    "csv: 10 ** 5 columns": ("path,label", "path,label" + ",a" * 10**5, REFUSED),
    "csv of votes: a vote of nan": ("p0,0", "p0,nan", REFUSED),
    "csv of votes: an infinite vote": ("p0,0", "p0,inf", REFUSED),
    "csv of votes: a vote of 9,000 digits": ("p0,0", f"p0,{DIGITS}", REFUSED),
    "csv of votes: a vote that forges": ("p0,0", f'p0,"{FORGED}"', REFUSED),
    "csv of votes: one subject": ("subject", "SUBJECT", ANY),
    "rafdb: label 9": ("00000.jpg 1", "00000.jpg 9", REFUSED),
    "rafdb: a label of 9,000 digits": ("00000.jpg 1", f"00000.jpg {DIGITS}", REFUSED),
    "rafdb: a name outside": ("train_00000.jpg", "train_/../../../../outside/precious.jpg", EITHER),
    "rafdb: a name that forges": ("train_00000.jpg 1", f"{FORGED}\x1b 1", REFUSED),
    "affectnet: code 99": (",4,0.1", ",99,0.1", ANY),
    "affectnet: a code of 9,000 digits": (",4,0.1", f",{DIGITS},0.1", ANY),
    "affectnet: a code of another script": (",4,0.1", ",\u0664,0.1", ANY),
    "fer2013: an emotion of 99": ('0,"', '99,"', REFUSED),
    "fer2013: an emotion that forges": ('0,"', f'{FORGED},"', REFUSED),
    "fer2013: a pixel of 10 ** 30": (',"', ',"1' + "0" * 30 + " ", EITHER),
    "fer2013: a pixel of nan": (',"', ',"nan ', EITHER),
    "fer2013: an unknown usage": ("Training", "u" * 9000, REFUSED),
    "small: fer2013 without header": ("emotion,pixels,Usage\n", "", REFUSED),
    "ferplus: a vote of -1": (",10,", ",-1,", REFUSED),
    "ferplus: a vote of 9,000 digits": (",10,", f",{DIGITS},", ANY),
    "ferplus: a superscript vote": (",10,", ",\u00b2,", REFUSED),
    "ferplus: a name outside": ("fer0000000.png", "../../../outside/precious.txt", EITHER),
    "ferplus: a row that forges": ("fer0000000.png,", f"{FORGED * 99},,", REFUSED),
    "expw: label 99": ("99.5 1", "99.5 99", REFUSED),
    "expw: a name outside": ("good_0.jpg", "../../../outside/precious.txt", EITHER),
    "expw: a line of 1 MB": ("good_0.jpg", "n" * (1 << 20), ANY),
    "expw: a line that forges": ("good_0.jpg 0", f"{FORGED}\r\x85 0", REFUSED),
    "ckplus: a code of nan": ("3.0", "nan", REFUSED),
    "ckplus: an infinite code": ("3.0", "1e999 #", REFUSED),
    "ckplus: a code of 9,000 digits": ("3.0", DIGITS, REFUSED),
    "ckplus: a code that forges": ("3.0", FORGED, REFUSED),
    "fedro: a name outside": ("fear/a.jpg", "fear/../../../outside/precious.txt", ANY),
}
"""The layout and the damage: what stands in the list, what instead, and how prepare may end."""

NUMBERS = ("nan", "inf", "-inf", "1e400", "1e308", "-5", "9" * 5000, "x", "", "\u0661", "0x10", FORGED)
BOXES = {
    "csv": ("train,8,8,120,120", "train,8,8,{},120"),
    "expw": ("0 8 8 120", "0 8 {} 120"),
    "affectnet": ("10,10,108,108", "10,10,{},108"),
}


def fields() -> Iterator[Case]:
    """Yield label lists with one damaged field."""
    for what, (old, new, codes) in FIELDS.items():
        layout = what.removeprefix("small: ").partition(":")[0].removesuffix(" without header")
        yield of_layout(what, layout, _replace(old, new), codes)
    for layout, (old, new) in BOXES.items():
        for number in NUMBERS:
            if layout != "expw" or number not in ("", FORGED):
                item, codes = ("small: ", NOT_DONE) if number in ("nan", "inf") else ("", ANY)
                change = _replace(old, new.format(number))
                yield of_layout(f"{item}{layout}: a box of {number[:12]!a}", layout, change, codes)


AFFECTNET_LABELS: dict[str, Any] = {
    "inf": np.array(np.inf),
    "nan": np.array(np.nan),
    "a date": np.array("2020-01-01", dtype="M8[D]"),
    "an npz": {"a": np.zeros(3)},
    "text": np.array("x" * 9000),
    "digits": np.array("9" * 5000),
    "nothing": np.zeros(0),
    "an object": np.array([{"a": 1}], dtype=object),
    "complex": np.array(1j),
    "2.4 GB": npy(b"", (600_000_000,), "<f4"),
    "10 ** 30": npy(b"", (10**30,), "<f4"),
    "bytes": b"\x93NUMPY",
    "empty": b"",
}
"""Label files of AffectNet's release of 2021."""


def _label(value: Any) -> Change:
    def change(_place: Place, _root: Path, raw: RawSet) -> None:
        with raw.lists[0].open("wb") as file:
            if isinstance(value, bytes):
                file.write(value)
            elif isinstance(value, dict):
                np.savez(file, **value)
            else:
                np.save(file, value, allow_pickle=True)

    return change


ARGUMENTS = {"300 letters": "n" * 300, "5,000 letters": "n" * 5000, "5,000 folders": "d/" * 5000, "forged": FORGES}
LINES = (
    *("prepare", "predict --quiet", "eval", "eval --data", "check --data", "import", "export-reference"),
    *("train --data", "predict photo.jpg --csv", "predict photo.jpg --annotate", "prepare raw --quiet --out"),
    *("prepare raw --layout", "train --name"),
)
"""Command lines that an argument is appended to, before ``--quiet`` if that is the last word."""


def arguments() -> Iterator[Case]:
    """Yield arguments of odd lengths, for every command that takes a path."""

    def lay_out(place: Place) -> None:
        LAYOUTS["folders"](place, place.folder / "raw")

    for what, argument in ARGUMENTS.items():
        for line in LINES:
            command, *others = line.split()
            option = others[-1] if others and others[-1] != "--quiet" else ""
            argv = [command, *others, argument] if option else [command, argument, *others]
            name = f"layouts/small: argument of {what}, {f'{command} {option}'.strip()}"
            puts, codes = (copy_of("photo", "photo.jpg"), lay_out), ANY if what == "forged" else NOT_DONE
            yield Case(name, lambda _place, argv=argv: argv, puts, codes, has_notices=what == "forged")


def damaged(repeats: int) -> Iterator[Case]:
    """Yield good lists with damaged bytes."""
    with_lists = [name for name in LAYOUTS if "folders" not in name and name not in ("jaffe", "sfew")]
    for repeat in range(repeats):
        for number, layout in enumerate(with_lists):
            for mutation in list(MUTATIONS)[number % 3 :: 3]:

                def change(place: Place, _root: Path, raw: RawSet, mutation: str = mutation) -> None:
                    mutated(mutation)(place, place.rng.choice(raw.lists))

                yield of_layout(f"{layout}: {mutation} {repeat + 1}", layout, change, ANY)


def cases(repeats: int = 1) -> Iterator[Case]:
    """Yield all cases on lists."""
    yield from fields()
    for what, value in AFFECTNET_LABELS.items():
        yield of_layout(f"small: affectnet 2021: a label of {what}", "affectnet 2021", _label(value), REFUSED)
    yield from arguments()
    yield from damaged(repeats)
