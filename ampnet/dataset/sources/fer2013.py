"""FER-2013 as a csv file or folders, and FER+, which relabels the same images."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ampnet.dataset.index.ferplus_numbers import row_of_number
from ampnet.dataset.index.raw_images import Picture, Source, SourceImage
from ampnet.dataset.sources.folders import read_folders, subfolders
from ampnet.dataset.sources.published_counts import compare_class_counts, compare_counts
from ampnet.dataset.sources.tables import find_file, rows_of
from ampnet.errors import DataError, ImageError
from ampnet.files.documents import quoted, short
from ampnet.files.opening import open_regular
from ampnet.files.printable import printable
from ampnet.settings.labels import EXPRESSIONS, EXPRESSIONS_8, FER2013_CODES, FERPLUS_ANSWERS, FERPLUS_COLUMNS

LICENCE = "FER-2013: images collected from the web for the ICML 2013 challenge; for research only"
LICENCE_FERPLUS = f"{LICENCE}; FER+ labels: MIT licence (Microsoft's FERPlus repository)"

CSV_FILES = ("fer2013.csv", "fer2013/fer2013.csv", "icml_face_data.csv")
USAGES = {"Training": "train", "PublicTest": "val", "PrivateTest": "test"}
PUBLISHED = {"train": 28_709, "val": 3_589, "test": 3_589}
PUBLISHED_CLASSES = {
    split: dict(zip(EXPRESSIONS, counts, strict=True))
    for split, counts in {
        "train": (3_171, 4_097, 436, 7_215, 4_830, 3_995, 4_965),
        "val": (415, 496, 56, 895, 653, 467, 607),
        "test": (416, 528, 55, 879, 594, 491, 626),
    }.items()
}
SIDE = 48
MAX_ROW_BYTES = 1 << 16
"""Limit for a row; 48 x 48 numbers of three digits take 9 KB."""
MAX_TABLE_BYTES = 1 << 36

FERPLUS_FILES = ("fer2013new.csv", "fer2013/fer2013new.csv")
MAX_DIGITS = 6
"""Limit for a number of votes; ten people voted on each image."""
FERPLUS_FOLDERS = {"train": "FER2013Train", "val": "FER2013Valid", "test": "FER2013Test"}

ROW_NAME = re.compile(r"(row|fer)_?(\d+)", re.IGNORECASE)
"""Image names with their row of fer2013.csv, counted from 0 (row00042.png), or with FER+'s number (fer0000042.png),
which leaves some rows out."""


@dataclass(frozen=True, slots=True)
class TableImage(SourceImage):
    """A face whose pixels are in a row of a csv file."""

    row: int = 0
    """Number of the image in the file, from 0; FER+ names it by this."""
    offset: int = 0
    """Offset of its line in the file, in bytes."""

    @property
    def stem(self) -> str:
        """Name of the image in FER+."""
        return f"fer{self.row:07d}"

    def read(self, longest_side: int | None = None) -> Picture:  # noqa: ARG002 (48 pixels need no reduction)
        """Parse the pixels of the row.

        Raises:
            ImageError: they are not 48 x 48 numbers from 0 to 255.
        """
        try:
            with open_regular(self.path, MAX_TABLE_BYTES) as file:
                file.seek(self.offset)
                line = file.readline(MAX_ROW_BYTES)
        except (DataError, OSError) as error:
            raise ImageError(f"cannot read {printable(self.path)}: {printable(error)}") from error
        longest = max(line.split(b","), key=len).strip(b' "\r\n')
        try:
            values = np.array(longest.split(), dtype=np.int64)
        except (ValueError, OverflowError):
            values = np.empty(0, dtype=np.int64)
        if values.size != SIDE * SIDE or values.min() < 0 or values.max() > 255:
            raise ImageError(
                f"cannot read {printable(self.path)}: image {self.row} is not {SIDE} x {SIDE} pixels from 0 to 255"
            )
        grey = values.astype(np.uint8).reshape(SIDE, SIDE, 1)
        return Picture(np.repeat(grey, 3, axis=2), (SIDE, SIDE), (0, 0), (SIDE, SIDE))


def is_fer2013(root: Path) -> bool:
    """Return whether the folder holds the csv file, or the three folders named after its usages."""
    return find_file(root, CSV_FILES) is not None or (
        root.is_dir() and set(USAGES) <= {folder.name for folder in subfolders(root)}
    )


def read_fer2013(root: Path, layout: str) -> Source:
    """List FER-2013: Training is train, PublicTest is val, PrivateTest is test.

    Raises:
        DataError: the header, or the emotion or usage of a row, is not FER-2013's.
    """
    path = find_file(root, CSV_FILES)
    if path is None:
        folders = read_folders(root, layout, FER2013_CODES)
        return replace(folders, licence=LICENCE, notes=[*folders.notes, *_other_counts(folders.items)])
    items: list[SourceImage] = []
    for item, code in _rows(root, path):
        class_name = FER2013_CODES.get(code)
        if class_name is None:
            raise DataError(f"{path}, image {item.row}: expected an emotion from 0 to 6, got {quoted(code)}")
        items.append(replace(item, class_name=class_name))
    if not items:
        raise DataError(f"{path} holds no images")
    return Source(layout, EXPRESSIONS, items, _other_counts(items), LICENCE)


def is_ferplus(root: Path) -> bool:
    """Return whether the folder holds FER+'s votes."""
    return find_file(root, FERPLUS_FILES) is not None


def read_ferplus(root: Path, layout: str) -> Source:
    """List FER+: labels from votes, for the images of fer2013.csv or of FER+'s png folders.

    ``ferplus`` applies the majority rule of the FER+ authors' code: single votes are dropped, and the class with the
    most votes must have more than half of the rest. ``ferplus-argmax`` takes the class with the most votes, the first
    in column order if there is a tie. Images whose top answer is unknown or no face are left out.

    Raises:
        DataError: fer2013new.csv or its images are missing, or a row is not in FER+'s format.
    """
    votes_file = find_file(root, FERPLUS_FILES)
    if votes_file is None:
        raise DataError(f"{root} holds no fer2013new.csv; place FER+'s file beside fer2013.csv")
    pixels_file = find_file(root, CSV_FILES)
    pixels = None if pixels_file is None else (item for item, _code in _rows(root, pixels_file))
    items: list[SourceImage] = []
    nameless = undecided = 0
    for split, name, votes in ferplus_rows(votes_file):
        pixel = None if pixels is None else next(pixels, None)
        if pixels is not None and pixel is None:
            raise DataError(
                f"{pixels_file} has fewer images than {votes_file} has rows; they must be the same data set"
            )
        class_name = (argmax_class if layout == "ferplus-argmax" else majority_class)(votes)
        if not name:
            nameless += 1
        elif class_name is None:
            undecided += 1
        else:
            image = pixel or SourceImage(root, f"{FERPLUS_FOLDERS[split]}/{name}", split, "")
            items.append(replace(image, split=split, class_name=class_name, votes=votes))
    if not items:
        raise DataError(f"{votes_file} holds no usable rows")
    rule = "most votes" if layout == "ferplus-argmax" else "majority after dropping single votes"
    left_out = f"left out: {nameless:,} rows without a name, {undecided:,} undecided, unknown or without a face"
    return Source(layout, EXPRESSIONS_8, items, [f"rule: {rule}; {left_out}"], LICENCE_FERPLUS, FERPLUS_ANSWERS)


def ferplus_rows(path: Path) -> Iterator[tuple[str, str, tuple[float, ...]]]:
    """Read fer2013new.csv.

    Yields:
        Split, name (empty if FER+ gives none) and votes for :data:`FERPLUS_ANSWERS`, in the order of fer2013.csv.

    Raises:
        DataError: a row is not in FER+'s format.
    """
    votes = len(FERPLUS_ANSWERS)
    for number, cells in rows_of(path):
        if cells[0] == "Usage":
            continue
        if len(cells) != 2 + votes or cells[0] not in USAGES or not all(map(_is_count, cells[2:])):
            raise DataError(
                f"{path}, line {number}: expected Usage, name and {votes} votes, got {quoted(','.join(cells))}"
            )
        yield USAGES[cells[0]], cells[1], tuple(float(cell) for cell in cells[2:])


def _is_count(cell: str) -> bool:
    return cell.isdecimal() and len(cell) <= MAX_DIGITS


def attach_ferplus_votes(source: Source, path: Path) -> Source:
    """Add FER+'s votes to FER-2013's images; classes and labels stay FER-2013's.

    Args:
        source: FER-2013 as a csv file, or as folders of images named after their row (:data:`ROW_NAME`).
        path: fer2013new.csv.

    Raises:
        DataError: the file belongs to another data set: rows are missing, a usage is not the image's split, or an
            image's name does not hold its row.
    """
    rows = list(ferplus_rows(path))
    if isinstance(source.items[0], TableImage) and len(rows) != len(source.items):
        raise DataError(
            f"{path} has {len(rows):,} rows for {len(source.items):,} images; they must be the same data set"
        )
    items: list[SourceImage] = []
    owners: dict[int, SourceImage] = {}
    for item in source.items:
        row, name = _row_number(item), short(item.relative)
        if row >= len(rows):
            raise DataError(f"{path} has {len(rows):,} rows, none for {name}; they must be the same data set")
        if owners.setdefault(row, item) is not item:
            raise DataError(f"{short(owners[row].relative)} and {name} both claim row {row} of {path}")
        split, _name, votes = rows[row]
        if split != item.split:
            raise DataError(
                f"{path} has row {row} in {split}, but {name} is in {item.split}; they must be the same data set"
            )
        items.append(replace(item, votes=votes if any(votes) else ()))
    return replace(source, items=items, vote_columns=FERPLUS_ANSWERS)


def _row_number(item: SourceImage) -> int:
    named = ROW_NAME.fullmatch(item.stem)
    if named is None:
        raise DataError(
            f"the name of {short(item.relative)} does not hold its row of fer2013.csv, as row00042.png does, "
            "so FER+'s votes cannot be matched; give --votes a csv of names and votes instead"
        )
    number = int(named[2])
    return number if named[1].lower() == "row" else row_of_number(number)


def majority_class(votes: Sequence[float]) -> str | None:
    """Label a row of FER+ by the FER+ authors' majority rule; None if it is undecided, unknown or no face."""
    kept = [count if count > 1 else 0 for count in votes]
    top = max(range(len(kept)), key=kept.__getitem__)
    return FERPLUS_COLUMNS[top] if 2 * kept[top] > sum(kept) and top < len(FERPLUS_COLUMNS) else None


def argmax_class(votes: Sequence[float]) -> str | None:
    """Label a row of FER+ by most votes; None if that is unknown or no face."""
    top = max(range(len(votes)), key=votes.__getitem__)
    return FERPLUS_COLUMNS[top] if votes[top] and top < len(FERPLUS_COLUMNS) else None


def _other_counts(items: list[SourceImage]) -> list[str]:
    return [*compare_counts(items, PUBLISHED), *compare_class_counts(items, PUBLISHED_CLASSES)]


def _rows(root: Path, path: Path) -> Iterator[tuple[TableImage, str]]:
    """Yield each image of the csv file with its emotion code, without loading the pixels."""
    relative, row = path.relative_to(root).as_posix(), 0
    try:
        with open_regular(path, MAX_TABLE_BYTES) as file:
            line = file.readline(MAX_ROW_BYTES)
            header = [cell.strip().lower() for cell in line.decode("utf-8-sig", "replace").split(",")]
            if sorted(header) != ["emotion", "pixels", "usage"]:
                raise DataError(f"expected the columns emotion, pixels, Usage, got {quoted(', '.join(header))}")
            emotion, usage = header.index("emotion"), header.index("usage")
            offset = file.tell()
            while line := file.readline(MAX_ROW_BYTES):
                if line.strip():
                    cells = [cell.strip(b' "\r\n').decode("ascii", "replace") for cell in line.split(b",")]
                    if len(cells) != len(header) or cells[usage] not in USAGES or len(line) == MAX_ROW_BYTES:
                        raise DataError(f"image {row}: expected emotion, pixels and a usage of {', '.join(USAGES)}")
                    yield TableImage(root, relative, USAGES[cells[usage]], "", row=row, offset=offset), cells[emotion]
                    row += 1
                offset += len(line)
    except (DataError, OSError) as error:
        raise DataError(f"{printable(path)}: {printable(error)}") from error
