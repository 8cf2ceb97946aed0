"""Which file a model is: one of those in the package, a run's best checkpoint; and how answers name it."""

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ampnet.errors import CheckpointError, UsageError
from ampnet.files.opening import exists
from ampnet.files.printable import one_line, printable
from ampnet.files.writing import sha256_of

_FOLDER = Path(__file__).parents[1] / "weights"

WORD = "bundled"
"""Stands for the default model wherever a checkpoint is expected; ``bundled:NAME`` selects any of them."""

DEFAULT_MODEL = "ferplus"

MODELS: dict[str, str] = {
    "ferplus": "trained on the FER+ votes: what most people see in a face",
    "fer2013": "trained on the original FER-2013 labels, for comparison with published results",
}
"""Models by name; see MODEL_CARD.md beside their files."""

LICENCE = "MIT for the weights; the training pictures (FER-2013) were distributed for research"
TRAINING_DATA = {
    "ferplus": "FER-2013 training split, targets: FER+ votes",
    "fer2013": "FER-2013 training split, targets: its labels",
}


def model_path(name: str = DEFAULT_MODEL) -> Path:
    """Return the path of a bundled model's weights, whether or not the file exists."""
    return _FOLDER / f"ampnet-small-{name}.safetensors"


def bundled_name(file: Path) -> str | None:
    """Return the name of the bundled model whose file it is; None for any other file."""
    return next((name for name in MODELS if model_path(name).resolve() == file.resolve()), None)


def display_name(file: Path) -> str:
    """Return what a user calls a checkpoint: ``bundled:NAME`` for a file of the package, else its path."""
    name = bundled_name(file)
    return f"{WORD}:{name}" if name else str(file)


def record_path(name: str = DEFAULT_MODEL) -> Path:
    """Return the path of a bundled model's training record (settings, history, data hash)."""
    return _FOLDER / f"training_record_{name}.json"


def bundled_model(name: str = DEFAULT_MODEL) -> Path:
    """Return a bundled model's file.

    Raises:
        UsageError: there is no such model, or this installation lacks it.
    """
    if name not in MODELS:
        raise UsageError(f"there is no bundled model {printable(name)!r}; choose one of {', '.join(MODELS)}")
    if not model_path(name).is_file():
        raise UsageError("this installation comes without a trained model; give a run folder or a checkpoint file")
    return model_path(name)


def named_model(path: Path | None, *others: str) -> Path:
    """Resolve a checkpoint argument to a path.

    Args:
        path: ``bundled`` or ``bundled:NAME`` (unless a file has that name), or a path, returned unchanged; None
            means the default model.
        others: what else it might have been, for the message.

    Raises:
        UsageError: the path does not exist, or see :func:`bundled_model`.
    """
    if path is None:
        return bundled_model()
    found = bundled_or_path(path)
    if not exists(found):
        named = ", ".join(("a run folder of `ampnet train`", "a checkpoint file", *others))
        raise UsageError(f"{printable(path)} does not exist; give {named} or `{WORD}`")
    return found


def bundled_or_path(path: Path) -> Path:
    """Return the file of ``bundled`` or ``bundled:NAME``, unless a file has that name; any other path unchanged.

    Raises:
        UsageError: see :func:`bundled_model`.
    """
    word, _, name = str(path).partition(":")
    return path if word != WORD or exists(path) else bundled_model(name or DEFAULT_MODEL)


SHORT = 8
"""Hexadecimal digits of a short hash."""


@dataclass(frozen=True)
class ModelId:
    """A model's name and hash; as text both in short: ``bundled:ferplus@1a2b3c4d``."""

    name: str
    """``bundled:NAME`` for a model of the package, a run's folder for its best checkpoint, else the file's name."""
    sha256: str
    """Of the file, hexadecimal; empty for a network that is in memory only."""

    @classmethod
    def of_file(cls, file: Path | None) -> "ModelId":
        """Name a model by its file; None for a network that is in memory only."""
        if file is None:
            return cls("in memory", "")
        if bundled_name(file):
            return cls(display_name(file), sha256_of(file))
        folder = file.absolute().parent
        run = f"{folder.parent.name}/{folder.name}" if _RUN.fullmatch(folder.name) else folder.name
        return cls(one_line(run if file.stem == "best" else file.stem), sha256_of(file))

    def __str__(self) -> str:
        return f"{self.name}@{self.sha256[:SHORT]}" if self.sha256 else self.name


BEST, LAST, PREVIOUS = "best.pt", "last.pt", "previous.pt"
"""In a run's folder: the best network, and the two saves that training continues from."""

_RUN = re.compile(r"(?:seed(\d{1,19}))?-?(?:fold(\d{1,4}))?(?<=\d)")


def checkpoint_file(path: Path) -> Path:
    """Resolve a run folder to its best checkpoint; a file is returned unchanged.

    Raises:
        CheckpointError: the path does not exist, or the folder holds no best.pt.
    """
    if not exists(path):
        what = "does not exist"
    elif not path.is_dir():
        return path
    elif exists(path / BEST):
        return path / BEST
    elif runs := find_runs(path):
        what = f"holds several runs; name one of them, such as {printable(runs.finished[0].parent)}"
        raise CheckpointError(f"{printable(path)} {what}")
    else:
        what = f"holds no {BEST}"
    raise CheckpointError(f"{printable(path)} {what}; give a run folder of `ampnet train` or a checkpoint file")


@dataclass(frozen=True)
class Runs:
    """A folder of runs that differ in their seed or their fold."""

    folder: Path
    finished: tuple[Path, ...]
    """Their best checkpoints, by seed, then by fold."""
    unfinished: tuple[str, ...]
    """Names of runs without one."""

    @property
    def are_folds(self) -> bool:
        """Whether the runs hold out different faces."""
        return "fold" in self.finished[0].parent.name


def find_runs(folder: Path) -> Runs | None:
    """Find the runs in a folder of `ampnet train --seeds` or ``--folds``; None if it is not such a folder."""
    if not folder.is_dir() or (folder / BEST).exists():
        return None
    found = {}  # by name as well: seed1 and seed01 are two
    for run in folder.iterdir():
        if (match := _RUN.fullmatch(run.name)) and run.is_dir():
            found[(*(int(number or 0) for number in match.groups()), run.name)] = run
    runs = [found[numbers] for numbers in sorted(found)]
    finished = tuple(run / BEST for run in runs if (run / BEST).is_file())
    unfinished = tuple(run.name for run in runs if not (run / BEST).is_file())
    return Runs(folder, finished, unfinished) if finished else None


def seed_of(run: str) -> str:
    """Return the part of a run's name that gives its seed: ``seed3`` of ``seed3-fold2``; empty if it has none."""
    return run.partition("fold")[0].rstrip("-")


def newest_run(folder: Path) -> Path | None:
    """Find the run below a folder that trained last and has a best checkpoint; None if there is none.

    What `calibrate` writes beside a run's saves does not count.

    Args:
        folder: holds runs, or folders of several seeds' runs, such as ./checkpoint; folds serve their own data set.
    """
    runs = [best.parent for pattern in (f"*/{BEST}", f"*/seed*/{BEST}") for best in folder.glob(pattern)]
    runs = [run for run in runs if "fold" not in run.name]
    saves = [times_of_saves([run / LAST, run / PREVIOUS]) or times_of_saves([run / BEST]) for run in runs]
    times = [max(of_run.values(), default=0) for of_run in saves]
    return runs[times.index(max(times))] if runs else None


def times_of_saves(saves: Iterable[Path]) -> dict[Path, int]:
    """Return when each was saved, in nanoseconds; a run in progress may rename one meanwhile."""
    times: dict[Path, int] = {}
    for save in saves:
        with suppress(FileNotFoundError):
            times[save] = save.lstat().st_mtime_ns
    return times
