"""Which model answered: a name that people know it by, and the hash of its file."""

from dataclasses import dataclass
from pathlib import Path

from ampnet.checkpoints.bundled import bundled_name, display_name
from ampnet.files.printable import one_line
from ampnet.files.writing import sha256_of

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
        run = f"{folder.parent.name}/{folder.name}" if folder.name.startswith("seed") else folder.name
        return cls(one_line(run if file.stem == "best" else file.stem), sha256_of(file))

    def __str__(self) -> str:
        return f"{self.name}@{self.sha256[:SHORT]}" if self.sha256 else self.name
