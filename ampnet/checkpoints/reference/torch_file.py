"""Tensors out of files that `torch.save` wrote, old format and new, executing nothing in them."""

import io
import os
import struct
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from ampnet.checkpoints.reference.pickle_reader import Call, External, Named, read_inert
from ampnet.errors import CheckpointError

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
"""First value of the format that torch wrote before 1.6."""
ENCRYPTED = 1
PICKLE_START = b"\x80"
BIG_ENDIAN = "its numbers are big-endian; save it again on a little-endian machine"

_DTYPES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}
_MOST_ELEMENTS = 2**31
"""Larger tensors are refused; the published network's largest has 4.4 million numbers."""


@dataclass(frozen=True)
class TorchFile:
    """An open file of `torch.save`: what it holds, tensors still being inert records."""

    content: Any
    _storage: Callable[[str, torch.dtype, int], Tensor]

    def tensor(self, record: Any) -> Tensor:
        """Read the tensor (or parameter) that a record of :attr:`content` stands for.

        Raises:
            CheckpointError: the record is no plain tensor, or reaches beyond its numbers.
        """
        match record:
            case Call(Named("torch._utils", "_rebuild_parameter"), (data, *_)):
                return self.tensor(data)
            case Call(
                Named("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2"),
                (
                    External(("storage", Named("torch", kind), str(key), _, int(count), *view)),
                    int(offset),
                    size,
                    stride,
                    *_,
                ),
            ) if kind in _DTYPES and view in ([], [None]):
                _check_extent(count, offset, size, stride)
                return self._storage(key, _DTYPES[kind], count).as_strided(size, stride, offset)
            case _:
                raise CheckpointError("one of its tensors is not a plain one")


def _check_extent(count: int, offset: int, size: Any, stride: Any) -> None:
    whole = isinstance(size, tuple) and isinstance(stride, tuple) and len(size) == len(stride)
    if not whole or not all(isinstance(n, int) and 0 <= n < _MOST_ELEMENTS for n in (count, offset, *size, *stride)):
        raise CheckpointError("one of its tensors has an impossible shape")
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if 0 not in size and last >= count:
        raise CheckpointError("one of its tensors reaches beyond its numbers")


@contextmanager
def open_torch_file(path: Path) -> Iterator[TorchFile]:
    """Open a file of `torch.save`; tensors are read one at a time, when asked for.

    Args:
        path: file in torch's zip format (since 1.6) or the one before.

    Raises:
        CheckpointError: the file is missing, broken or of another kind.
    """
    try:
        with path.open("rb") as file:
            yield _zip_content(file) if zipfile.is_zipfile(file) else _legacy_content(file)
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror or error}") from error
    except CheckpointError as error:
        raise CheckpointError(f"cannot read {path}: {error}") from error
    # What broken archives, missing tensors and made-up sizes make fail.
    except (
        zipfile.BadZipFile,
        NotImplementedError,
        LookupError,
        TypeError,
        ValueError,
        EOFError,
        struct.error,
    ) as error:
        raise CheckpointError(f"cannot read {path}: it is damaged ({error})") from error


def _zip_content(file: BinaryIO) -> TorchFile:
    archive = zipfile.ZipFile(file)
    names = archive.namelist()
    heads = [name for name in names if name == "data.pkl" or name.endswith("/data.pkl")]
    if len(heads) != 1:
        raise CheckpointError("it is a zip archive, but not one of torch")
    root = heads[0].removesuffix("data.pkl")
    if f"{root}byteorder" in names and _entry(archive, f"{root}byteorder") != b"little":
        raise CheckpointError(BIG_ENDIAN)

    def storage(key: str, dtype: torch.dtype, count: int) -> Tensor:
        return _numbers(_entry(archive, f"{root}data/{key}"), dtype, count)

    return TorchFile(read_inert(io.BytesIO(_entry(archive, heads[0]))).content, storage)


def _entry(archive: zipfile.ZipFile, name: str) -> bytes:
    entry = archive.getinfo(name)
    if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & ENCRYPTED:  # torch does neither; a bomb would
        raise CheckpointError("its entries are compressed or encrypted; expected a file that torch wrote")
    return archive.read(entry)


def _legacy_content(file: BinaryIO) -> TorchFile:
    file.seek(0)
    if file.read(1) != PICKLE_START:
        raise CheckpointError("it is no file of torch.save")
    file.seek(0)
    if read_inert(file).content != LEGACY_MAGIC:
        raise CheckpointError("it is a pickle, but not one of torch")
    _protocol, system = read_inert(file).content, read_inert(file).content
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise CheckpointError(BIG_ENDIAN)
    body, keys = read_inert(file), read_inert(file).content
    dtypes: dict[Any, torch.dtype] = {}
    for external in body.externals:
        match external:
            case External(("storage", Named("torch", kind), str(key), *_)) if kind in _DTYPES:
                dtypes[key] = _DTYPES[kind]
    places: dict[str, int] = {}
    for key in keys:
        (count,) = struct.unpack("<q", file.read(8))
        places[key] = file.tell()
        file.seek(count * dtypes[key].itemsize, os.SEEK_CUR)

    def storage(key: str, dtype: torch.dtype, count: int) -> Tensor:
        file.seek(places[key])
        return _numbers(file.read(count * dtype.itemsize), dtype, count)

    return TorchFile(body.content, storage)


def _numbers(data: bytes, dtype: torch.dtype, count: int) -> Tensor:
    if len(data) < count * dtype.itemsize:
        raise CheckpointError("it is truncated; copy or download it again")
    return torch.frombuffer(bytearray(data), dtype=dtype, count=count) if count else torch.empty(0, dtype=dtype)
