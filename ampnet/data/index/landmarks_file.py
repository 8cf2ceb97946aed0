"""`index/land_marks.npy`: the reference program's file of landmarks, written for it and read without trusting it.

The file is a NumPy object array ``(N, 2)`` of names and ``5 x 2`` coordinates, which NumPy stores as a
pickle; loading a stranger's pickle the usual way runs whatever it asks for. Here it is read as inert records,
which are then turned into arrays of numbers.
"""

import io
import pickle
import tokenize
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ampnet.checkpoints.reference.numpy_records import foreign_name, to_numpy
from ampnet.checkpoints.reference.pickle_reader import read_inert
from ampnet.errors import CheckpointError, DataError
from ampnet.media.files import atomic_write

_PICKLE_PROTOCOL = 3  # its globals are plain lines of text, which the rename below relies on
_NEW_HOME = b"cnumpy._core.multiarray\n_reconstruct\n"
_OLD_HOME = b"cnumpy.core.multiarray\n_reconstruct\n"
_MOST_VALUES_PER_BYTE = 16  # a row of a repeated name and repeated landmarks takes at least seven bytes for 17 values


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

    Args:
        path: object array ``(N, 2)`` of ``(name, 5 x 2 coordinates)``, the coordinates being arrays,
            lists or tuples of numbers (ten in a row are accepted as well).

    Returns:
        For each name its ``(5, 2)`` float32 landmarks, in the file's order.

    Raises:
        DataError: the file is missing, no such array, asks for anything but arrays of numbers, or holds
            a name twice or landmarks that are not 5 x 2 finite numbers.
    """
    rows = _rows(path)
    for number, row in enumerate(rows):
        if len(row) != 2 or not isinstance(row[0], str):
            raise DataError(f"{path}: row {number} is not a pair of a name and landmarks")
    names, points = [row[0] for row in rows], [row[1] for row in rows]
    if len(set(names)) < len(names):
        twice = next(name for name, count in Counter(names).items() if count > 1)
        raise DataError(f"{path}: {twice} is listed twice; delete one of the two")
    return dict(zip(names, _five_points(points, names, path), strict=True))


def _five_points(points: list[Any], names: list[str], path: Path) -> NDArray[np.float32]:
    """Give all landmarks as ``(N, 5, 2)``; where that fails, find out whose are wrong."""
    try:
        with np.errstate(over="ignore"):  # what overflows becomes infinite, and is refused below
            array = np.asarray(points, dtype=np.float32).reshape(len(points), 5, 2)
    except (TypeError, ValueError, OverflowError):
        array = np.stack(
            [_face_points(face, f"{path}: the landmarks of {name}") for name, face in zip(names, points, strict=True)]
        )
    wrong = np.flatnonzero(~np.isfinite(array).all(axis=(1, 2)))
    if wrong.size:
        raise DataError(f"{path}: the landmarks of {names[wrong[0]]} are not 5 x 2 finite numbers")
    return array


def _face_points(face: Any, what: str) -> NDArray[np.float32]:
    try:
        with np.errstate(over="ignore"):
            array = np.asarray(face, dtype=np.float32)
    except (TypeError, ValueError, OverflowError):
        raise DataError(f"{what} are not numbers") from None
    if array.size != 10:
        raise DataError(f"{what} are not 5 x 2 numbers")
    return array.reshape(5, 2)


def _rows(path: Path) -> list[Any]:
    try:
        with path.open("rb") as file:
            version = np.lib.format.read_magic(file)
            read_header = {
                (1, 0): np.lib.format.read_array_header_1_0,
                (2, 0): np.lib.format.read_array_header_2_0,
            }.get(version)
            if read_header is None:
                raise DataError(f"{path}: .npy format version {version} is not known")
            shape, _fortran, dtype = read_header(file)
            body = file.read()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, SyntaxError, tokenize.TokenError) as error:
        raise DataError(f"{path} is not a .npy file of landmarks: {error}") from error
    if not dtype.hasobject or len(shape) != 2 or shape[1] != 2:
        raise DataError(f"{path} must hold an object array (N, 2) of names and landmarks, got {dtype} {shape}")
    found = _load_inert(body, path)
    if not isinstance(found, list) or len(found) != shape[0] * 2:
        raise DataError(f"{path}: the array does not hold the {shape[0]} rows that its header announces")
    return [found[i : i + 2] for i in range(0, len(found), 2)]


def _load_inert(body: bytes, path: Path) -> Any:
    try:
        inert = read_inert(io.BytesIO(body))
        if (foreign := foreign_name(inert)) is not None:
            raise DataError(
                f"{path} asks to run {foreign}, which a file of landmarks never needs; "
                "it was not run. Do not use this file; make the index with `ampnet prepare`"
            )
        return to_numpy(inert.content, most_values=_MOST_VALUES_PER_BYTE * len(body))
    # The other errors are of hand-made pickles whose records contradict themselves.
    except (CheckpointError, ArithmeticError, LookupError, MemoryError, RecursionError, TypeError, ValueError) as error:
        raise DataError(f"{path} is broken: {error or type(error).__name__}; run prepare again") from error
