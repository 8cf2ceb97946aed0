"""Our files in the safetensors format: the tensors' descriptions and our header are read and bounded first."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import torch
from msgspec import Meta
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from ampnet.checkpoints.reading import MAX_FILE, NOT_A_CHECKPOINT, StoredTensor, reading
from ampnet.errors import CheckpointError
from ampnet.files.opening import read_bytes

HEADER = "ampnet"
"""Metadata key of our JSON text."""

MAX_DESCRIPTION = 16 << 20
"""Maximum bytes of JSON before the numbers; the bundled models' take 0.1 MB."""

_DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
}


class _Metadata(msgspec.Struct):
    texts: dict[str, str] = msgspec.field(name="__metadata__", default_factory=dict)


class _Tensor(msgspec.Struct):
    """A tensor's description; the defaults are those of the metadata, which stand among the tensors."""

    dtype: Literal["F64", "F32", "F16", "BF16", "I64", "I32", ""] = ""
    shape: Annotated[tuple[Annotated[int, Meta(ge=0, le=2**31)], ...], Meta(max_length=8)] = ()


@dataclass(frozen=True)
class SafetensorsFile:
    """An open file in the safetensors format."""

    header: Any
    """What our JSON text holds; None if there is none."""
    tensors: Mapping[str, StoredTensor]
    size: int
    """Of the file, in bytes."""


@contextmanager
def open_safetensors(path: Path, limit: int = MAX_FILE) -> Iterator[SafetensorsFile]:
    """Open a safetensors file.

    Args:
        limit: its maximum size in bytes.

    Raises:
        CheckpointError: the file is missing, broken or of another kind; or the block raised any exception.
    """
    with reading(path):
        data = read_bytes(path, limit)
        length = int.from_bytes(data[:8], "little")
        if length > min(MAX_DESCRIPTION, len(data) - 8):
            raise CheckpointError(NOT_A_CHECKPOINT)
        try:
            texts = msgspec.json.decode(data[8 : 8 + length], type=_Metadata).texts
            described = msgspec.json.decode(data[8 : 8 + length], type=dict[str, _Tensor])
        except msgspec.DecodeError:
            raise CheckpointError(NOT_A_CHECKPOINT) from None

        @cache
        def numbers() -> dict[str, Tensor]:
            try:
                return load(data)
            except SafetensorError:
                raise CheckpointError(NOT_A_CHECKPOINT) from None

        tensors = {
            name: StoredTensor(one.shape, _DTYPES[one.dtype], partial(_of, numbers, name))
            for name, one in described.items()
            if name != "__metadata__"
        }
        if sum(tensor.nbytes for tensor in tensors.values()) != len(data) - 8 - length:
            raise CheckpointError(NOT_A_CHECKPOINT)
        yield SafetensorsFile(msgspec.json.decode(texts.get(HEADER, "null")), tensors, len(data))


def _of(numbers: Any, name: str) -> Tensor:
    tensor: Tensor = numbers()[name]
    return tensor
