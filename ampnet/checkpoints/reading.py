"""What all readers of checkpoints share: a limit, tensors not read yet, and errors as one line."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ampnet.errors import AmpnetError, CheckpointError
from ampnet.files.printable import describe, printable

MAX_FILE = 4 << 30
"""Maximum size of a checkpoint in bytes: weights, their average and AdamW's state of the widest network take 3.7 GB."""

NOT_A_CHECKPOINT = "it is not a checkpoint, or is truncated"

_PATH_LENGTH, _REASON_LENGTH = 150, 130


@dataclass(frozen=True)
class StoredTensor:
    """A tensor in a file, to be compared with what is expected before its numbers are read."""

    shape: tuple[int, ...]
    dtype: torch.dtype
    read: Callable[[], Tensor]
    """Reads the numbers into new memory."""

    @property
    def nbytes(self) -> int:
        """Memory that its numbers take."""
        count = self.dtype.itemsize
        for side in self.shape:
            count *= side
        return count


@contextmanager
def reading(path: Path, failure: str = "cannot read") -> Iterator[None]:
    """Turn any error in the block into one line that names the file.

    An untrusted file can make nearly every line of a reader fail in unforeseen ways; none of them is
    worth a traceback. Inside the block, a :class:`CheckpointError` holds the reason alone.

    Args:
        failure: how the line begins.

    Raises:
        CheckpointError: the block raised any exception.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, AmpnetError):
            reason = str(error)
        elif isinstance(error, OSError):
            reason = error.strerror or type(error).__name__
        else:
            reason = f"it is damaged ({describe(error)})"
        where = printable(path, _PATH_LENGTH)
        raise CheckpointError(f"{failure} {where}: {printable(reason, _REASON_LENGTH)}") from error
