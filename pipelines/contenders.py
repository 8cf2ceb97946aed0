"""What `ampnet compare` compares: checkpoints, runs over several seeds, and files of predictions."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from string import ascii_uppercase

from ampnet.checkpoints.bundled import (
    BEST,
    WORD,
    Runs,
    bundled_name,
    checkpoint_file,
    display_name,
    find_runs,
    named_model,
    seed_of,
)
from ampnet.errors import UsageError
from ampnet.files.printable import printable


@dataclass(frozen=True)
class Contender:
    """One side of a comparison."""

    letter: str
    """A, B, ...: its name in tables and pictures."""
    name: str
    """What the user gave, or the bundled model's full name."""
    files: tuple[Path, ...]
    """Checkpoints, one for each seed, or one file of predictions."""
    is_predictions: bool
    notes: tuple[str, ...] = ()
    folds: Runs | None = None
    """Runs that each hold out other images; together they answer every image once for each seed."""

    @property
    def answer_names(self) -> list[str]:
        """Names of what is compared of it: its letter; of several seeds, also the run's folder."""
        runs = [file.parent.name for file in self.files]
        if self.folds:
            runs = list(dict.fromkeys(seed_of(run) for run in runs))
        return [self.letter] if len(runs) == 1 else [f"{self.letter} {printable(run)}" for run in runs]

    @property
    def short_name(self) -> str:
        """A name for a folder."""
        if self.name.startswith(f"{WORD}:"):
            return self.name.removeprefix(f"{WORD}:")
        file = self.files[0]
        name = file.stem if self.is_predictions or file.name != BEST else file.parent.name
        if len(self.files) > 1:
            name = file.parent.parent.name
        return re.sub(r"[^\w.+]+", "_", printable(name, 40)) or self.letter


def find_contenders(asked: Sequence[Path]) -> tuple[Contender, ...]:
    """Find the files of each contender.

    Raises:
        UsageError: a path does not exist, there is no such bundled model, two contenders are one file, or one has seen
            what the folds of another hold out.
        CheckpointError: a folder holds no checkpoint.
    """
    found = [_find(letter, path) for letter, path in zip(ascii_uppercase, asked, strict=False)]
    if folds := next((one for one in found if one.folds), None):
        for other in found:
            if not (other.folds or other.is_predictions):
                raise UsageError(
                    f"{printable(folds.name)} holds folds, and {printable(other.name)} may have seen some of their "
                    "images; compare folds with folds, or with a file of predictions for all images"
                )
    owners: dict[Path, Contender] = {}
    for contender in found:
        for file in contender.files:
            other = owners.setdefault(file.resolve(), contender)
            if other is not contender:
                raise UsageError(
                    f"{printable(other.name)} and {printable(contender.name)} are the same file; compare different ones"
                )
    return tuple(found)


def _find(letter: str, asked: Path) -> Contender:
    path = named_model(asked, "a CSV file of predictions")
    if path.suffix.lower() == ".csv" and path.is_file():
        return Contender(letter, str(asked), (path,), is_predictions=True)
    if runs := find_runs(path):
        if runs.are_folds:
            return Contender(letter, str(asked), runs.finished, is_predictions=False, folds=runs)
        unfinished = f"without {', '.join(runs.unfinished)}, where there is no {BEST}"
        notes = (unfinished,) if runs.unfinished else ()
        return Contender(letter, str(asked), runs.finished, is_predictions=False, notes=notes)
    file = checkpoint_file(path)
    return Contender(letter, display_name(file) if bundled_name(file) else str(asked), (file,), is_predictions=False)
