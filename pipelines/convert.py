"""`ampnet convert`: a prepared data set from files to shards, or back."""

from dataclasses import dataclass
from pathlib import Path

from ampnet.dataset.change_form import read_other_form, refuse_existing, remove_remains, to_files, to_shards
from ampnet.files.printable import counted
from ampnet.settings import ConvertConfig
from pipelines.progress import notices, progress_bar
from pipelines.result_folder import locked


@dataclass(frozen=True)
class ConvertResult:
    """What was written."""

    out: Path
    faces: int
    shards: int
    """Zero if the result is files."""

    def lines(self) -> list[str]:
        """Describe it in a few lines, ending with the next command."""
        form = counted(self.shards, "shard") if self.shards else "files"
        return [f"{self.out}: {counted(self.faces, 'face')} in {form}", f"next: ampnet train --data {self.out}"]


def run(config: ConvertConfig, quiet: bool = False) -> ConvertResult:
    """Write a data set in the other form; the original stays.

    Raises:
        UsageError: the data set has that form already, or the output folder holds one.
        DataError: the data set cannot be read, the result cannot be written, or pyarrow is missing.
        LockedError: another command is using the output folder.
    """
    refuse_existing(config.out)
    index = read_other_form(config.data, config.to)
    console = notices(quiet)
    with locked(config.out / "index", console):
        refuse_existing(config.out)  # again: another command may have changed it
        remove_remains(config.out)
        with progress_bar(console)("convert", len(index)) as advance:
            if config.to == "shards":
                to_shards(index, config.out, config.faces_per_shard, advance)
            else:
                to_files(index, config.out, advance)
    shards = -(-len(index) // config.faces_per_shard) if config.to == "shards" else 0
    return ConvertResult(config.out, len(index), shards)
