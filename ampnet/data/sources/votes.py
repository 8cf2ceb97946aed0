"""What several people said about each image: columns of votes, the label that follows, and files beside a set."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from ampnet.data.sources.fer2013 import attach_ferplus_votes
from ampnet.data.sources.source import Source
from ampnet.data.sources.tables import rows_of
from ampnet.errors import DataError
from ampnet.labels import answer_of

VOTES_PREFIX = "votes_"
"""May begin the name of a column of votes; must, where the class is none of the known expressions."""

_SEVERAL = -1


def attach_votes(source: Source, path: Path) -> Source:
    """Give the images of a set the votes of a file; classes and labels stay.

    Args:
        source: a set without votes.
        path: FER+'s fer2013new.csv for FER-2013; for any set a csv with the column ``name`` or ``path`` and one
            for each answer. A path is relative to the raw folder; a name must be that of one image only.

    Returns:
        The set, with a note that counts the images and the rows left without a partner.

    Raises:
        DataError: the set has votes already, or the file does not fit it.
    """
    if source.vote_columns:
        raise DataError(
            f"the layout {source.layout} has votes of its own; leave --votes out, or name the set with --layout"
        )
    header = next((cells for _number, cells in rows_of(path)), [])
    if header[:2] == ["Usage", "Image name"]:
        if source.layout != "fer2013":
            raise DataError(f"{path} is FER+'s file, but the set is {source.layout}; name it with --layout fer2013")
        return attach_ferplus_votes(source, path)
    return _attach_by_name(source, path, header)


def plurality(votes: Mapping[str, float], class_names: Iterable[str]) -> str | None:
    """Find the class with most votes, the first in class order where several have as many.

    Args:
        votes: by answer.
        class_names: in label order.

    Returns:
        None where nobody voted for a class, or an answer that is no class has more votes than any class.
    """
    names = list(class_names)
    best = max(names, key=lambda name: votes.get(name, 0.0))
    others = max((count for answer, count in votes.items() if answer not in names), default=0.0)
    return best if votes.get(best, 0.0) > 0 and votes[best] >= others else None


def meant_answer(column: str, classes: Mapping[str, str]) -> str | None:
    """Translate the name of a column of votes.

    Args:
        column: as the file spells it, with or without :data:`VOTES_PREFIX`.
        classes: how a set spells its classes -> class.

    Returns:
        A class of the set, another expression, ``unknown`` or ``no_face``; None where it is none of these.
    """
    text = column.strip().casefold().removeprefix(VOTES_PREFIX)
    spelled = {spelling.casefold(): name for spelling, name in classes.items()}
    return spelled.get(text) or answer_of(text)


def read_counts(cells: Sequence[str], where: str) -> tuple[float, ...]:
    """Read the votes of a row; a blank cell is 0.

    Raises:
        DataError: a cell is no number from 0 up.
    """
    try:
        votes = tuple(float(cell or 0) for cell in cells)
    except ValueError:
        votes = (-1.0,)
    if not all(math.isfinite(vote) and vote >= 0 for vote in votes):
        raise DataError(f"{where}: votes must be numbers from 0 up, got {', '.join(cells)}")
    return votes


def _attach_by_name(source: Source, path: Path, header: Sequence[str]) -> Source:
    columns = _read_header(source, path, header)
    by_path = _positions(item.relative for item in source.items)
    by_name = _positions(PurePosixPath(item.relative).name for item in source.items)
    votes: dict[int, tuple[float, ...]] = {}
    strangers = 0
    for number, cells in rows_of(path):
        if cells == header:
            continue
        where = f"{path}, line {number}"
        if len(cells) != len(header):
            raise DataError(f"{where}: expected {len(header)} cells, got {len(cells)}")
        position = by_path.get(cells[0], by_name.get(cells[0]))
        if position is None:
            strangers += 1
            continue
        if position == _SEVERAL:
            raise DataError(f"{where}: {cells[0]} names several images; give their paths in {source.items[0].root}")
        if position in votes:
            raise DataError(f"{where}: {cells[0]} is listed twice")
        votes[position] = read_counts(cells[1:], where)
    if not votes:
        raise DataError(f"{path} names no image of {source.items[0].root}; expected file names, or paths in it")
    items = [replace(item, votes=votes[i]) if any(votes.get(i, ())) else item for i, item in enumerate(source.items)]
    voted = sum(bool(item.votes) for item in items)
    note = f"votes for {voted:,} of {len(items):,} images; {strangers:,} rows of {path.name} name no image of the set"
    return replace(source, items=items, vote_columns=columns, notes=[*source.notes, note])


def _read_header(source: Source, path: Path, header: Sequence[str]) -> tuple[str, ...]:
    """Give the answers of the file's columns, the first of which names the image."""
    if not header or header[0].casefold() not in ("name", "path"):
        raise DataError(f"{path}: expected the column name or path and one for each class, got {', '.join(header)}")
    classes = {name: name for name in source.class_names}
    answers = [(column, meant_answer(column, classes)) for column in header[1:]]
    strange = [column for column, answer in answers if answer is None]
    if strange:
        raise DataError(
            f"{path}: {', '.join(strange)} is no class of the set ({', '.join(source.class_names)}), "
            "no other expression, and neither unknown nor no_face"
        )
    columns = tuple(answer for _column, answer in answers if answer is not None)
    if len(set(columns)) < len(columns) or len(set(columns).intersection(source.class_names)) < 2:
        raise DataError(f"{path}: expected one column for each of two or more classes, got {', '.join(columns)}")
    return columns


def _positions(keys: Iterable[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for position, key in enumerate(keys):
        found[key] = _SEVERAL if key in found else position
    return found
