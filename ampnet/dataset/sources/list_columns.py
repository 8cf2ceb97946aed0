"""Which columns of a list mean what, votes included, by the names that people and programs give them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from ampnet.dataset.index.label_votes import MOST_VOTES
from ampnet.errors import DataError
from ampnet.files.documents import listed, number_of, short
from ampnet.files.tables import Table, decoded_cell, find_column, open_table, plain_name
from ampnet.settings.column_names import LABELS, PATHS, SPLITS, SUBJECTS
from ampnet.settings.labels import MAX_CLASSES, answer_of

VOTES_PREFIX = "votes_"
"""Prefix of vote columns; optional for known expressions, required for other classes."""

MAX_COLUMNS = MAX_CLASSES + 10


BOX = ("x0", "y0", "x1", "y1")
_BOXES = (
    BOX,
    ("xmin", "ymin", "xmax", "ymax"),
    ("x_min", "y_min", "x_max", "y_max"),
    ("left", "top", "right", "bottom"),
    ("x1", "y1", "x2", "y2"),
)
_SIZES = (
    ("x", "y", "width", "height"),
    ("x", "y", "w", "h"),
    ("left", "top", "width", "height"),
    ("face_x", "face_y", "face_width", "face_height"),
)

_LOOKED_AT = 200


@dataclass(frozen=True)
class Columns:
    """The columns of a list, by their names there; empty for those it does not have."""

    path: str
    label: str
    split: str
    subject: str
    box: tuple[str, ...]
    """Four columns, or none."""
    box_has_size: bool
    """Whether the last two are width and height."""
    votes: tuple[str, ...]
    unused: tuple[str, ...]


def read_columns(table: Table) -> Columns:
    """Find the columns of a list.

    Of several that may be the label, the first whose values are not numbers is.

    Raises:
        DataError: a column is there twice, or there are too many.
    """
    header = table.header
    if len(set(map(plain_name, header))) < len(header) or len(header) > MAX_COLUMNS:
        raise DataError(f"{table.path}: columns must be there once each, at most {MAX_COLUMNS}, got {listed(header)}")
    names = {plain_name(column): column for column in header}
    box = next((box for box in (*_BOXES, *_SIZES) if set(box) <= set(names)), ())
    if not box and "x0" in names:
        raise DataError(f"{table.path}: a box needs all four of the columns {', '.join(BOX)}, got {listed(header)}")
    labels = find_column(header, LABELS)
    if len(labels) > 1:
        labels.sort(key=lambda column: _is_numeric(table, column))
    label = labels[0] if labels else ""
    path, split, subject = (next(iter(find_column(header, wanted)), "") for wanted in (PATHS, SPLITS, SUBJECTS))
    used = {path, label, split, subject, *(names[name] for name in box)}
    votes = tuple(
        column
        for column in header
        if column not in used and (column.casefold().startswith(VOTES_PREFIX) or answer_of(column))
    )
    unused = tuple(column for column in header if column not in used and column not in votes)
    return Columns(path, label, split, subject, tuple(names[n] for n in box), box in _SIZES, votes, unused)


def is_list(path: Path) -> bool:
    """Return whether a file is a list of images with labels, or with votes."""
    try:
        table = open_table(path)
        columns = read_columns(table)
    except DataError:  # a file of another kind, which only bears the name
        return False
    return bool(columns.path) and (bool(columns.label) or len(columns.votes) >= 2)


def cells_of(table: Table, columns: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield the cells of some columns of each row, with the number of its line; empty for a column named ""."""
    places = [table.header.index(column) if column else -1 for column in columns]
    for number, cells in table.rows():
        yield number, [cells[place] if place >= 0 else "" for place in places]


def label_of(cell: str) -> str:
    """Return a label as it is compared: whole numbers without the decimals that pandas adds."""
    text = decoded_cell(cell)
    whole, dot, decimals = text.partition(".")
    return whole if dot and whole.isdecimal() and not decimals.strip("0") else text


def describe_unused(columns: Columns) -> list[str]:
    """List the columns that are not used."""
    return [f"columns not used: {short(', '.join(columns.unused))}"] if columns.unused else []


def _is_numeric(table: Table, column: str) -> bool:
    values = [label_of(cell) for _number, (cell,) in islice(cells_of(table, [column]), _LOOKED_AT)]
    return all(value.isdecimal() for value in values if value)


def plurality(votes: Mapping[str, float], class_names: Iterable[str]) -> str | None:
    """Find the class with the most votes, the first in class order if there is a tie.

    Args:
        votes: votes by answer.
        class_names: in label order.

    Returns:
        The class; None if no class has votes, or another answer has more votes than every class.
    """
    names = list(class_names)
    best = max(names, key=lambda name: votes.get(name, 0.0))
    others = max((count for answer, count in votes.items() if answer not in names), default=0.0)
    return best if votes.get(best, 0.0) > 0 and votes[best] >= others else None


def meant_answer(column: str, classes: Mapping[str, str]) -> str | None:
    """Translate the name of a vote column.

    Args:
        column: as spelled in the file, with or without :data:`VOTES_PREFIX`.
        classes: the data set's spelling of each class -> class.

    Returns:
        A class of the data set, another expression, ``unknown`` or ``no_face``; None for anything else.
    """
    text = column.strip().casefold().removeprefix(VOTES_PREFIX)
    spelled = {spelling.casefold(): name for spelling, name in classes.items()}
    return spelled.get(text) or answer_of(text)


def read_counts(cells: Sequence[str], where: str) -> tuple[float, ...]:
    """Parse the votes of a row; a blank cell is 0.

    Raises:
        DataError: a cell is not a number from 0 to :data:`MOST_VOTES`.
    """
    try:
        return tuple(number_of(cell, 0, MOST_VOTES) if cell else 0.0 for cell in cells)
    except ValueError:
        raise DataError(f"{where}: votes must be numbers of at least 0, got {listed(cells)}") from None
