"""Read untrusted documents (JSON, label lists, CSV) within bounds: every failure is one line."""

import codecs
import csv
import gzip
import io
import json
import math
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from ampnet.errors import DataError
from ampnet.files.opening import MAX_BYTES, open_regular, read_text
from ampnet.files.printable import printable, reason_of

MAX_JSON = 4 << 20
"""Default limit for a JSON file, in bytes; as Python objects it takes up to 30 times as much memory."""

MAX_LINE = 1 << 20
"""Limit for a line of a list, in characters."""

QUOTED = 80
"""Maximum length of a quotation in a message, in characters."""

_SNIFFED = 1 << 12
_GZIP = b"\x1f\x8b"

T = TypeVar("T")
Undecodable = Literal["strict", "surrogateescape"]


def read_json(path: Path, schema: type[T], cure: str, limit: int = MAX_JSON) -> T:
    """Read a JSON file that must have a schema.

    Args:
        path: the file, UTF-8, with or without a byte order mark.
        schema: anything that msgspec converts to: plain types, dataclasses, structs, with bounds (``msgspec.Meta``).
            Numbers of text and text of numbers are refused, unknown keys of an object are ignored.
        cure: what to do if it cannot be used, for the message.
        limit: maximum size in bytes.

    Raises:
        DataError: it cannot be read, or has another schema.
    """
    try:
        # Not msgspec's own decoder: it refuses the lone surrogates by which Python writes a file name's odd bytes.
        return msgspec.convert(json.loads(read_text(path, limit)), schema)
    except DataError as error:
        raise DataError(f"cannot read {printable(path)}: {error}; {cure}") from error
    except msgspec.ValidationError as error:
        raise DataError(f"cannot use {printable(path)}: {printable(error)}; {cure}") from error
    except RecursionError as error:
        raise DataError(f"cannot read {printable(path)}: it is nested too deeply; {cure}") from error
    except ValueError as error:  # no JSON, or a number of more digits than Python converts
        reason = f"line {error.lineno}: {error.msg}" if isinstance(error, json.JSONDecodeError) else "too many digits"
        raise DataError(f"cannot read {printable(path)}: it is not JSON ({reason}); {cure}") from error


def text_lines(
    path: Path, undecodable: Undecodable = "strict", newline: str | None = None, cure: str = ""
) -> Iterator[str]:
    """Yield the lines of a text file with their ends, holding one line in memory.

    Args:
        path: the file: UTF-8, with or without a byte order mark, or UTF-16; it may be packed by gzip.
        undecodable: what to do with bytes that are not UTF-8: ``surrogateescape`` keeps those of file names.
        newline: as for :func:`open`.

    Raises:
        DataError: the file cannot be read, is not such text, or has a line of :data:`MAX_LINE` characters.
    """
    number = 0
    try:
        with open_regular(path, MAX_BYTES) as file:
            is_packed = file.read(2) == _GZIP
            file.seek(0)
            content: Any = gzip.GzipFile(fileobj=file) if is_packed else file
            start = content.read(_SNIFFED)
            encoding = _encoding_of(start)
            if b"\0" in start and encoding == "utf-8-sig":
                raise DataError("it is not UTF-8 text")
            content.seek(0)
            text = io.TextIOWrapper(content, encoding, undecodable, newline)
            while line := text.readline(MAX_LINE):
                if len(line) == MAX_LINE:
                    raise DataError(f"line {number + 1} has more than {MAX_LINE:,} characters")
                number += 1
                yield line
    except (DataError, OSError, UnicodeDecodeError, EOFError, zlib.error) as error:
        reason = reason_of(error)
        if isinstance(error, UnicodeDecodeError):
            reason = f"it is not UTF-8 text (after line {number})"
        elif isinstance(error, EOFError | zlib.error):
            reason = "its packed content is damaged"
        raise DataError(f"cannot read {printable(path)}: {reason}{cure and f'; {cure}'}") from error


def _encoding_of(start: bytes) -> str:
    """Tell UTF-16, with a byte order mark or without one in Latin letters, from UTF-8 by a file's first bytes."""
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    even, odd = start[::2], start[1::2]
    if len(start) >= 8 and not even.count(0) and odd.count(0) > 0.9 * len(odd):
        return "utf-16-le"
    if len(start) >= 8 and not odd.count(0) and even.count(0) > 0.9 * len(even):
        return "utf-16-be"
    return "utf-8-sig"


def csv_rows(
    path: Path, undecodable: Undecodable = "strict", cure: str = "", delimiter: str = ","
) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a csv file with the number of their last line; empty lines have no cells.

    Raises:
        DataError: see :func:`text_lines`; or it is not csv, or a cell has more than 131,072 characters.
    """
    reader = csv.reader(text_lines(path, undecodable, "", cure), delimiter=delimiter)
    try:
        for cells in reader:
            yield reader.line_num, cells
    except csv.Error as error:
        where = f"{printable(path)}, line {reader.line_num}"
        raise DataError(f"cannot read {where}: {error}{cure and f'; {cure}'}") from error


def csv_table(
    path: Path,
    columns: Sequence[str],
    optional: Collection[str] = (),
    undecodable: Undecodable = "strict",
    cure: str = "",
    delimiter: str = ",",
) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield the rows of a csv file with a header as cells of known columns, with the number of their line.

    Args:
        path: the file; further columns in it are ignored.
        columns: two or more columns, in the order of the cells.
        optional: those of ``columns`` that the file may lack; their cells are empty then.
        undecodable: see :func:`text_lines`.

    Raises:
        DataError: see :func:`csv_rows`; or a column is missing, or a row has more or fewer cells than the header.
    """
    rows = csv_rows(path, undecodable, cure, delimiter)
    _number, header = next(rows, (0, []))
    if missing := [column for column in columns if column not in (*header, *optional)]:
        raise DataError(f"{printable(path)} lacks the column {missing[0]}{cure and f'; {cure}'}")
    pick = itemgetter(*(header.index(column) if column in header else len(header) for column in columns))
    for number, cells in rows:
        if len(cells) == len(header):
            cells.append("")  # for the columns that the file lacks
            yield number, pick(cells)
        elif cells:
            where = f"{printable(path)}, line {number}"
            raise DataError(f"{where}: expected {len(header)} cells, got {len(cells)}{cure and f'; {cure}'}")


def number_of(text: str, least: float, most: float) -> float:
    """Parse a number within bounds.

    Raises:
        ValueError: it is not a number, not finite, or outside the bounds.
    """
    value = float(text)
    if not least <= value <= most:  # NaN is not within any bounds
        raise ValueError(f"expected a number from {least:g} to {most:g}, got {short(text)}")
    return value


def are_finite(values: Any) -> bool:
    """Return whether all of a few numbers, and their sum, are finite."""
    return math.isfinite(sum(values))


def short(text: object) -> str:
    """Quote a piece of a document in a message, escaped and cut to :data:`QUOTED` characters."""
    return printable(text, QUOTED)


def quoted(text: object) -> str:
    """Show a piece of a document in single quotes; see :func:`short`."""
    return f"'{short(text)}'"


def listed(texts: Iterable[str]) -> str:
    """Show pieces of a document, separated by commas; see :func:`short`."""
    return short(", ".join(texts))
