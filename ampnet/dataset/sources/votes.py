"""Files of annotators' votes, for data sets that do not include them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TypeAlias

from ampnet.dataset.index.raw_images import RawDataSet
from ampnet.dataset.sources.fer2013 import attach_ferplus_votes
from ampnet.dataset.sources.list_columns import (
    MAX_COLUMNS,
    cells_of,
    compared_parts,
    meant_answer,
    parts_of_cell,
    read_counts,
)
from ampnet.errors import DataError
from ampnet.files.documents import listed, short
from ampnet.files.tables import Table, open_table
from ampnet.settings.labels import MIN_VOTES

Rows: TypeAlias = Iterator[tuple[str, str, tuple[float, ...]]]
"""Place in the file, name, and votes."""

ANSWER_COLUMNS = ("answer", "expression", "vote")
"""Columns of one annotator's answer."""

_AMBIGUOUS = -1


def attach_votes(source: RawDataSet, path: Path) -> RawDataSet:
    """Add the votes of a file to a data set; classes and labels do not change.

    Args:
        source: a data set without votes.
        path: FER+'s fer2013new.csv for FER-2013; for any data set a csv with the column ``name`` or ``path`` and one
            for each answer; or a row for each annotator's answer, as in a CSV of Label Studio or in audit.csv of
            `ampnet audit`, once it is filled in. Paths are relative to the raw folder; names must be unique.

    Returns:
        The data set, with a note on how many images and rows were not matched.

    Raises:
        DataError: the data set has votes already, or the file does not match it.
    """
    if source.vote_columns:
        raise DataError(f"the layout {source.layout} has its own votes; omit --votes, or choose another --layout")
    table = open_table(path, "it needs a column name or path, and one for each class")
    header = table.header
    if header[:2] == ("Usage", "Image name"):
        if source.layout != "fer2013":
            raise DataError(f"{path} is FER+'s file, but the layout is {source.layout}; use --layout fer2013")
        return attach_ferplus_votes(source, path)
    if {"source", "path", "name"} & set(header) and (answers := [name for name in ANSWER_COLUMNS if name in header]):
        columns, rows = _count_answers(source, table, answers[0])
    else:
        columns, rows = _read_header(source, path, header), _counts(table)
    return _attach_by_name(source, path, columns, rows)


def _counts(table: Table) -> Rows:
    """Yield the place, the name and the votes of each row of a table with a column for each class."""
    for number, (name, *cells) in table.rows():
        where = f"{table.path}, line {number}"
        yield where, name, read_counts(cells, where)


def _count_answers(source: RawDataSet, table: Table, answer: str) -> tuple[tuple[str, ...], Rows]:
    """Count the answers of a table with a row for each; those of fewer annotators than training requires are scaled up.

    Returns:
        The answers there can be, and the place, the name and the votes of each image.
    """
    key = next(name for name in ("source", "path", "name") if name in table.header)
    classes = {name: name for name in source.class_names}
    found: dict[str, tuple[str, Counter[str]]] = {}
    for number, (name, text) in cells_of(table, (key, answer)):
        if not text:
            continue
        where = f"{table.path}, line {number}"
        if (meant := meant_answer(text, classes)) is None:
            raise DataError(f"{where}: {short(text)} is none of {listed(source.class_names)}, unknown, no_face")
        found.setdefault(name, (where, Counter()))[1][meant] += 1
    others = sorted({name for _where, votes in found.values() for name in votes} - set(source.class_names))
    columns = (*source.class_names, *others)

    def rows() -> Rows:
        for name, (where, votes) in found.items():
            factor = max(MIN_VOTES / votes.total(), 1.0)
            yield where, name, tuple(factor * votes[column] for column in columns)

    return columns, rows()


def _attach_by_name(source: RawDataSet, path: Path, columns: tuple[str, ...], rows: Rows) -> RawDataSet:
    paths = [item.relative for item in source.items]
    names = [PurePosixPath(path).name for path in paths]
    compared = [_positions("/".join(compared_parts(one)) for one in several) for several in (names, paths)]
    places = {**compared[0], **compared[1], **_positions(names), **_positions(paths)}  # as they are spelled first
    votes: dict[int, tuple[float, ...]] = {}
    unmatched = 0
    for where, name, counts in rows:
        position = places.get(name, places.get("/".join(parts_of_cell(name))))
        if position is None:
            unmatched += 1
            continue
        if position == _AMBIGUOUS:
            raise DataError(
                f"{where}: {short(name)} names several images; use paths relative to {source.items[0].root}"
            )
        if position in votes:
            raise DataError(f"{where}: {short(name)} is listed twice")
        votes[position] = counts
    if not votes:
        raise DataError(f"{path} names no image of {source.items[0].root}; expected file names, or relative paths")
    items = [replace(item, votes=votes[i]) if any(votes.get(i, ())) else item for i, item in enumerate(source.items)]
    voted = sum(bool(item.votes) for item in items)
    note = f"votes for {voted:,} of {len(items):,} images; {unmatched:,} rows of {path.name} match no image"
    return replace(source, items=items, vote_columns=columns, notes=[*source.notes, note])


def _read_header(source: RawDataSet, path: Path, header: Sequence[str]) -> tuple[str, ...]:
    """Translate the header of a vote file: the answers in all columns after the first."""
    if not header or header[0].casefold() not in ("name", "path"):
        raise DataError(f"{path}: expected a column name or path, and one for each class, got {listed(header)}")
    if len(header) > MAX_COLUMNS:
        raise DataError(f"{path}: {len(header):,} columns are more than the maximum of {MAX_COLUMNS}")
    classes = {name: name for name in source.class_names}
    answers = [(column, meant_answer(column, classes)) for column in header[1:]]
    unknown = [column for column, answer in answers if answer is None]
    if unknown:
        raise DataError(
            f"{path}: unknown columns {listed(unknown)}; use the data set's classes "
            f"({listed(source.class_names)}), other expressions, unknown or no_face"
        )
    columns = tuple(answer for _column, answer in answers if answer is not None)
    if len(set(columns)) < len(columns) or len(set(columns).intersection(source.class_names)) < 2:
        raise DataError(f"{path}: expected one column for each of two or more classes, got {listed(columns)}")
    return columns


def _positions(keys: Iterable[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for position, key in enumerate(keys):
        found[key] = _AMBIGUOUS if key in found else position
    return found
