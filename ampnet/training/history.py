"""Metrics of all epochs, the best epoch, and the programs that show the metrics of runs side by side."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from ampnet.errors import UsageError
from ampnet.evaluation.intervals import Counts
from ampnet.files.writing import atomic_write
from ampnet.settings.choices import TrackerName


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


Row = Mapping[str, float]
"""Metrics of an epoch by name, with ``epoch``."""

PACKAGES: dict[TrackerName, tuple[str, str]] = {
    "tensorboard": ("tensorboard", "tensorboard"),
    "mlflow": ("mlflow", "'ampnet[mlflow]'"),
}
"""Module and what to install."""

MLFLOW_STORE = "mlflow"
"""Folder of MLflow's file store, beside the runs."""


class Tracker(Protocol):
    """Where the metrics of a run go."""

    def add(self, row: Row) -> None:
        """Log an epoch's metrics."""


def require_trackers(names: Sequence[TrackerName]) -> None:
    """Check that the packages are installed, before anything is created.

    Raises:
        UsageError: one is missing.
    """
    for name in names:
        module, package = PACKAGES[name]
        if find_spec(module) is None:
            raise UsageError(f"--{name} needs an additional package: pip install {package}")


def open_trackers(names: Sequence[TrackerName], folder: Path, is_resumed: bool) -> list[Tracker]:
    """Open the trackers of a run.

    Args:
        is_resumed: whether the run continues in its place; a new one may have the name of one that was deleted.

    Raises:
        UsageError: a package is missing.
    """
    require_trackers(names)
    kinds: dict[TrackerName, Callable[[Path, bool], Tracker]] = {"tensorboard": TensorBoard, "mlflow": Mlflow}
    return [kinds[name](folder, is_resumed) for name in names]


class TensorBoard:
    """Logs to ``tensorboard/`` in the run folder."""

    def __init__(self, folder: Path, _is_resumed: bool) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer: Any = SummaryWriter(folder / "tensorboard")

    def add(self, row: Row) -> None:
        """See :meth:`Tracker.add`."""
        for name, value in row.items():
            self._writer.add_scalar(name, value, int(row["epoch"]))
        self._writer.flush()


class Mlflow:
    """Logs to a file store beside the run folders, so that they can be compared: ``mlflow ui``. Nothing is sent."""

    def __init__(self, folder: Path, is_resumed: bool) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        from mlflow import MlflowClient

        self._client: Any = MlflowClient(tracking_uri=(folder.parent / MLFLOW_STORE).resolve().as_uri())
        found = self._client.get_experiment_by_name("ampnet")
        experiment = found.experiment_id if found else self._client.create_experiment("ampnet")
        known = self._client.search_runs([experiment]) if is_resumed else []  # the newest first
        run = next((run for run in known if run.info.run_name == folder.name), None) or self._client.create_run(
            experiment, run_name=folder.name
        )
        self._run = run.info.run_id

    def add(self, row: Row) -> None:
        """See :meth:`Tracker.add`."""
        for name, value in row.items():
            self._client.log_metric(self._run, name, value, step=int(row["epoch"]))
