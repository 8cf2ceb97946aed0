"""NumPy's files of numbers: what is expected comes back, and no claim takes memory."""

import io

import numpy as np
import pytest

from ampnet.errors import DataError
from ampnet.files.npy import read_npy_header, read_numbers
from tests.memory import takes_at_most

NUMBERS = np.arange(12, dtype=np.float32).reshape(4, 3)


def header(shape="(4, 3)", kind="<f4", order="False", version=b"\x01\x00", length=118):
    text = f"{{'descr': '{kind}', 'fortran_order': {order}, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    return b"\x93NUMPY" + version + length.to_bytes(2 if version == b"\x01\x00" else 4, "little") + text


def test_what_numpy_wrote_comes_back(tmp_path):
    np.save(tmp_path / "a.npy", NUMBERS)
    read = read_numbers(tmp_path / "a.npy", (4, 3), np.float32)
    assert np.array_equal(read, NUMBERS)
    assert read.flags.writeable


@pytest.mark.parametrize(
    "data",
    [
        header("(4, 4)") + NUMBERS.tobytes(),
        header("(12,)") + NUMBERS.tobytes(),
        header("(600000000, 1)") + NUMBERS.tobytes(),
        header(f"({'9' * 40}, 3)") + NUMBERS.tobytes(),
        header("(-4, -3)") + NUMBERS.tobytes(),
        header("'(4, 3)'") + NUMBERS.tobytes(),
        header(kind="<f8") + NUMBERS.tobytes(),
        header(kind="|O") + NUMBERS.tobytes(),
        header(kind="S1000000000") + NUMBERS.tobytes(),
        header(order="True") + NUMBERS.tobytes(),
        header(version=b"\x02\x00", length=2**31) + NUMBERS.tobytes(),
        header(version=b"\x09\x00"),
        header() + NUMBERS.tobytes()[:-1],
        header() + NUMBERS.tobytes() + b"x",
        header() + bytes(10**6),
        b"PK\x03\x04" + bytes(200),
        b"",
    ],
    ids=range(17),
)
def test_anything_else_is_refused(tmp_path, data):
    (tmp_path / "a.npy").write_bytes(data)
    with takes_at_most(32), pytest.raises(DataError) as caught:
        read_numbers(tmp_path / "a.npy", (4, 3), np.float32)
    assert str(caught.value).isprintable()


def test_a_header_is_read_and_left_behind():
    file = io.BytesIO(header("(2, 2)", "|O") + b"body")
    read = read_npy_header(file)
    assert (read.shape, read.dtype.hasobject, read.is_fortran, file.read()) == ((2, 2), True, False, b"body")
