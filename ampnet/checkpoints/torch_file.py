"""Files that `torch.save` wrote, old format and new: their contents, without executing any, and tensors on request."""

import io
import os
import struct
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from ampnet.checkpoints.reading import MAX_FILE, NOT_A_CHECKPOINT, StoredTensor, reading
from ampnet.errors import CheckpointError
from ampnet.files.opening import open_regular
from ampnet.files.pickle_reader import Call, External, Named, read_inert

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
"""First value of the format that torch wrote before 1.6."""
ENCRYPTED = 1
PICKLE_START = b"\x80"
BIG_ENDIAN = "its numbers are big-endian; save it again on a little-endian machine"

MAX_PICKLE = 32 << 20
"""Maximum bytes of everything but the tensors' numbers; the paper's network takes less than one megabyte."""
MAX_DIRECTORY = 4 << 20
"""Maximum bytes of a zip archive's table of contents, which takes 15 times as much in memory; real ones have 0.5 MB."""
MAX_VALUES = 1_000_000
"""Maximum number of plain values of one file, each counted as often as it is named."""
MAX_DEPTH = 32
"""Deepest nesting of plain values; a training state's is 6."""

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
"""Larger tensors are refused; the paper's network's largest has 4.4 million numbers."""
_MOST_SIDES = 8


@dataclass(frozen=True)
class TorchFile:
    """An open file of `torch.save`: what it holds, with tensors as inert records."""

    content: Any
    size: int
    """Of the file, in bytes."""
    _storage: Callable[[str, torch.dtype, int], tuple[Tensor, bool]]
    """Gives a storage's numbers, and whether they were given before."""

    def stored(self, record: Any) -> StoredTensor:
        """Describe the tensor (or parameter) that a record of :attr:`content` stands for, without reading it.

        Raises:
            CheckpointError: the record is not a plain tensor, or reaches beyond its numbers.
        """
        match record:
            case Call(Named("torch._utils", "_rebuild_parameter"), (data, *_)):
                return self.stored(data)
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
                dtype = _DTYPES[kind]
                return StoredTensor(size, dtype, lambda: self._read(key, dtype, count, offset, size, stride))
            case _:
                raise CheckpointError("one of its tensors is not a plain one")

    def plain(self, record: Any, with_tensors: bool = False) -> Any:
        """Copy a part of :attr:`content` that consists of plain values.

        Args:
            record: numbers (whole ones of up to 63 bits), text, None, and lists, tuples and dicts of them, whose keys
                are text or whole numbers.
            with_tensors: allow tensors, which become :class:`StoredTensor`.

        Raises:
            CheckpointError: it holds anything else, is nested deeper than :data:`MAX_DEPTH`, or has more than
                :data:`MAX_VALUES` values.
        """
        left = MAX_VALUES

        def copy(value: Any, depth: int) -> Any:
            nonlocal left
            left -= 1
            if left < 0 or depth > MAX_DEPTH:
                raise CheckpointError("it holds too many values, or they are nested too deeply")
            if isinstance(value, str | float | None) or (isinstance(value, int) and -(2**63) <= value < 2**63):
                return value
            if isinstance(value, list | tuple):
                return [copy(item, depth + 1) for item in value]
            if isinstance(value, dict) and all(isinstance(key, str | int) for key in value):
                return {key: copy(item, depth + 1) for key, item in value.items()}
            if with_tensors and isinstance(value, Call):
                return self.stored(value)
            raise CheckpointError("it holds more than weights and plain values")

        return copy(record, 0)

    def _read(
        self, key: str, dtype: torch.dtype, count: int, offset: int, size: tuple[int, ...], stride: tuple[int, ...]
    ) -> Tensor:
        numbers, shared = self._storage(key, dtype, count)
        tensor = numbers.as_strided(size, stride, offset)
        dense = tensor.is_contiguous() or (len(size) == 4 and tensor.is_contiguous(memory_format=torch.channels_last))
        # Tensors that share numbers get copies: none may change when another is trained.
        is_alone = dense and prod(size) == count and not shared
        return tensor if is_alone else tensor.clone(memory_format=torch.contiguous_format)


def _check_extent(count: int, offset: int, size: Any, stride: Any) -> None:
    whole = isinstance(size, tuple) and isinstance(stride, tuple) and len(size) == len(stride) <= _MOST_SIDES
    if not whole or not all(isinstance(n, int) and 0 <= n < _MOST_ELEMENTS for n in (count, offset, *size, *stride)):
        raise CheckpointError("one of its tensors has an impossible shape")
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if 0 not in size and last >= count:
        raise CheckpointError("one of its tensors reaches beyond its numbers")


def write_torch_file(path: Path, content: Any) -> None:
    """Write a file by `torch.save`.

    Raises:
        OSError: the disk is full, or fails otherwise.
    """
    try:
        with path.open("wb") as file:
            torch.save(content, file)
    except RuntimeError as error:
        if isinstance(error.__context__, OSError):  # torch reports its own next complaint instead
            raise error.__context__ from error
        raise


@contextmanager
def open_torch_file(path: Path) -> Iterator[TorchFile]:
    """Open a file of `torch.save`; tensors are read one at a time, on request.

    Reading takes at most as much memory as the file has bytes, and 300 MB for everything but numbers.

    Args:
        path: file in torch's zip format (since 1.6) or the one before.

    Raises:
        CheckpointError: the file is missing, broken or of another kind; or the block raised any exception.
    """
    with reading(path), open_regular(path, MAX_FILE) as file:
        size = os.fstat(file.fileno()).st_size
        yield torch_content(file, size)


def torch_content(file: BinaryIO, size: int) -> TorchFile:
    """Read what :func:`open_torch_file` opens from bytes in memory, such as a member of an archive.

    Args:
        file: the bytes, which can be read as long as tensors are.
        size: how many there are.

    Raises:
        Exception: any, where the bytes are broken or of another kind; see :func:`ampnet.checkpoints.reading.reading`.
    """
    return _zip_content(file, size) if zipfile.is_zipfile(file) else _legacy_content(file, size)


def _zip_content(file: BinaryIO, size: int) -> TorchFile:
    _check_directory(file, size)
    archive = zipfile.ZipFile(file)
    names = set(archive.namelist())
    if any(name.endswith("/constants.pkl") for name in names):
        raise CheckpointError(
            "it is a TorchScript file, which only torch.jit.load reads; give the checkpoint it was made from"
        )
    # Entries that overlap could give the same bytes any number of times.
    if sum(max(entry.file_size, entry.compress_size) for entry in archive.infolist()) > size:
        raise CheckpointError("its entries claim more bytes than the file has")
    heads = [name for name in names if name == "data.pkl" or name.endswith("/data.pkl")]
    if len(heads) != 1:
        raise CheckpointError("it is a zip archive, but not one of torch")
    root = heads[0].removesuffix("data.pkl")
    if f"{root}byteorder" in names and _entry(archive, f"{root}byteorder", MAX_PICKLE) != b"little":
        raise CheckpointError(BIG_ENDIAN)

    def numbers(key: str, dtype: torch.dtype, count: int) -> Tensor:
        return _numbers(_entry(archive, f"{root}data/{key}", size), dtype, count)

    content = read_inert(io.BytesIO(_entry(archive, heads[0], MAX_PICKLE))).content
    return TorchFile(content, size, _read_once(numbers))


def _check_directory(file: BinaryIO, size: int) -> None:
    """Refuse a table of contents that would fill the memory, before zipfile makes an object of each of its lines."""
    ends = struct.Struct("<4s36xQ8x4s4xQ4x4s8xL6x")  # of a zip64 archive, where that begins, of any archive
    file.seek(max(size - ends.size, 0))
    mark64, length64, locator, start64, mark, length = ends.unpack(file.read(ends.size).rjust(ends.size, b"\0"))
    if mark != b"PK\x05\x06":  # or there is a comment, which torch never writes
        raise CheckpointError(NOT_A_CHECKPOINT)
    if locator == b"PK\x06\x07":
        if mark64 != b"PK\x06\x06" or start64 != size - ends.size:
            raise CheckpointError(NOT_A_CHECKPOINT)
        length = length64
    if length > MAX_DIRECTORY:
        raise CheckpointError("it is a zip archive, but not one of torch")


def _entry(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    entry = archive.getinfo(name)
    if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & ENCRYPTED:  # torch does neither; a bomb would
        raise CheckpointError("its entries are compressed or encrypted; expected a file that torch wrote")
    if entry.file_size > limit:
        raise CheckpointError(f"its entry {name} has more than {limit:,} bytes")
    return archive.read(entry)  # checks the checksum


def _legacy_content(file: BinaryIO, size: int) -> TorchFile:
    file.seek(0)
    head = io.BytesIO(file.read(MAX_PICKLE))
    if head.read(1) != PICKLE_START:
        raise CheckpointError(NOT_A_CHECKPOINT)
    head.seek(0)
    if read_inert(head).content != LEGACY_MAGIC:
        raise CheckpointError("it is a pickle, but not one of torch")
    _protocol, system = read_inert(head).content, read_inert(head).content
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise CheckpointError(BIG_ENDIAN)
    body, keys = read_inert(head), read_inert(head).content
    dtypes: dict[str, torch.dtype] = {}
    for external in body.externals:
        match external:
            case External(("storage", Named("torch", kind), str(key), *_)) if kind in _DTYPES:
                dtypes[key] = _DTYPES[kind]
    places = _places(file, head.tell(), keys, dtypes, size)

    def numbers(key: str, dtype: torch.dtype, count: int) -> Tensor:
        start, end = places[key]
        file.seek(start)
        return _numbers(file.read(min(count * dtype.itemsize, end - start)), dtype, count)

    return TorchFile(body.content, size, _read_once(numbers))


def _places(
    file: BinaryIO, start: int, keys: Any, dtypes: dict[str, torch.dtype], size: int
) -> dict[str, tuple[int, int]]:
    """Find where in a file of the old format each storage begins and ends."""
    places: dict[str, tuple[int, int]] = {}
    for key in keys:
        file.seek(start)
        (count,) = struct.unpack("<q", file.read(8))
        if not isinstance(key, str) or key not in dtypes or key in places:
            raise CheckpointError("its list of tensors is broken")
        end = start + 8 + count * dtypes[key].itemsize
        if not start + 8 <= end <= size:
            raise CheckpointError("it is truncated; copy or download it again")
        places[key] = (start + 8, end)
        start = end
    return places


def _read_once(
    read: Callable[[str, torch.dtype, int], Tensor],
) -> Callable[[str, torch.dtype, int], tuple[Tensor, bool]]:
    """Read each storage once, however many tensors name it."""
    known: dict[str, Tensor] = {}

    def numbers(key: str, dtype: torch.dtype, count: int) -> tuple[Tensor, bool]:
        shared = key in known
        if not shared:
            known[key] = read(key, dtype, count)
        if known[key].dtype != dtype or len(known[key]) != count:
            raise CheckpointError("two of its tensors disagree about the numbers that they share")
        return known[key], shared

    return numbers


def _numbers(data: bytes, dtype: torch.dtype, count: int) -> Tensor:
    if len(data) < count * dtype.itemsize:
        raise CheckpointError("it is truncated; copy or download it again")
    return torch.frombuffer(bytearray(data), dtype=dtype, count=count) if count else torch.empty(0, dtype=dtype)
