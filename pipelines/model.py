"""Which checkpoint a command uses: the one that was named, else the newest run, else the bundled model."""

from pathlib import Path

from rich.console import Console

from ampnet.checkpoints.model_files import checkpoint_file, display_name, named_model, newest_run
from ampnet.files.printable import printable
from ampnet.settings import TrainConfig
from pipelines.progress import notices


def find_model(requested: Path | None, console: Console, choose: str) -> Path:
    """Resolve a checkpoint argument to a file; an automatic choice is announced in one line.

    A run of one's own is announced on a quiet console, too: the same command in another folder answers otherwise.

    Args:
        requested: a path, ``bundled`` or ``bundled:NAME``; None takes the newest run in ./checkpoint if there is one.
        choose: how to name another checkpoint, for the announcement.

    Raises:
        UsageError: the path does not exist, there is no such bundled model, or there is none at all.
        CheckpointError: a folder holds no checkpoint.
    """
    if requested is not None:
        return checkpoint_file(named_model(requested))
    run = newest_run(TrainConfig.out)
    file = checkpoint_file(named_model(run))
    found = f"{printable(file)} (newest run in {TrainConfig.out}/" if run else f"{display_name(file)} (the default"
    speaking = notices() if run else console
    speaking.print(f"model: {found}; choose another with {choose})")
    return file
