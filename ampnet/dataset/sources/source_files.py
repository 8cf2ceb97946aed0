"""The label lists of data sets: csv and blank-separated, with any line endings; and their published numbers."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from ampnet.dataset.index.raw_images import SourceImage
from ampnet.dataset.sources.split_names import split_of_name
from ampnet.errors import DataError
from ampnet.files.documents import csv_rows, listed, number_of, text_lines
from ampnet.settings import Split

EXTENSIONS = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz")

MAX_COORDINATE = 1_000_000
"""Maximum coordinate of a box in pixels; no image is as large."""


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


def list_tables(root: Path) -> list[Path]:
    """List the files that may be tables: ``root`` itself, or those directly in it, without hidden ones."""
    paths = [root] if root.is_file() else sorted(root.glob("[!.]*"))
    return [path for path in paths if path.name.lower().endswith(EXTENSIONS) and path.is_file()]


def split_of_tables(paths: Sequence[Path], root: Path, what: str) -> dict[Path, Split | None]:
    """Return the split of each of several tables by its name, or its folder's; None for a single one in ``root``.

    Args:
        what: the tables in words, plural.

    Raises:
        DataError: they are not one for each split.
    """
    if len(paths) == 1 and paths[0] in (root, root / paths[0].name):
        return {paths[0]: None}
    names = {path: path.name.partition(".")[0] if path.parent == root else path.parent.name for path in paths}
    splits = {path: split_of_name(name) for path, name in names.items()}
    if None in splits.values() or len(set(splits.values())) < len(paths):
        shown = listed(path.relative_to(root).as_posix() for path in paths)
        raise DataError(
            f"{root} holds several {what} ({shown}), which are not one for each split; "
            "give the one to use instead of the folder"
        )
    return splits


def find_file(root: Path, names: tuple[str, ...]) -> Path | None:
    """Return the first of some relative paths that is a file below ``root``."""
    return next((root / name for name in names if (root / name).is_file()), None)


def compare_counts(items: list[SourceImage], published: dict[str, int]) -> list[str]:
    """Report differences between a data set's size and the published one.

    Args:
        published: images in each split; in the whole data set under ``""``.
    """
    found = Counter(item.split for item in items)
    found[""] = len(items)
    return [
        f"{found[split]:,} images{f' in {split}' if split else ''} where the published set has {count:,}"
        for split, count in published.items()
        if found[split] != count
    ]


def compare_class_counts(items: list[SourceImage], published: dict[str, dict[str, int]]) -> list[str]:
    """Report class counts that differ from the published ones in splits whose total is as published.

    Args:
        published: images of each class in each split.
    """
    found = Counter((item.split, item.class_name) for item in items)
    return [
        f"{found[split, name]:,} images of {name} in {split} where the published set has {count:,}"
        for split, classes in published.items()
        if sum(found[split, name] for name in classes) == sum(classes.values())
        for name, count in classes.items()
        if found[split, name] != count
    ]
