"""NumPy's `.npy` files, read within bounds: NumPy's own reader makes room for whatever a header claims."""

import io
import warnings
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ampnet.errors import DataError
from ampnet.files.opening import read_bytes
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
    """Read the header of a `.npy` file.

    Args:
        file: the file in memory, where no claim makes room for more than there is; left right behind the header.

    Raises:
        DataError: it is no such header. The message is the reason alone, without the path.
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
