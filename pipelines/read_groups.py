"""The groups of `ampnet eval --by`: columns of index/faces.csv, or of a CSV by name or by subject."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ampnet.dataset.index.faces_table import COLUMNS
from ampnet.dataset.index.index_files import FACES_FILE
from ampnet.errors import DataError, UsageError
from ampnet.evaluation.groups import MAX_GROUPS, bin_numbers
from ampnet.evaluation.matching import NameBook
from ampnet.files.documents import quoted
from ampnet.files.printable import one_line, printable
from ampnet.files.tables import open_table
from ampnet.settings.labels import class_key
from pipelines.split_images import EvaluatedSplit

NAME, SUBJECT = "name", "subject"

LONGEST = 60
"""Characters of a group's name."""


def read_groups(split: EvaluatedSplit, columns: Sequence[str], file: Path | None) -> dict[str, NDArray[np.str_]]:
    """Find the group of every image of a split, by column.

    Columns of more than a few different numbers become quarters of their values; Male and male, or 20 and 20.0, are one
    group.

    Args:
        columns: names of columns; those that the file does not have are looked up in index/faces.csv.
        file: a CSV with those columns, and ``name`` or ``subject``.

    Returns:
        ``(N,)`` for each column; empty where an image has no value.

    Raises:
        UsageError: there is no such column, it is empty, or it has too many different values.
        DataError: the file cannot be read, or names none of the images.
    """
    found = {}
    for column, values in read_columns(split, columns, file, "--by").items():
        if column != SUBJECT:  # whose spelling and numbers are names
            spelled: dict[str, str] = {}
            one_spelling = (spelled.setdefault(class_key(value), value) for value in values.tolist())
            values = bin_numbers(np.array(list(one_spelling)))
        different = len(set(values.tolist()) - {""})
        shortened = {value: printable(value, LONGEST) for value in values.tolist()}
        is_clear = len(set(shortened.values())) == len(shortened)  # else two groups would become one
        found[column] = np.array([shortened[value] if is_clear else one_line(value) for value in values.tolist()])
        if different > MAX_GROUPS:
            raise UsageError(
                f"--by: the column {printable(column, 60)!r} has {different:,} different values; at most {MAX_GROUPS} "
                "are supported"
            )
    return found


def read_columns(
    split: EvaluatedSplit, columns: Sequence[str], file: Path | None, option: str
) -> dict[str, NDArray[np.str_]]:
    """Read the values of columns for every image of a split, as :func:`read_groups`, but as they are.

    Args:
        option: that asks for them, for messages.
    """
    header, given = _read(file, split) if file is not None else ([], {})
    known = [name for name in COLUMNS if name not in (NAME, "source", "box", "reason")]
    found = {}
    for column in dict.fromkeys(columns):
        if column in given:
            values = given[column]
        elif column in known:
            place = COLUMNS.index(column)
            values = np.array(["" if row is None else row.cells()[place] for row in split.rows])
        else:
            where = f"{printable(file)} has {_listed(header)}; " if file is not None else ""
            where += f"index/{FACES_FILE} has {_listed(known)}"
            raise UsageError(f"{option}: there is no column {printable(column, 60)!r}; {where}")
        cells = [value.strip() for value in values.tolist()]
        found[column] = np.array(["" if cell.casefold() == "nan" else cell for cell in cells])  # as pandas writes it
        if not (found[column] != "").any():
            raise UsageError(f"{option}: the column {printable(column, 60)!r} has no value for an image of this split")
    return found


def _read(file: Path, split: EvaluatedSplit) -> tuple[list[str], dict[str, NDArray[np.str_]]]:
    opened = open_table(file)
    spelled = {name.strip().casefold(): name for name in reversed(opened.header)}
    meaning = next((name for name in (NAME, SUBJECT) if name in spelled), None)
    if meaning is None:
        raise DataError(f"{printable(file)} lacks the column name (or subject), which assigns its rows to images")
    key = spelled[meaning]
    matching = _by_name(split) if meaning == NAME else _by_subject(split)
    others = [name for name in opened.header if name != key]
    table = {name: np.full(len(split.images), "", dtype=object) for name in others}
    lines: dict[int, int] = {}
    for line, cells in opened.rows():
        row = dict(zip(opened.header, cells, strict=True))
        for position in matching(who := row.pop(key)):
            if any(table[name][position] != cell for name, cell in row.items()) and position in lines:
                raise DataError(f"{printable(file)}, line {line}: {quoted(who)} contradicts line {lines[position]}")
            lines[position] = line
            for name, cell in row.items():
                table[name][position] = cell
    if not lines:
        raise DataError(f"{printable(file)} names no {'image' if meaning == NAME else 'subject'} of this split")
    return others, {name: values.astype(np.str_) for name, values in table.items()}


def _by_name(split: EvaluatedSplit) -> Callable[[str], Iterable[int]]:
    book = NameBook(split.images, split.elsewhere)
    return lambda name: book.find(name) or ()


def _by_subject(split: EvaluatedSplit) -> Callable[[str], Iterable[int]]:
    positions: dict[str, list[int]] = {}
    alike: dict[str, list[int]] = {}
    for position, row in enumerate(split.rows):
        if row is not None and row.subject:
            positions.setdefault(row.subject, []).append(position)
            alike.setdefault(class_key(row.subject), []).append(position)
    return lambda subject: positions.get(subject, alike.get(class_key(subject), ()))


def _listed(names: Sequence[str]) -> str:
    return printable(", ".join(names), 200) or "no other columns"
