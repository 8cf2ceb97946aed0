"""Optional logging to TensorBoard."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ampnet.errors import UsageError


class TensorBoardWriter:
    """Logs each epoch's metrics to ``tensorboard/`` in the run folder.

    Args:
        folder: the run folder.
        enabled: if False, nothing is written.

    Raises:
        UsageError: the package tensorboard is not installed.
    """

    def __init__(self, folder: Path, enabled: bool) -> None:
        self._writer: Any = None
        if enabled:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError:
                raise UsageError("--tensorboard needs an additional package: pip install tensorboard") from None
            self._writer = SummaryWriter(folder / "tensorboard")

    def add(self, row: Mapping[str, float]) -> None:
        """Log an epoch's metrics."""
        if self._writer is not None:
            for name, value in row.items():
                self._writer.add_scalar(name, value, int(row["epoch"]))
            self._writer.flush()
