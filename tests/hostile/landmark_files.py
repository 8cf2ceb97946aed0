"""Hostile land_marks.npy: headers that lie, arrays that never end, and pickles that would run code."""

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.hostile import pickle_files as files
from tests.hostile.case import FORGES, LONG, Place
from tests.hostile.making import Damage, holds

SAME = [[112.0, 112.0]] * 5
FACE = [[70.0, 90.0], [150.0, 90.0], [110.0, 130.0], [80.0, 170.0], [140.0, 170.0]]


def npy(body: bytes, shape: Any, descr: Any = "|O", version: int = 1, header: str | None = None) -> bytes:
    """Give a .npy file with any header."""
    text = header or f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape!r}, }}"
    raw = text.encode("latin-1").ljust(len(text) + 63 - (10 + len(text)) % 64) + b"\n"
    length = len(raw).to_bytes(2 if version == 1 else 4, "little")
    return b"\x93NUMPY" + bytes((version, 0)) + length + raw + body


def _names(index: Path) -> list[str]:
    return [line.split()[0] for line in (index / "data_label.txt").read_text().splitlines()]


def _save(path: Path, names: Sequence[Any], points: Sequence[Any]) -> None:
    rows = np.empty((len(names), 2), dtype=object)
    for number, row in enumerate(zip(names, points, strict=True)):
        rows[number, 0], rows[number, 1] = row
    np.save(path, rows, allow_pickle=True)


def _first(points: Any, others: Any = FACE) -> Damage:
    """Write all names, the first with other landmarks."""

    def write(_place: Place, path: Path) -> None:
        names = _names(path.parent)
        _save(path, names, [points] + [others] * (len(names) - 1))

    return write


def _named(first: Any) -> Damage:
    """Write landmarks under all names but the first."""
    return lambda _place, path: _save(path, [first, *(names := _names(path.parent))[1:]], [np.array(FACE)] * len(names))


def _code(what: str) -> Damage:
    def write(place: Place, path: Path) -> None:
        path.write_bytes(npy(pickle.dumps(files.code_that_runs(place.canary)[what], protocol=4), (28, 2)))

    return write


def _nested(depth: int) -> Any:
    value: Any = 1.0
    for _ in range(depth):
        value = [value]
    return value


def _shared(width: int, depth: int) -> bytes:
    """Give a pickle whose lists hold the same list again and again: small in the file, without end when walked."""
    body = b"\x80\x02]q\x00"
    for level in range(depth):
        body += b"](" + b"h" + bytes((level,)) + (b"h" + bytes((level,))) * (width - 1) + b"eq" + bytes((level + 1,))
    return body + b"."


def _rebuilt(arguments: bytes, state: bytes = b"") -> bytes:
    """Give a pickle of numpy's own constructor with any arguments."""
    return b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n" + arguments + b"tR" + state + b"."


_DTYPE = b"cnumpy\ndtype\n(X\x02\0\0\0f8K\0K\1tR"
_STATE = b"(K\x01(%s%st" + _DTYPE + b"\x89%stb"

LANDMARKS: dict[str, Damage] = {
    "M12 2.4 GB in 90 bytes": holds(npy(b"", (300_000_000, 2), "<f4")),
    "M12 10 ** 9 rows": holds(npy(pickle.dumps([]), (10**9, 2))),
    "M12 10 ** 30 rows": holds(npy(b"\x80\x02N.", (10**30, 2))),
    "M12 nested lists": holds(npy(_shared(10, 12), (28, 2))),
    "M12 nested lists as points": _first(_nested(200)),
    "M12 lists in each other": holds(npy(b"\x80\x02]q\x00h\x00a.", (28, 2))),
    "small: five equal landmarks": _first(SAME, others=SAME),
    "negative rows": holds(npy(b"\x80\x02].", (-1, 2))),
    "a shape of text": holds(npy(b"\x80\x02].", "x")),
    "a shape of floats": holds(npy(b"\x80\x02].", (2.5, 2))),
    "three axes": holds(npy(b"\x80\x02].", (1, 2, 3))),
    "a header that calls": holds(npy(b"", 0, header="__import__('os').system('touch ../outside/canary')")),
    "a header of brackets": holds(npy(b"", 0, header="(" * 9000, version=1)),
    "a header of minus signs": holds(npy(b"", 0, header="-" * 60_000 + "1")),
    "a header of digits": holds(npy(b"", 0, header="{'shape': (" + "9" * 9000 + ", 2)}")),
    "a header of 4 GB": holds(b"\x93NUMPY\x02\0\xff\xff\xff\xff{}"),
    "a header of 60,000 letters": holds(npy(b"", 0, header="{'descr': '" + "x" * 60_000 + "'}")),
    "version 9": holds(npy(b"", (1, 2), version=9)),
    "a dtype of fields": holds(npy(bytes(64), (1, 2), [("a", "|O"), ("b", "<f4")])),
    "a dtype that nests": holds(npy(bytes(64), (1, 2), header="{'descr': " + "[('a'," * 500 + "}")),
    "only a header": holds(npy(b"", (28, 2))),
    "nothing": holds(b""),
    "an npz": lambda _place, path: np.savez(path.open("wb"), a=np.zeros(3)),
    "floats": lambda _place, path: np.save(path, np.zeros((28, 10))),
    "dates": lambda _place, path: np.save(path, np.array(["2020-01-01"] * 28, dtype="M8[D]")),
    "points that are text": _first(LONG),
    "points of nan": _first(np.full((5, 2), np.nan)),
    "points of infinity": _first(np.full((5, 2), np.inf)),
    "points of 10 ** 300": _first(np.full((5, 2), 1e300)),
    "points of 10 ** 400": _first([[10**400] * 2] * 5),
    "points of complex numbers": _first(np.full((5, 2), 1j)),
    "four points": _first(FACE[:4]),
    "10 ** 6 points": _first(np.zeros((500_000, 2))),
    "points of objects": _first(np.array([[None] * 2] * 5, dtype=object)),
    "points none": _first(None),
    "points of dates": _first(np.full((5, 2), np.datetime64("2020-01-01"))),
    "points of text": _first(np.full((5, 2), "1.5x")),
    "points of a mapping": _first({0: 1}),
    "a name that is a number": _named(5),
    "a name that forges": _named(FORGES),
    "a name of 9,000 letters": _named(LONG),
    "no names": lambda _place, path: np.save(path, np.empty((0, 2), dtype=object), allow_pickle=True),
    "another name": _named("other.jpg"),
    "a name twice": lambda _place, path: _save(path, [(n := _names(path.parent))[1], *n[1:]], [FACE] * len(n)),
    "a huge reconstruction": holds(npy(_rebuilt(b"(J\xff\xff\xff\x7ftC\x01b"), (28, 2))),
    "a huge state": holds(
        npy(_rebuilt(b"(K\0tC\x01b", _STATE % (b"J\xff\xff\xff\x7f", b"K\x02", b"C\x04abcd")), (28, 2))
    ),
    "a lying state": holds(npy(_rebuilt(b"(K\0tC\x01b", _STATE % (b"K\x08", b"K\x02", b"C\x04abcd")), (28, 2))),
    **{f"code: {what}": _code(what) for what in ("os.system", "eval", "exec", "open", "Popen", "getattr", "partial")},
    "code of protocol 0": lambda place, path: path.write_bytes(
        npy(files.raw_global("posix", "system", f"touch {place.canary}"), (28, 2))
    ),
    **{f"pickle: {what}": holds(npy(body, (28, 2))) for what, body in list(files.NONSENSE.items())[:42]},
}
"""Every file and how it is written, beside a good data_label.txt; all are refused, except those in ``MAY_BE_READ``."""

MAY_BE_READ = ("small: five equal landmarks",)
