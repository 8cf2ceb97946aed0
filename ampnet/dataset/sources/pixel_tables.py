"""Tables whose rows hold the pixels of a face: FER-2013's CSV, and similar files under any name."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ampnet.dataset.index.raw_images import RawDataSet, SourceImage
from ampnet.dataset.sources.class_names import KEEP, classes_of
from ampnet.dataset.sources.list_columns import label_of
from ampnet.dataset.sources.source_files import list_tables, split_of_tables
from ampnet.dataset.sources.split_names import split_of_name
from ampnet.errors import DataError, ImageError
from ampnet.files.documents import MAX_LINE, csv_rows, listed, quoted
from ampnet.files.opening import open_regular
from ampnet.files.printable import counted, printable
from ampnet.files.tables import Table, find_column, open_table
from ampnet.media.decoding import Decoded
from ampnet.reading.contents import Content
from ampnet.settings import Split
from ampnet.settings.labels import EXPRESSIONS, EXPRESSIONS_8, FER2013_CODES, LABELS, SPLITS

PIXELS = ("pixels", "pixel", "image_pixels", "pixel_values")
CODES = {**FER2013_CODES, "7": "contempt"}
"""FER-2013's codes, and CK+'s in the same form."""

MIN_SIDE, MAX_SIDE = 8, 512
MAX_TABLE_BYTES = 1 << 36

_SIGNED = re.compile(r"-\s*\d|[A-Za-z]")
"""A value that no pixel has."""

_NUMBERS = re.compile(r"\d{1,9}(?:\.\d{1,9})?")
_NUMBER = re.compile(r"[-+]?[\d.]+|nan", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class TableImage(SourceImage):
    """A face whose pixels are in a row of a table."""

    row: int = 0
    """Number of the image in the file, from 0."""
    offset: int = -1
    """Offset of its line in the file, in bytes; -1 if ``pixels`` holds them."""
    separator: str = ","
    before: int = 0
    """Cells of the line before the pixels ..."""
    after: int = 0
    """... and after them."""
    pixels: bytes = b""
    """The pixels of a file that cannot be read from the middle."""

    @property
    def stem(self) -> str:
        """Name by the row; FER+'s own numbers differ (:func:`ampnet.dataset.index.face_names.row_of_number`)."""
        return f"fer{self.row:07d}"

    def content(self) -> Content:
        """See :meth:`SourceImage.content`."""
        return self

    def decode(self, enough_side: int | None) -> Decoded:  # noqa: ARG002 (so few pixels need no reduction)
        """Parse the pixels of the row.

        Raises:
            ImageError: they are not those of a square picture, grey or RGB, from 0 to 255.
        """
        values = np.frombuffer(self.pixels, np.uint8).copy() if self.offset < 0 else _numbers(self._text())
        shape = shape_of(len(values))
        if shape is None:
            raise ImageError(f"image {self.row} is not a square of pixels from 0 to 255")
        image = values.reshape(shape)
        rgb = image if image.shape[2] == 3 else np.repeat(image, 3, axis=2)
        return Decoded(np.ascontiguousarray(rgb), (shape[0], shape[1]))

    def _text(self) -> str:
        try:
            with open_regular(self.path, MAX_TABLE_BYTES) as file:
                file.seek(self.offset)
                line = file.readline(MAX_LINE)
        except (DataError, OSError) as error:
            raise ImageError(printable(error)) from error
        cells = line.decode("utf-8", "replace").strip("\r\n").split(self.separator)
        return " ".join(cells[self.before : len(cells) - self.after])


@dataclass(frozen=True)
class PixelColumns:
    """The columns of such a table: of label and split, if it has them, and of the pixels, one or many."""

    label: int
    """-1 without labels."""
    split: int
    """-1 without splits."""
    first: int
    last: int
    """Places of the pixels, both included."""


def find_pixel_tables(root: Path) -> list[Path]:
    """Find the tables with pixels in a folder, or ``root`` itself if it is one."""
    return [path for path in list_tables(root) if _columns_of(path) is not None]


def read_pixel_tables(root: Path, layout: str, classes: str | None = None, only: Path | None = None) -> RawDataSet:
    """List the faces of tables with pixels. Several tables are the splits that their names say.

    Args:
        root: the raw folder, or a table.
        classes: see :func:`ampnet.dataset.sources.class_names.classes_of`.
        only: the table to read; None for all in the folder.

    Labels from 0 to 7 are FER-2013's codes, with contempt; any others, 1 to 7 too, are names of classes.

    Raises:
        DataError: there is no such table, or none with labels; or several, which are not one for each split.
    """
    paths = find_pixel_tables(root) if only is None else [only]
    if not paths:
        raise DataError(f"{root} holds no CSV with the columns emotion and pixels")
    labelled = [path for path in paths if _require_columns(path).label >= 0]
    if not labelled:
        raise DataError(
            f"{listed(path.name for path in paths)} in {root}: pixels without labels; add a column emotion, or give "
            "the images to `ampnet predict`"
        )
    own = split_of_tables(labelled, root, "tables of pixels")
    notes = [f"left out {path.name}: it has no labels" for path in paths if path not in labelled]
    items: list[SourceImage] = []
    for path in labelled:
        found, more = read_rows(root, path, own[path])
        items += found
        notes += more
    odd = next((item for item in items if item.class_name not in CODES), None)
    if odd is not None and classes is None and (only is not None or _NUMBER.fullmatch(odd.class_name)):
        where = f"{odd.path}, image {odd.row if isinstance(odd, TableImage) else 0}"
        raise DataError(f"{where}: expected an emotion from 0 to 7, got {quoted(odd.class_name)}")
    labels = {item.class_name for item in items}
    is_other = "7" in labels and "0" not in labels  # counted from 1
    codes = CODES if labels <= set(CODES) and classes in (None, KEEP) and not is_other else None
    if codes:
        names = EXPRESSIONS_8 if "7" in labels else EXPRESSIONS
        if only is None or "7" in labels:
            notes.append("labels are FER-2013's codes: " + ", ".join(f"{c} {codes[c]}" for c in sorted(labels)))
        items = [replace(item, class_name=codes[item.class_name]) for item in items]
        return RawDataSet(layout, names, items, notes)
    folder = root if root.is_dir() else root.parent
    chosen = classes_of(labels, folder, f"the labels of {listed(p.name for p in labelled)}", choice=classes)
    items, changes = chosen.apply(items)
    return RawDataSet(layout, chosen.names, items, [*notes, *changes])


def read_rows(root: Path, path: Path, own_split: Split | None = None) -> tuple[list[SourceImage], list[str]]:
    """List the faces of one table, with labels as spelled; rows without pixels or with another split are left out.

    Args:
        own_split: split of rows that have none.

    Returns:
        The faces, and notes.

    Raises:
        DataError: no row can be used, or only some rows have a split.
    """
    table, columns = open_table(path), _require_columns(path)
    base = path.parent if root == path else root
    relative = path.relative_to(base).as_posix()
    items: list[SourceImage] = []
    wrong, first_wrong, number = 0, "", -1
    rows = _seekable_rows(path, table) if _is_seekable(path) else _packed_rows(path, table)
    for number, (line, offset, cells) in enumerate(rows):
        read = _read_row(cells, columns, table.width, own_split)
        if isinstance(read, str):
            wrong, first_wrong = wrong + 1, first_wrong or f"line {line}: {read}"
            continue
        label, split, pixels = read
        image = TableImage(
            base,
            relative,
            split,
            label,
            row=number,
            offset=offset,
            separator=table.separator,
            before=columns.first,
            after=table.width - 1 - columns.last,
            pixels=b"" if offset >= 0 else _numbers(pixels).tobytes(),
        )
        items.append(image)
    if not items:
        raise DataError(f"{path}: no row has an emotion, pixels and a known usage ({number + 1:,} rows, {first_wrong})")
    if len({bool(item.split) for item in items}) > 1:
        raise DataError(f"{path}: some rows have a usage and some do not; fill in all or none")
    rows_wrong = f"{counted(wrong, 'row')} of {path.name}"
    note = f"left out {rows_wrong} without an emotion, pixels or a known usage, first {first_wrong}"
    return items, [note] if wrong else []


def shape_of(count: int) -> tuple[int, int, int] | None:
    """Return height, width and channels of a square picture with so many values; None if there is none."""
    for channels in (1, 3):
        side = math.isqrt(count // channels)
        if side * side * channels == count and MIN_SIDE <= side <= MAX_SIDE:
            return side, side, channels
    return None


def _columns_of(path: Path) -> PixelColumns | None:
    """Find the columns of a table with pixels; None for any other file."""
    try:
        header = open_table(path)
    except DataError:
        return None
    names = list(header.header)
    label, split = find_column(names, LABELS), find_column(names, SPLITS)
    pixels = [names.index(name) for name in find_column(names, PIXELS)]
    if not pixels:  # a column for each pixel
        pixels = [place for place, name in enumerate(names) if re.fullmatch(r"(pixel|pix|px|p)?[ _]?\d+", name.lower())]
        if len(pixels) < MIN_SIDE**2 or pixels != list(range(pixels[0], pixels[0] + len(pixels))):
            return None
    places = header.columns
    return PixelColumns(
        places[names.index(label[0])] if label else -1,
        places[names.index(split[0])] if split else -1,
        places[pixels[0]],
        places[pixels[-1]],
    )


def _require_columns(path: Path) -> PixelColumns:
    columns = _columns_of(path)
    if columns is None:
        raise DataError(f"{path}: expected the columns emotion and pixels, got {listed(open_table(path).header)}")
    return columns


def _read_row(
    cells: list[str], columns: PixelColumns, width: int, own_split: Split | None
) -> tuple[str, str, str] | str:
    """Return label, split and pixels of a row; the reason if it cannot be used."""
    more = len(cells) - width  # pixels that are separated like cells
    if more < 0 or (more and columns.first != columns.last) or 0 < more < MIN_SIDE**2 - 1:
        return f"{len(cells)} cells"

    def cell(place: int) -> str:
        return cells[place + (more if place > columns.last else 0)].strip()

    pixels = " ".join(cells[columns.first : columns.last + 1 + more])
    label = "" if columns.label < 0 else label_of(cell(columns.label))
    if not label:
        return "no emotion"
    usage = "" if columns.split < 0 else cell(columns.split)
    split = split_of_name(usage) if usage else own_split or ""
    return f"usage {quoted(usage)}" if split is None else (label, split, pixels)


def _is_seekable(path: Path) -> bool:
    """Return whether lines of the file can be read from the middle: it is neither packed nor UTF-16."""
    with open_regular(path, MAX_TABLE_BYTES) as file:
        start = file.read(1 << 16)
        return not start.startswith((b"\x1f\x8b", b"\xff\xfe", b"\xfe\xff")) and not (
            b"\r" in start and b"\n" not in start
        )


def _seekable_rows(path: Path, table: Table) -> Iterator[tuple[int, int, list[str]]]:
    """Yield line, offset and cells of each row behind the header."""
    separator = table.separator.encode()
    with open_regular(path, MAX_TABLE_BYTES) as file:
        number, offset = 0, 0
        while line := file.readline(MAX_LINE):
            number += 1
            text = line.strip(b"\r\n")
            if number > table.first and text.strip(separator + b" \t"):
                yield number, offset, [cell.strip(b' "').decode("utf-8", "replace") for cell in text.split(separator)]
            offset += len(line)


def _packed_rows(path: Path, table: Table) -> Iterator[tuple[int, int, list[str]]]:
    """Yield line, -1 and cells of each row behind the header."""
    for number, cells in csv_rows(path, "surrogateescape", delimiter=table.separator):
        if number > table.first and any(cell.strip() for cell in cells):
            yield number, -1, cells


def _numbers(text: str) -> NDArray[np.uint8]:
    """Return the pixels in a text; none if one is not a whole number from 0 to 255."""
    if _SIGNED.search(text):
        return np.empty(0, dtype=np.uint8)
    values = [float(number) for number in _NUMBERS.findall(text)]
    whole = np.array(values, dtype=np.float64)
    are_pixels = bool((whole == np.floor(whole)).all()) and whole.max(initial=0) <= 255
    return whole.astype(np.uint8) if are_pixels else np.empty(0, dtype=np.uint8)
