"""Where a run keeps its checkpoints."""

import re
from dataclasses import dataclass
from pathlib import Path

from ampnet.errors import CheckpointError
from ampnet.files.opening import exists
from ampnet.files.printable import printable

BEST = "best.pt"

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
    found = {}
    for run in folder.iterdir():
        if (match := _RUN.fullmatch(run.name)) and run.is_dir():
            found[tuple(int(number or 0) for number in match.groups())] = run
    runs = [found[numbers] for numbers in sorted(found)]
    finished = tuple(run / BEST for run in runs if (run / BEST).is_file())
    unfinished = tuple(run.name for run in runs if not (run / BEST).is_file())
    return Runs(folder, finished, unfinished) if finished else None


def seed_of(run: str) -> str:
    """Return the part of a run's name that tells its seed: ``seed3`` of ``seed3-fold2``; empty if it has none."""
    return run.partition("fold")[0].rstrip("-")


def newest_run(folder: Path) -> Path | None:
    """Find the run below a folder that saved a checkpoint last and has a best one; None if there is none.

    Args:
        folder: holds runs, or folders of several seeds' runs, such as ./checkpoint; folds serve their own data set.
    """
    runs = [best.parent for pattern in (f"*/{BEST}", f"*/seed*/{BEST}") for best in folder.glob(pattern)]
    runs = [run for run in runs if "fold" not in run.name]
    return max(runs, key=lambda run: max(save.lstat().st_mtime for save in run.glob("*.pt")), default=None)
