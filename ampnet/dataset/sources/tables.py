"""Reading the label lists of data sets: csv and blank-separated, with any line endings, and the numbers in them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from ampnet.files.documents import csv_rows, number_of, text_lines

MAX_COORDINATE = 1_000_000
"""Largest coordinate of a box in pixels; no image is as large."""


def lines_of(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the numbered lines of a text file, stripped, without blank lines.

    Raises:
        DataError: the file cannot be read.
    """
    for number, line in enumerate(text_lines(path, "surrogateescape"), start=1):
        if stripped := line.strip():
            yield number, stripped


def rows_of(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the numbered rows of a csv file, cells stripped, without blank rows.

    Raises:
        DataError: the file cannot be read as csv.
    """
    for number, cells in csv_rows(path, "surrogateescape"):
        stripped = [cell.strip() for cell in cells]
        if any(stripped):
            yield number, stripped


def coordinates(cells: Sequence[str]) -> Iterator[float]:
    """Parse the numbers of a box.

    Raises:
        ValueError: one is not a number of at most :data:`MAX_COORDINATE` pixels, in either direction.
    """
    return (number_of(cell, -MAX_COORDINATE, MAX_COORDINATE) for cell in cells)


def find_file(root: Path, names: tuple[str, ...]) -> Path | None:
    """Return the first of some relative paths that is a file below ``root``."""
    return next((root / name for name in names if (root / name).is_file()), None)
