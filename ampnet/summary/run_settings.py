"""The settings of the run that wrote a table of faces; they stand in a JSON file beside it."""

from pathlib import Path

import msgspec

from ampnet.errors import DataError
from ampnet.files.documents import read_json
from ampnet.files.writing import write_json


class RunSettings(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How a table of faces came about."""

    ampnet: str
    """Version."""
    model: str
    """Name or file of the model."""
    sha256: str
    """Of its file."""
    rate: float | None = None
    """Frames classified per second, those nearest to the ticks; None: every Nth frame."""
    every: int | None = None
    """Every Nth frame was classified."""
    first: float = 0.0
    """Only frames from this second on ..."""
    last: float | None = None
    """... and before this one."""
    smooth: float = 0.0
    """Seconds of the causal mean; 0: none."""
    mirror: bool = False
    """Whether the answers for a face and its mirror image were averaged."""
    fast: bool = False
    """Whether faces were followed through a part of the frames."""
    people: int | None = None
    """Number of people to whom tracks were joined."""


def settings_path(table: Path) -> Path:
    """Name the file beside a table: ``faces.csv.json``."""
    return table.with_name(f"{table.name}.json")


def write_settings(settings: RunSettings, table: Path) -> None:
    """Write the settings beside their table.

    Raises:
        DataError: the file cannot be written.
    """
    write_json(settings_path(table), msgspec.to_builtins(settings), indent=2)


def read_settings(table: Path) -> RunSettings | None:
    """Read the settings beside a table; None if there are none that can be used."""
    try:
        return read_json(settings_path(table), RunSettings, "")
    except DataError:
        return None
