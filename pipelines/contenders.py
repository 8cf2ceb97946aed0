"""What `ampnet compare` compares: checkpoints, runs over several seeds, and files of predictions."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from string import ascii_uppercase

from ampnet.checkpoints.bundled import WORD, bundled_name, display_name, named_model
from ampnet.checkpoints.run_files import BEST, checkpoint_file, find_runs
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
        UsageError: a path does not exist, there is no such bundled model, or two contenders are one file.
        CheckpointError: a folder holds no checkpoint.
    """
    found = [_find(letter, path) for letter, path in zip(ascii_uppercase, asked, strict=False)]
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
    path = named_model(asked)
    if path.suffix.lower() == ".csv" and path.is_file():
        return Contender(letter, str(asked), (path,), is_predictions=True)
    if runs := find_runs(path):
        if runs.are_folds:
            raise UsageError(
                f"{printable(asked)} holds folds, whose runs were trained on all splits; `ampnet eval` measures them"
            )
        unfinished = f"without {', '.join(runs.unfinished)}, where there is no {BEST}"
        notes = (unfinished,) if runs.unfinished else ()
        return Contender(letter, str(asked), runs.finished, is_predictions=False, notes=notes)
    file = checkpoint_file(path)
    return Contender(letter, display_name(file) if bundled_name(file) else str(asked), (file,), is_predictions=False)
