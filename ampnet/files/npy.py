"""NumPy's `.npy` files and arrays in pickles, read within bounds and without executing anything in them."""

import io
import warnings
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ampnet.errors import CheckpointError, DataError
from ampnet.files.opening import read_bytes
from ampnet.files.pickle_reader import Call, External, Inert, Named
from ampnet.files.printable import describe

_MOST_HEADER_BYTES = 16 << 10
_MAX_SIDE = 2**40


@dataclass(frozen=True)
class NpyHeader:
    """What the header of a `.npy` file says."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    is_fortran: bool


def read_npy_header(file: io.BytesIO) -> NpyHeader:
    """Read the header of a `.npy` file; NumPy's own reader makes room for whatever a header claims.

    Args:
        file: the file in memory, where no claim makes room for more than there is; left right behind the header.

    Raises:
        DataError: it is not such a header. The message is the reason alone, without the path.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a header that NumPy had to repair
            version = np.lib.format.read_magic(file)
            read = {
                (1, 0): np.lib.format.read_array_header_1_0,
                (2, 0): np.lib.format.read_array_header_2_0,
            }.get(version)
            if read is None:
                raise DataError(f"its .npy format version {version} is not known")
            shape, is_fortran, dtype = read(file)
    except DataError:
        raise
    except Exception as error:  # of NumPy's parser, for which any type is possible
        raise DataError(f"it is not a .npy file ({describe(error)})") from error
    if not all(0 <= side < _MAX_SIDE for side in shape):
        raise DataError("its .npy header claims an impossible shape")
    return NpyHeader(shape, dtype, is_fortran)


def read_numbers(path: Path, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Read a `.npy` file of numbers whose shape and type are known.

    Raises:
        DataError: the file cannot be read, or holds something else. The message is the reason alone.
    """
    nbytes = prod(shape) * np.dtype(dtype).itemsize
    file = io.BytesIO(read_bytes(path, nbytes + _MOST_HEADER_BYTES))
    header = read_npy_header(file)
    body = file.read()
    if header.shape != shape or header.dtype != dtype or header.is_fortran or len(body) != nbytes:
        raise DataError("it belongs to other data, or is truncated")
    return np.frombuffer(body, dtype=dtype).reshape(shape).copy()


_NUMBER_CODES = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1")
_BYTE_ORDERS = ("<", ">", "=", "|")

MAX_DEPTH = 10
"""Deepest nesting; the landmarks of a face as lists are three levels deep."""

_ARRAY_BYTES, _SCALAR_BYTES = 1 << 16, 16

_ARRAY, _DTYPE, _BYTES = ("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode")
_CORES = ("numpy.core", "numpy._core")
"""Where NumPy 1 and NumPy 2 keep their constructors."""
_RECONSTRUCT = tuple((f"{core}.multiarray", "_reconstruct") for core in _CORES)
_SCALAR = tuple((f"{core}.multiarray", "scalar") for core in _CORES)
_BUFFER = tuple((f"{core}.numeric", "_frombuffer") for core in _CORES)
_KNOWN = {_ARRAY, _DTYPE, _BYTES, *_RECONSTRUCT, *_SCALAR, *_BUFFER}


def foreign_name(inert: Inert) -> Named | None:
    """Return the first class or function that arrays of numbers and text do not need, or None."""
    return next((named for named in inert.names if (named.module, named.name) not in _KNOWN), None)


def to_numpy(content: Any, most_values: int) -> Any:
    """Turn inert records into what they stand for.

    Args:
        content: of an :class:`~ampnet.files.pickle_reader.Inert`.
        most_values: refuse to make more; a pickle may name one list a thousand times, and that one another.

    Returns:
        Text and numbers as they are, NumPy arrays of numbers, and lists for object arrays (flat), lists and tuples.

    Raises:
        CheckpointError: a record is neither an array nor a number, has a type other than plain numbers, or is nested
            deeper than :data:`MAX_DEPTH`.
        LookupError, TypeError, ValueError: records of a hand-made pickle that contradict themselves.
    """
    return _Converter(most_values).convert(content, MAX_DEPTH)


class _Converter:
    """Converts records; those of the same element type share one dtype."""

    def __init__(self, most_values: int) -> None:
        self._values_left = most_values
        self._dtypes: dict[int, np.dtype[Any]] = {}

    def convert(self, value: Any, depth: int) -> Any:
        if depth == 0:
            raise CheckpointError("it is nested too deeply")
        if isinstance(value, Call):
            return self._made(value, depth)
        if isinstance(value, (list, tuple)):
            self._count(len(value))
            return [item if type(item) is str else self.convert(item, depth - 1) for item in value]
        if isinstance(value, (Named, External)):
            raise CheckpointError("it holds a reference in place of a value")
        if not isinstance(value, str | int | float | bytes | bytearray | None):
            raise CheckpointError("it holds something other than numbers and text")
        return value

    def _count(self, values: int) -> None:
        self._values_left -= values
        if self._values_left < 0:
            raise CheckpointError("it repeats its content too often")

    def _made(self, call: Call, depth: int) -> Any:
        if not isinstance(call.function, Named) or call.items is not None or call.values is not None:
            raise CheckpointError("it calls something other than an array")
        name = (call.function.module, call.function.name)
        if name in _RECONSTRUCT or name == _ARRAY:
            if call.state is None:
                return []
            _version, shape, dtype, fortran, content = call.state
            return self._array(shape, dtype, fortran, content, depth)
        if call.state is not None:
            raise CheckpointError("it sets the state of something that has none")
        if name in _BUFFER:
            content, dtype, shape, order = call.arguments
            return self._array(shape, dtype, order == "F", content, depth)
        if name in _SCALAR:
            dtype, content = call.arguments
            return np.frombuffer(self._bytes(content, _SCALAR_BYTES), self._dtype(dtype), count=1)[0]
        if name == _BYTES:
            return self._bytes(call, _SCALAR_BYTES)
        raise CheckpointError("it holds a type in place of a value")

    def _array(self, shape: Any, dtype: Any, fortran: Any, content: Any, depth: int) -> Any:
        if isinstance(content, list):
            return self.convert(content, depth - 1)
        flat = np.frombuffer(self._bytes(content, _ARRAY_BYTES), self._dtype(dtype))
        self._count(flat.size)
        return flat.reshape(shape, order="F") if fortran else flat.reshape(shape)

    def _bytes(self, content: Any, limit: int) -> bytes | bytearray:
        """Return bytes, which pickles of protocol 2 write as a call that encodes text.

        The limit bounds the work for text that a million arrays share.
        """
        if isinstance(content, bytes | bytearray) and len(content) <= limit:
            return content
        match content:
            case Call(Named("_codecs", "encode"), (str(text),) | (str(text), "latin1"), None, None, None) if (
                len(text) <= limit
            ):
                return text.encode("latin1")
            case _:
                raise CheckpointError("it holds an array without content")  # a number would ask for that much memory

    def _dtype(self, record: Any) -> np.dtype[Any]:
        """Return the number type; anything but plain numbers is refused."""
        known = self._dtypes.get(id(record))
        if known is None:
            known = self._dtypes[id(record)] = _number_type(record)
        return known


def _number_type(record: Any) -> np.dtype[Any]:
    match record:
        case Call(Named("numpy", "dtype"), (code, *_), state):
            byte_order = "=" if state is None else state[1]
        case _:
            raise CheckpointError("it holds numbers without a type")
    if code not in _NUMBER_CODES or byte_order not in _BYTE_ORDERS:
        raise CheckpointError("it holds values of another type; expected numbers")  # to print it may never end
    return np.dtype(f"{byte_order}{code}")
