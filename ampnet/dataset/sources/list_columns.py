"""Lists of images: which columns mean what, votes included, and which images their paths mean."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from ampnet.dataset.index.label_votes import MOST_VOTES
from ampnet.dataset.sources.folder_levels import JUNK
from ampnet.dataset.sources.split_names import split_of_name
from ampnet.errors import DataError
from ampnet.files.documents import listed, number_of, short
from ampnet.files.listing import list_folder
from ampnet.files.opening import is_file
from ampnet.files.tables import Table, decoded_cell, find_column, open_table, plain_name
from ampnet.media.heif import EXTENSIONS as HEIF
from ampnet.reading.image_files import EXTENSIONS, readable_images
from ampnet.settings.labels import LABELS, MAX_CLASSES, PATHS, SPLITS, SUBJECTS, answer_of

VOTES_PREFIX = "votes_"
"""Prefix of vote columns; optional for known expressions, required for other classes."""

MAX_COLUMNS = MAX_CLASSES + 10

PICTURES = EXTENSIONS | HEIF
"""Extensions that a list may leave out, or give another one of."""

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
    labels = [column for column in find_column(header, LABELS) if plain_name(column) not in box]  # "y" may be either
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


_DRIVE = re.compile(r"^[A-Za-z]:")

Parts = tuple[str, ...]


class ImageBook:
    r"""The images below a folder, found by the paths in a list, which may come from another computer.

    A path that leads to a file is taken as it is. Others are compared by their last parts: ``C:\data\img\a.jpg`` and
    ``/home/me/img/a`` are ``img/a.jpg`` if there is only one such image.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._by_end: dict[Parts, list[tuple[Parts, str]]] | None = None
        self.repeated: dict[str, int] = {}
        """Paths that match several images, and how many."""

    def find(self, text: str, split: str = "", label: str = "") -> str | None:
        """Find an image.

        Args:
            split: its split, which distinguishes images whose names and last folders are the same.
            label: its label, likewise.

        Returns:
            The path relative to the folder, with ``/``; None if there is no such image, or more than one.
        """
        if is_file(self.root / text):
            path = Path(text)
            inside = path.is_absolute() and path.is_relative_to(self.root.absolute())
            return (path.relative_to(self.root.absolute()) if inside else path).as_posix()
        wanted = parts_of_cell(text)
        if not wanted:
            return None
        found = self._named(wanted[-2:]) or self._named(wanted[-1:])  # of videos, all may have a 00001.jpg
        if len(found) > 1:
            found = _best(found, wanted, split, label)
        if len(found) > 1:
            self.repeated.setdefault(text, len(found))
        return found[0][1] if len(found) == 1 else None

    def _named(self, wanted: Parts) -> list[tuple[Parts, str]]:
        """Return the images of a name, or of a name in a folder."""
        *folder, name = wanted
        found = [*self._listed().get((*folder, _stem(name)), []), *self._listed().get((*folder, name), [])]
        return [(parts, relative) for parts, relative in dict.fromkeys(found) if _same_name(parts[-1], name)]

    def _listed(self) -> dict[Parts, list[tuple[Parts, str]]]:
        """Return the images by the stem, and by the last folder and the stem."""
        if self._by_end is None:
            self._by_end = {}
            for path in list_folder(self.root, readable_images()).files:
                relative = path.relative_to(self.root)
                if JUNK.isdisjoint(relative.parts):
                    parts = compared_parts(relative.as_posix())
                    for end in {parts[-2:-1], ()}:
                        self._by_end.setdefault((*end, _stem(parts[-1])), []).append((parts, relative.as_posix()))
        return self._by_end


def _best(found: Sequence[tuple[Parts, str]], wanted: Parts, split: str, label: str) -> list[tuple[Parts, str]]:
    """Keep those that share most of the last folders, then those in folders of split and label, then of that name."""

    def shared(parts: Parts) -> int:
        same = 0
        for one, other in zip(reversed(parts[:-1]), reversed(wanted[:-1]), strict=False):
            if one != other:
                break
            same += 1
        return same

    most = max(shared(parts) for parts, _relative in found)
    kept = [(parts, relative) for parts, relative in found if shared(parts) == most]
    if len(kept) > 1:
        kept = _matching(
            kept,
            [bool(split) and any(split_of_name(part) == split for part in parts[:-1]) for parts, _relative in kept],
        )
    if len(kept) > 1:
        kept = _matching(kept, [label.casefold() in parts[:-1] for parts, _relative in kept])
    return _matching(kept, [parts[-1] == wanted[-1] for parts, _relative in kept])


def _matching(found: list[tuple[Parts, str]], matches: Sequence[bool]) -> list[tuple[Parts, str]]:
    """Keep those that match; all of them if none does."""
    return [one for one, matching in zip(found, matches, strict=True) if matching] or found


def parts_of_cell(cell: str) -> Parts:
    """Return the parts of a path that a list gives, from whatever computer, as :func:`compared_parts`."""
    return compared_parts(_DRIVE.sub("", unquote(decoded_cell(cell)).replace("\\", "/")))


def compared_parts(path: str) -> Parts:
    """Return the parts of a path as they are compared: composed, case folded, without dots."""
    text = unicodedata.normalize("NFC", path).casefold()
    return tuple(part for part in PurePosixPath(text).parts if part not in ("/", ".", ".."))


def _stem(name: str) -> str:
    stem, dot, extension = name.rpartition(".")
    return stem if dot and f".{extension}" in PICTURES else name


def _same_name(name: str, wanted: str) -> bool:
    return name == wanted or _stem(name) == wanted or (_stem(wanted) != wanted and _stem(name) == _stem(wanted))
