"""The history for TensorBoard, where its package is installed and asked for."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ampnet.errors import UsageError


class TensorBoardWriter:
    """Writes each epoch's numbers below ``tensorboard/`` in the run folder.

    Args:
        folder: of the run.
        wanted: False writes nothing.

    Raises:
        UsageError: the package tensorboard is not installed.
    """

    def __init__(self, folder: Path, wanted: bool) -> None:
        self._writer: Any = None
        if wanted:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError:
                raise UsageError("--tensorboard needs a package: pip install tensorboard") from None
            self._writer = SummaryWriter(folder / "tensorboard")

    def add(self, row: Mapping[str, float]) -> None:
        """Write an epoch's numbers."""
        if self._writer is not None:
            for name, value in row.items():
                self._writer.add_scalar(name, value, int(row["epoch"]))
            self._writer.flush()
