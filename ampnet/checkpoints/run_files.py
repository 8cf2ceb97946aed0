"""Where a run keeps its checkpoints."""

from pathlib import Path

from ampnet.errors import CheckpointError
from ampnet.files.opening import exists
from ampnet.files.printable import printable

BEST = "best.pt"


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


def newest_run(folder: Path) -> Path | None:
    """Find the run below a folder that saved a checkpoint last and has a best one; None if there is none.

    Args:
        folder: holds runs, or folders of several seeds' runs, such as ./checkpoint.
    """
    runs = [best.parent for pattern in (f"*/{BEST}", f"*/seed*/{BEST}") for best in folder.glob(pattern)]
    return max(runs, key=lambda run: max(save.lstat().st_mtime for save in run.glob("*.pt")), default=None)
