"""What `ampnet train` achieved: one run, or several that differ in their seed or their fold."""

import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ampnet.checkpoints.model_files import LAST
from ampnet.dataset.loading.unreadable import describe_unreadable
from ampnet.settings import config_to_dict
from ampnet.training.run_folder import CONFIG, CURVES, HISTORY


@dataclass(frozen=True)
class TrainResult:
    """What a finished run achieved."""

    data: Path
    folder: Path
    checkpoint: Path
    """The best epoch's."""
    seed: int
    epochs: int
    """Finished epochs; fewer than requested after an early stop."""
    best_epoch: int
    selected_on: str
    accuracy: float
    """Of the best epoch on the selection split."""
    macro_f1: float
    recall: dict[str, float | None]
    """Of each class on that split; None for a class without faces there."""
    unreadable: dict[str, str]
    """Name -> reason of each image that cannot be read and was left out."""
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain values for JSON."""
        return config_to_dict(self)

    def lines(self) -> list[str]:
        """Describe the result in a few lines, ending with the next command."""
        recalls = (f"{name} {'-' if value is None else f'{value:.1%}'}" for name, value in self.recall.items())
        return [
            f"best epoch: {self.best_epoch} of {self.epochs}, {self.selected_on} accuracy {self.accuracy:.2%}, "
            f"macro-F1 {self.macro_f1:.3f}{_warning(self.selected_on)}",
            f"by class: {', '.join(recalls)}",
            *([f"left out: {describe_unreadable(self.unreadable)}; run prepare again"] if self.unreadable else []),
            f"checkpoint: {self.checkpoint}; beside it {LAST}, {HISTORY}, {CURVES}, {CONFIG}",
            f"next: ampnet eval {self.folder} --data {self.data}",
        ]


@dataclass(frozen=True)
class RunsResult:
    """What several runs achieved that differ in their seed or their fold."""

    folder: Path
    folds: int
    """0 without folds."""
    runs: tuple[TrainResult, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return mean, spread and every run as plain values for JSON."""
        accuracies, scores = ([getattr(one, name) for one in self.runs] for name in ("accuracy", "macro_f1"))
        return {
            "accuracy_mean": statistics.mean(accuracies),
            "accuracy_deviation": statistics.stdev(accuracies),
            "macro_f1_mean": statistics.mean(scores),
            "macro_f1_deviation": statistics.stdev(scores),
            "runs": [one.to_dict() for one in self.runs],
        }

    def lines(self) -> list[str]:
        """List the runs, then their mean and sample standard deviation."""
        plain, first = self.to_dict(), self.runs[0]
        return [
            *(f"{one.folder.name}: {one.accuracy:.2%}, macro-F1 {one.macro_f1:.3f}" for one in self.runs),
            f"{first.selected_on} accuracy {plain['accuracy_mean']:.2%} +- {plain['accuracy_deviation']:.2%}, "
            f"macro-F1 {plain['macro_f1_mean']:.3f} +- {plain['macro_f1_deviation']:.3f} "
            f"over {len(self.runs)} {'folds' if self.folds else 'seeds'}{_warning(first.selected_on)}",
            f"next: ampnet eval {self.folder} --data {first.data}",
        ]


def _warning(selected_on: str) -> str:
    return " (epoch chosen on the test split, which inflates this number)" if selected_on == "test" else ""
