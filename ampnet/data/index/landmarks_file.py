"""`index/land_marks.npy`: the published program's file of landmarks, written for it and read without trusting it.

The file is a NumPy object array ``(N, 2)`` of names and ``5 x 2`` coordinates, which NumPy stores as a
pickle; loading a stranger's pickle the usual way runs whatever it asks for. Here every global that the
pickle names is replaced by an inert record that only copies bytes into an array of numbers.
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

from ampnet.errors import DataError
from ampnet.media.files import atomic_write

_PICKLE_PROTOCOL = 3  # its globals are plain lines of text, which the rename below relies on
_NEW_HOME = b"cnumpy._core.multiarray\n_reconstruct\n"
_OLD_HOME = b"cnumpy.core.multiarray\n_reconstruct\n"


def write_landmarks(path: Path, names: Sequence[str], landmarks: NDArray[np.floating]) -> None:
    """Write names and landmarks so that the published program's loader reads them, under old and new NumPy.

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
        raise DataError(f"{path}: {twice} stands there twice; delete one of the two")
    return dict(zip(names, _five_points(points, names, path), strict=True))


def _five_points(points: list[Any], names: list[str], path: Path) -> NDArray[np.float32]:
    """Give all landmarks as ``(N, 5, 2)``; where that fails, find out whose are wrong."""
    try:
        array = np.asarray(points, dtype=np.float32).reshape(len(points), 5, 2)
    except (TypeError, ValueError):
        array = np.stack(
            [_face_points(face, f"{path}: the landmarks of {name}") for name, face in zip(names, points, strict=True)]
        )
    wrong = np.flatnonzero(~np.isfinite(array).all(axis=(1, 2)))
    if wrong.size:
        raise DataError(f"{path}: the landmarks of {names[wrong[0]]} are not 5 x 2 finite numbers")
    return array


def _face_points(face: Any, what: str) -> NDArray[np.float32]:
    try:
        array = np.asarray(face, dtype=np.float32)
    except (TypeError, ValueError):
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
        return _plain(_InertUnpickler(io.BytesIO(body)).load())
    except DataError as error:
        raise DataError(f"{path} {error}") from None
    # A hand-made pickle can fail in any of these ways inside the unpickler's own machine.
    except (
        pickle.UnpicklingError,
        ArithmeticError,
        AttributeError,
        EOFError,
        LookupError,
        MemoryError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        raise DataError(f"{path} is broken: {error or type(error).__name__}; run prepare again") from error


class _Record:
    """Base of what may stand in for a global; a pickle cannot put attributes of its own on it."""

    def __setstate__(self, state: Any) -> None:
        raise DataError("sets the state of something that has none")


class _Dtype(_Record):
    """What the pickle says of an element type; only its code and byte order are kept."""

    def __init__(self, code: str, *_flags: object) -> None:
        self.code = code
        self.byte_order = "="

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.byte_order = state[1]

    def numpy(self) -> np.dtype[Any]:
        """Give the number type; anything but plain numbers is refused."""
        if self.code not in _NUMBER_CODES or self.byte_order not in ("<", ">", "=", "|"):
            raise DataError(f"holds landmarks of type {self.code!r}; expected numbers")
        return np.dtype(f"{self.byte_order}{self.code}")


class _Array(_Record):
    """What the pickle says of an array; :func:`_plain` turns it into numbers or a list."""

    def __init__(self, *_head: object) -> None:
        self.shape: tuple[int, ...] = (0,)
        self.content: Any = []
        self.dtype: Any = None
        self.fortran = False

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _version, self.shape, self.dtype, self.fortran, self.content = state

    def plain(self) -> Any:
        """Give a list for an object array, a NumPy array for one of numbers."""
        if isinstance(self.content, list):
            return [_plain(item) for item in self.content]
        if not isinstance(self.content, bytes) or not isinstance(self.dtype, _Dtype):
            raise DataError("holds an array without content")
        flat = np.frombuffer(self.content, dtype=self.dtype.numpy())
        return flat.reshape(self.shape, order="F" if self.fortran else "C")


class _Buffer(_Record):
    """NumPy's other constructor of arrays, used by pickles of protocol 5."""

    def __new__(cls, content: Any, dtype: Any, shape: Any, order: Any) -> Any:
        if not isinstance(content, (bytes, bytearray)):  # a number would ask for that much memory
            raise DataError("holds an array without content")
        array = _Array()
        array.__setstate__((1, shape, dtype, order == "F", bytes(content)))
        return array


class _Scalar(_Record):
    """One NumPy number."""

    def __new__(cls, dtype: Any, content: Any) -> Any:
        if not isinstance(dtype, _Dtype) or not isinstance(content, bytes):
            raise DataError("holds a number without a type")
        return np.frombuffer(content, dtype=dtype.numpy(), count=1)[0]


class _Latin1(_Record):
    """Bytes written as text, as pickles of protocol 2 do; the only encoding they use is this one."""

    def __new__(cls, text: Any, encoding: Any = "latin1") -> Any:
        if not isinstance(text, str) or encoding != "latin1":
            raise DataError("holds bytes in an unknown encoding")
        return text.encode("latin1")


def _plain(value: Any) -> Any:
    if isinstance(value, _Array):
        return value.plain()
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


_NUMBER_CODES = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1")

_RECORDS: dict[tuple[str, str], type[_Record]] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    ("_codecs", "encode"): _Latin1,
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _Array for core in ("core", "_core")},
    **{(f"numpy.{core}.multiarray", "scalar"): _Scalar for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _Buffer for core in ("core", "_core")},
}


class _InertUnpickler(pickle.Unpickler):
    """Reads containers, texts, numbers and arrays of numbers; every other class or function is refused."""

    def find_class(self, module: str, name: str) -> Any:
        """Give the inert record for one of NumPy's array constructors."""
        record = _RECORDS.get((module, name))
        if record is None:
            raise DataError(
                f"asks to run {module}.{name}, which a file of landmarks never needs; "
                "it was not run. Do not use this file; make the index with `ampnet prepare`"
            )
        return record
