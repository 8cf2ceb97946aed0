"""What happened epoch by epoch, and which epoch was best."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from ampnet.evaluation.metrics import Counts
from ampnet.media.files import atomic_write


@dataclass
class History:
    """One row of numbers for each finished epoch, and the epoch that did best on the selection split."""

    rows: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    """Counted from 1, of equals the first; 0 before the first has finished."""
    best_accuracy: float = float("-inf")
    best_confusion: list[list[int]] = field(default_factory=list)
    """Of the best epoch on the selection split; rows are true classes."""

    def add(self, row: Mapping[str, float], accuracy: float, confusion: Counts) -> bool:
        """Append an epoch; tells whether it is the best so far.

        Args:
            row: numbers by name, with ``epoch`` counted from 1.
            accuracy: on the selection split.
            confusion: on the same.
        """
        self.rows.append(dict(row))
        is_best = accuracy > self.best_accuracy
        if is_best:
            self.best_epoch, self.best_accuracy, self.best_confusion = int(row["epoch"]), accuracy, confusion.tolist()
        return is_best

    def epochs_without_better(self) -> int:
        """Count the finished epochs after the best one."""
        return len(self.rows) - self.best_epoch

    def table(self) -> pd.DataFrame:
        """Give the rows as a table, as in history.csv."""
        return pd.DataFrame(self.rows)

    def write(self, path: Path) -> None:
        """Write history.csv.

        Raises:
            DataError: the file cannot be written.
        """
        with atomic_write(path) as aside:
            self.table().to_csv(aside, index=False, float_format="%.6g")

    def to_dict(self) -> dict[str, Any]:
        """Give the history as plain values for a checkpoint."""
        best = {"epoch": self.best_epoch, "accuracy": self.best_accuracy, "confusion": self.best_confusion}
        return {"rows": self.rows, "best": best if self.rows else None}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "History":
        """Read what :meth:`to_dict` gave."""
        best = plain["best"] or {}
        return cls([dict(row) for row in plain["rows"]], **{f"best_{name}": value for name, value in best.items()})


def last_metrics(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Give the numbers of the last finished epoch, none before the first."""
    return dict(rows[-1]) if rows else {}
