"""Tables as written by spreadsheets, pandas and other programs, with any separator and encoding."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ampnet.errors import DataError
from ampnet.files.documents import csv_rows, text_lines
from ampnet.files.printable import printable

SEPARATORS = (",", ";", "\t", "|")

_SEPARATOR_LINE = re.compile(r"\ufeff?sep=(.)\s*", re.IGNORECASE)
"""First line in which a spreadsheet states its separator."""

_NAMELESS = re.compile(r"(unnamed: ?\d+)?", re.IGNORECASE)
"""Header of a column of row numbers, or of one after a trailing separator."""


@dataclass(frozen=True)
class Table:
    """A table with a header, not read yet."""

    path: Path
    header: tuple[str, ...]
    """Names of the columns, stripped, as spelled; columns without a name are left out."""
    separator: str
    columns: tuple[int, ...]
    """Place in a row of each of these columns."""
    width: int
    """Cells of the header; a row may lack those without a name."""
    first: int
    """Number of the header's last line: a name may hold line breaks."""
    shift: int = 0
    """Cells at the start of each row that have no column: R writes the rows' names so."""

    def rows(self, cure: str = "") -> Iterator[tuple[int, list[str]]]:
        """Yield the rows, each with its line's number: the cells of ``header``, stripped; blank rows are left out.

        Bytes that are not text become surrogates, as in file names; see :func:`decoded_cell`.

        Raises:
            DataError: the file cannot be read, or a row has more or fewer cells than the header.
        """
        for number, row in csv_rows(self.path, "surrogateescape", cure, self.separator):
            if number <= self.first:
                continue
            cells = [cell.strip() for cell in row[self.shift :]]
            if not any(cells):
                continue
            if len(cells) <= max(self.columns, default=0) or any(cells[self.width :]):
                where = f"{printable(self.path)}, line {number}"
                raise DataError(f"{where}: expected {self.width} cells, got {len(cells)}{cure and f'; {cure}'}")
            yield number, [cells[place] for place in self.columns]


def open_table(path: Path, cure: str = "") -> Table:
    """Find out how a table is written.

    It may be separated by commas, semicolons, tabs or bars, begin with ``sep=;`` or comments (``#``), and have a column
    of row numbers; see :func:`~ampnet.files.documents.text_lines` for encodings.

    Raises:
        DataError: it cannot be read, is empty, or JSON.
    """
    separator, first = "", 0
    for number, line in enumerate(text_lines(path, "surrogateescape", "", cure), start=1):
        if found := _SEPARATOR_LINE.fullmatch(line):
            separator = found[1]
        elif line.strip() and not line.lstrip().startswith("#"):
            if line.lstrip("\ufeff \t").startswith(("{", "[")):
                raise DataError(f"{printable(path)} is JSON, not a table{cure and f'; {cure}'}")
            first = number
            separator = separator or _separator_of(line)
            break
    rows = ((number, row) for number, row in csv_rows(path, "surrogateescape", cure, separator or ","))
    first, header = next(((number, row) for number, row in rows if number >= first and first), (0, None))
    if header is None:
        raise DataError(f"{printable(path)} is empty{cure and f'; {cure}'}")
    following = next((row for _number, row in rows if any(cell.strip() for cell in row)), [])
    names = [cell.strip() for cell in header]
    columns = tuple(place for place, name in enumerate(names) if not _NAMELESS.fullmatch(name))
    is_shifted = len(following) == len(names) + 1 and following[0].strip().isdecimal() and following[-1].strip()
    shift = int(bool(is_shifted) and len(columns) == len(names))
    return Table(path, tuple(names[place] for place in columns), separator or ",", columns, len(names), first, shift)


def plain_name(name: str) -> str:
    """Return the form in which names of columns are compared: letters and digits, in lower case, with underscores."""
    return re.sub(r"[\W_]+", "_", name.strip().casefold()).strip("_")


def find_column(header: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """Return the columns of a header that have one of some names, those named first in ``wanted`` first.

    Args:
        header: names as spelled.
        wanted: names as :func:`plain_name` gives them.
    """
    by_name: Mapping[str, list[str]] = {}
    for column in header:
        by_name.setdefault(plain_name(column), []).append(column)  # type: ignore[attr-defined]
    return [column for name in wanted for column in by_name.get(name, ())]


def decoded_cell(cell: str) -> str:
    """Read a cell whose bytes are not UTF-8 as Western European text, as spreadsheets write it."""
    if cell.isascii():
        return cell
    try:
        cell.encode()
    except UnicodeEncodeError:
        return cell.encode(errors="surrogateescape").decode("cp1252", "replace")
    return cell


def _separator_of(line: str) -> str:
    """Return the separator that a header has most of, outside of quotes."""
    bare = re.sub(r'"[^"]*"', "", line)
    counts = {separator: bare.count(separator) for separator in SEPARATORS}
    return max(counts, key=counts.__getitem__) if any(counts.values()) else ","
