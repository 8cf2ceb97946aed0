"""Reading the label lists of data sets: csv and blank-separated, with any line endings."""

import csv
from collections.abc import Iterator
from pathlib import Path

from ampnet.errors import DataError


def lines_of(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the numbered lines of a text file, stripped, without blank lines.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        with path.open(encoding="utf-8-sig", errors="surrogateescape") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, line.strip()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error


def rows_of(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the numbered rows of a csv file, cells stripped, without blank rows.

    Raises:
        DataError: the file cannot be read as csv.
    """
    try:
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            reader = csv.reader(file)
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    yield reader.line_num, [cell.strip() for cell in cells]
    except (OSError, csv.Error) as error:
        raise DataError(f"cannot read {path}: {error}") from error


def find_file(root: Path, names: tuple[str, ...]) -> Path | None:
    """Return the first of some relative paths that is a file below ``root``."""
    return next((root / name for name in names if (root / name).is_file()), None)
