"""Metrics of all epochs, and the best epoch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from ampnet.evaluation.intervals import Counts
from ampnet.files.writing import atomic_write


@dataclass
class History:
    """A row of metrics for each finished epoch, and the best epoch on the selection split."""

    rows: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    """Number of the best epoch, from 1; 0 before the first epoch. Of equally accurate ones, it is the one with the
    lowest loss: on few faces, accuracy often stands still while the network still learns."""
    best_accuracy: float = float("-inf")
    best_confusion: list[list[int]] = field(default_factory=list)
    """Confusion matrix of the best epoch on the selection split; rows are true classes."""
    best_loss: float = float("inf")

    def add(self, row: Mapping[str, float], accuracy: float, loss: float, confusion: Counts) -> bool:
        """Append an epoch; returns whether it is the best so far.

        Args:
            row: metrics by name, with ``epoch`` counted from 1.
            accuracy: accuracy on the selection split.
            loss: mean loss on it.
            confusion: confusion matrix on it.
        """
        self.rows.append(dict(row))
        is_best = (accuracy, -loss) > (self.best_accuracy, -self.best_loss)
        if is_best:
            self.best_epoch, self.best_confusion = int(row["epoch"]), confusion.tolist()
            self.best_accuracy, self.best_loss = accuracy, loss
        return is_best

    def epochs_without_better(self) -> int:
        """Return the number of epochs since the best one."""
        return len(self.rows) - self.best_epoch

    def table(self) -> pd.DataFrame:
        """Return the rows as a table, as in history.csv."""
        return pd.DataFrame(self.rows)

    def write(self, path: Path) -> None:
        """Write history.csv.

        Raises:
            DataError: the file cannot be written.
        """
        with atomic_write(path) as aside:
            self.table().to_csv(aside, index=False, float_format="%.6g")

    def to_dict(self) -> dict[str, Any]:
        """Return the history as plain values for a checkpoint."""
        best = {
            "epoch": self.best_epoch,
            "accuracy": self.best_accuracy,
            "confusion": self.best_confusion,
            "loss": self.best_loss,
        }
        return {"rows": self.rows, "best": best if self.rows else None}
