"""What happened epoch by epoch, and which epoch was best."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ampnet.evaluation.metrics import Counts
from ampnet.media.files import atomic_write


@dataclass(frozen=True)
class Best:
    """The epoch with the best accuracy on the selection split; of equals the first."""

    epoch: int
    accuracy: float
    confusion: list[list[int]]
    """On that split; rows are true classes."""

    @property
    def matrix(self) -> Counts:
        """The confusion matrix as an array."""
        return np.array(self.confusion, dtype=np.int64)


@dataclass
class History:
    """One row of numbers for each finished epoch."""

    rows: list[dict[str, float]] = field(default_factory=list)
    best: Best | None = None

    def add(self, row: Mapping[str, float], accuracy: float, confusion: Counts) -> bool:
        """Append an epoch; tells whether it is the best so far.

        Args:
            row: numbers by name, with ``epoch`` counted from 1.
            accuracy: on the selection split.
            confusion: on the same.
        """
        self.rows.append(dict(row))
        is_best = self.best is None or accuracy > self.best.accuracy
        if is_best:
            self.best = Best(int(row["epoch"]), accuracy, confusion.tolist())
        return is_best

    def epochs_without_better(self) -> int:
        """Count the finished epochs after the best one."""
        return int(self.rows[-1]["epoch"]) - self.best.epoch if self.best else 0

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
        return {"rows": self.rows, "best": asdict(self.best) if self.best else None}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "History":
        """Read what :meth:`to_dict` gave."""
        best = plain["best"]
        return cls([dict(row) for row in plain["rows"]], Best(**best) if best else None)


def last_metrics(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Give the numbers of the last finished epoch, none before the first."""
    return dict(rows[-1]) if rows else {}
