"""The reference program's two files, written for it and read without trusting them.

`index/data_label.txt` has the name and the label of every face, a line each. `index/land_marks.npy` is a NumPy object
array ``(N, 2)`` of names and ``5 x 2`` coordinates, which NumPy stores as a pickle; loading an untrusted pickle the
usual way executes what it contains. Here it is read as inert records, which are then turned into arrays of numbers.
"""

import io
import pickle
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ampnet.errors import AmpnetError, DataError
from ampnet.files.documents import quoted, short, text_lines
from ampnet.files.npy import foreign_name, read_npy_header, to_numpy
from ampnet.files.opening import read_bytes
from ampnet.files.pickle_reader import MAX_INSTRUCTIONS, read_inert
from ampnet.files.printable import describe, printable
from ampnet.files.writing import atomic_write
from ampnet.settings.labels import MAX_CLASSES

LABEL_BASE_WITH_SPLITS = 1
"""First label if names begin with the split (RAF-DB's convention); otherwise 0."""

MAX_FACES = 20_000_000
"""Maximum number of lines: that many names take 2 GB of memory."""


def read_labels(path: Path) -> tuple[list[str], NDArray[np.int64]]:
    """Read the names and the labels.

    Returns:
        The names, each once, and ``(N,)`` labels from 0 to :data:`ampnet.settings.labels.MAX_CLASSES` as in the file.

    Raises:
        DataError: the file cannot be read, is empty, or a line is not a new name and such a label.
    """
    names: list[str] = []
    labels: list[int] = []
    codes: dict[str, int] = {}  # of the few labels as written, so that each is checked once
    number = 0
    for number, line in enumerate(islice(text_lines(path), MAX_FACES + 1), start=1):
        try:
            name, label = line.rsplit(maxsplit=1)
            code = codes[label]
        except (KeyError, ValueError):
            if not line.strip():
                continue
            name, label = _two_parts(line, f"{path}, line {number}")
            code = codes[label] = _code(label, f"{path}, line {number}")
        names.append(name.lstrip())
        labels.append(code)
    if number > MAX_FACES:
        raise DataError(f"{path} has more than {MAX_FACES:,} lines; split it into several data sets")
    if not names:
        raise DataError(f"{path} is empty; prepare a folder that holds faces")
    if len(set(names)) < len(names):
        twice = next(name for name, count in Counter(names).items() if count > 1)
        raise DataError(f"{path}: {printable(twice)} is listed twice; delete one of the two lines")
    return names, np.array(labels, dtype=np.int64)


def _two_parts(line: str, where: str) -> tuple[str, str]:
    parts = line.rsplit(maxsplit=1)
    if len(parts) != 2 or not (parts[1].isascii() and parts[1].isdecimal()):
        raise DataError(f"{where}: expected `name label`, got {quoted(line.strip())}")
    return parts[0], parts[1]


def _code(label: str, where: str) -> int:
    """Parse a label; digits are counted first, as Python refuses to parse too many."""
    digits = label.lstrip("0") or "0"
    if len(digits) > len(str(MAX_CLASSES)) or int(digits) > MAX_CLASSES:
        raise DataError(f"{where}: the label {short(label)} is above the maximum of {MAX_CLASSES:,}")
    return int(digits)


_PICKLE_PROTOCOL = 3  # its globals are plain lines of text, which the rename below relies on
_NEW_HOME = b"cnumpy._core.multiarray\n_reconstruct\n"
_OLD_HOME = b"cnumpy.core.multiarray\n_reconstruct\n"

MAX_FILE = 1 << 30
"""Maximum size of the file in bytes: eight million faces."""

_MIN_ROW_BYTES = 6  # a name of its own, and landmarks that other rows share
_MAX_ROW_VALUES = 24  # name, landmarks, and ten numbers in lists of two; twice as many would fit no face
_INSTRUCTIONS_PER_BYTE = 0.6  # lists of NumPy's numbers take 0.55, our own files 0.2


def write_landmarks(path: Path, names: Sequence[str], landmarks: NDArray[np.floating]) -> None:
    """Write names and landmarks so that the reference program's loader reads them, under old and new NumPy.

    Args:
        path: file to write, replaced whole.
        names: N image names.
        landmarks: ``(N, 5, 2)`` coordinates in the 224-px image; stored as float32.
    """
    rows = np.empty((len(names), 2), dtype=object)
    for row, name, points in zip(rows, names, np.asarray(landmarks, dtype=np.float32), strict=True):
        row[0], row[1] = name, points.copy()
    body = pickle.dumps(rows, protocol=_PICKLE_PROTOCOL)
    # NumPy 2 names its constructor by a module that NumPy before 1.26 lacks; both know the old name.
    # The first occurrence is the array's own head, before any name of ours.
    body = body.replace(_NEW_HOME, _OLD_HOME, 1)
    with atomic_write(path) as aside, aside.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": rows.shape})
        file.write(body)


def read_landmarks(path: Path) -> dict[str, NDArray[np.float32]]:
    """Read a file of names and landmarks, executing nothing in it.

    Time and memory stay in proportion to the file, whatever it claims.

    Args:
        path: object array ``(N, 2)`` of ``(name, 5 x 2 coordinates)``, the coordinates being arrays,
            lists or tuples of numbers (ten in a row are accepted as well).

    Returns:
        For each name its ``(5, 2)`` float32 landmarks, in the file's order.

    Raises:
        DataError: the file is missing, no such array, asks for anything but arrays of numbers, or holds
            a name twice or landmarks that are not 5 x 2 finite numbers.
    """
    try:
        names, points = _columns(_rows(io.BytesIO(read_bytes(path, MAX_FILE))))
        with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused as such
            return dict(zip(names, _five_points(points, names), strict=True))
    except AmpnetError as error:
        raise DataError(f"cannot use {printable(path)}: {error}") from error
    except Exception as error:  # of a hand-made pickle whose records contradict themselves, any type is possible
        raise DataError(f"{printable(path)} is broken ({describe(error)}); run prepare again") from error


def _columns(rows: list[Any]) -> tuple[list[str], list[Any]]:
    for number, row in enumerate(rows):
        if not isinstance(row[0], str):
            raise DataError(f"row {number} is not a pair of a name and landmarks")
    names, points = [row[0] for row in rows], [row[1] for row in rows]
    if len(set(names)) < len(names):
        twice = next(name for name, count in Counter(names).items() if count > 1)
        raise DataError(f"{printable(twice, 80)} is listed twice; delete one of the two")
    return names, points


def _five_points(points: list[Any], names: list[str]) -> NDArray[np.float32]:
    """Return all landmarks as ``(N, 5, 2)``; where that fails, find out whose are wrong."""
    try:
        with np.errstate(over="ignore"):  # what overflows becomes infinite, and is refused below
            array = np.asarray(points, dtype=np.float32).reshape(len(points), 5, 2)
    except (TypeError, ValueError, OverflowError):
        array = np.stack([_face_points(face, name) for name, face in zip(names, points, strict=True)])
    wrong = np.flatnonzero(~np.isfinite(array).all(axis=(1, 2)))
    if wrong.size:
        raise DataError(f"the landmarks of {printable(names[wrong[0]], 80)} are not 5 x 2 finite numbers")
    return array


def _face_points(face: Any, name: str) -> NDArray[np.float32]:
    try:
        with np.errstate(over="ignore"):
            array = np.asarray(face, dtype=np.float32)
    except (TypeError, ValueError, OverflowError):
        raise DataError(f"the landmarks of {printable(name, 80)} are not numbers") from None
    if array.size != 10:
        raise DataError(f"the landmarks of {printable(name, 80)} are not 5 x 2 numbers")
    return array.reshape(5, 2)


def _rows(file: io.BytesIO) -> list[Any]:
    header = read_npy_header(file)
    shape, left = header.shape, len(file.getbuffer()) - file.tell()
    if not header.dtype.hasobject or len(shape) != 2 or shape[1] != 2:
        raise DataError("it must hold an object array (N, 2) of names and landmarks")
    if shape[0] * _MIN_ROW_BYTES > left:
        raise DataError(f"it does not hold the {shape[0]} rows that its header announces")
    inert = read_inert(file, MAX_INSTRUCTIONS + int(_INSTRUCTIONS_PER_BYTE * left))
    if (foreign := foreign_name(inert)) is not None:
        raise DataError(
            f"it asks to run {printable(foreign, 60)}, which landmarks never need; it was not run. "
            "Do not use this file; make the index with `ampnet prepare`"
        )
    found = to_numpy(inert.content, most_values=_MAX_ROW_VALUES * (shape[0] + 1))
    if not isinstance(found, list) or len(found) != shape[0] * 2:
        raise DataError(f"it does not hold the {shape[0]} rows that its header announces")
    return [found[i : i + 2] for i in range(0, len(found), 2)]
