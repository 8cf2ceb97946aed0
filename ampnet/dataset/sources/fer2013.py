"""FER-2013 as a csv file or folders, and FER+, which relabels the same images."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from ampnet.dataset.index.face_names import row_of_name
from ampnet.dataset.index.raw_images import RawDataSet, SourceImage
from ampnet.dataset.sources.folders import read_folders, subfolders
from ampnet.dataset.sources.pixel_tables import TableImage, find_pixel_tables, read_pixel_tables, read_rows
from ampnet.dataset.sources.source_files import compare_class_counts, compare_counts, find_file, rows_of
from ampnet.errors import DataError
from ampnet.files.documents import listed, quoted, short
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

FERPLUS_FILES = ("fer2013new.csv", "fer2013/fer2013new.csv")
MAX_DIGITS = 6
"""Limit for a number of votes; ten people voted on each image."""
FERPLUS_FOLDERS = {"train": "FER2013Train", "val": "FER2013Valid", "test": "FER2013Test"}


def is_fer2013(root: Path) -> bool:
    """Return whether the folder holds the csv file, or the three folders named after its usages."""
    return find_file(root, CSV_FILES) is not None or (
        root.is_dir() and set(USAGES) <= {folder.name for folder in subfolders(root)}
    )


def read_fer2013(root: Path, layout: str, classes: str | None = None) -> RawDataSet:
    """List FER-2013: Training is train, PublicTest is val, PrivateTest is test.

    Args:
        root: folder of the data set, or its table.
        classes: see :func:`ampnet.dataset.sources.class_names.classes_of`.

    Raises:
        DataError: the header, or an emotion, is not FER-2013's.
    """
    path = root if root.is_file() else find_file(root, CSV_FILES) or next(iter(find_pixel_tables(root)), None)
    if path is None:
        folders = read_folders(root, layout, codes=FER2013_CODES)
        return replace(folders, licence=LICENCE, notes=[*folders.notes, *_other_counts(folders.items)])
    source = read_pixel_tables(root, layout, classes, path)
    return replace(source, licence=LICENCE, notes=[*source.notes, *_other_counts(source.items)])


def is_ferplus(root: Path) -> bool:
    """Return whether the folder holds FER+'s votes."""
    return find_file(root, FERPLUS_FILES) is not None


def read_ferplus(root: Path, layout: str) -> RawDataSet:
    """List FER+: labels from votes, for the images of fer2013.csv or of FER+'s png folders.

    ``ferplus`` applies the majority rule of the FER+ authors' code: single votes are dropped, and the class with the
    most votes must have more than half of the rest. ``ferplus-argmax`` takes the class with the most votes, the first
    in column order if there is a tie. Images whose top answer is unknown or no face are left out.

    Raises:
        DataError: fer2013new.csv or its images are missing, a row is not in FER+'s format, or fer2013.csv has it in
            another split.
    """
    votes_file = find_file(root, FERPLUS_FILES)
    if votes_file is None:
        raise DataError(f"{root} holds no fer2013new.csv; place FER+'s file beside fer2013.csv")
    pixels_file = find_file(root, CSV_FILES)
    found = [] if pixels_file is None else read_rows(root, pixels_file)[0]
    pixels = None if pixels_file is None else {item.row: item for item in found if isinstance(item, TableImage)}
    last = max(pixels or (-1,))
    items: list[SourceImage] = []
    nameless = undecided = 0
    for row, (split, name, votes) in enumerate(ferplus_rows(votes_file)):
        pixel = None if pixels is None else pixels.get(row)
        if pixels is not None and row > last:
            raise DataError(
                f"{pixels_file} has fewer images than {votes_file} has rows; they must be the same data set"
            )
        if pixel and pixel.split not in ("", split):
            raise DataError(
                f"{votes_file} has row {row} in {split}, but {pixels_file} has it in {pixel.split}; they must be the "
                "same data set, in the same order"
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
    return RawDataSet(layout, EXPRESSIONS_8, items, [f"rule: {rule}; {left_out}"], LICENCE_FERPLUS, FERPLUS_ANSWERS)


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
        if (
            len(cells) != 2 + votes
            or cells[0] not in USAGES
            or not all(cell.isdecimal() and len(cell) <= MAX_DIGITS for cell in cells[2:])
        ):
            raise DataError(
                f"{path}, line {number}: expected Usage, name and {votes} votes, got {quoted(','.join(cells))}"
            )
        yield USAGES[cells[0]], cells[1], tuple(float(cell) for cell in cells[2:])


def attach_ferplus_votes(source: RawDataSet, path: Path) -> RawDataSet:
    """Add FER+'s votes to FER-2013's images; classes and labels stay FER-2013's.

    Args:
        source: FER-2013 as a csv file, or as folders of images named after their row.
        path: fer2013new.csv.

    Raises:
        DataError: the data set has its own classes; or the file belongs to another one: rows are missing, a usage
            is not the image's split, or an image's name does not hold its row.
    """
    if own := [name for name in source.class_names if name not in FERPLUS_COLUMNS]:
        raise DataError(
            f"{path} has votes for expressions, and the data set has other classes ({listed(own)}); omit --classes, or "
            "give --votes a csv with a column for each class"
        )
    rows = list(ferplus_rows(path))
    last = source.items[-1]
    if isinstance(last, TableImage) and len(rows) != last.row + 1:
        raise DataError(f"{path} has {len(rows):,} rows for {last.row + 1:,} images; they must be the same data set")
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
    row = item.row if isinstance(item, TableImage) else row_of_name(item.stem)
    if row is None:
        raise DataError(
            f"the name of {short(item.relative)} does not hold its row of fer2013.csv, as row00042.png does, "
            "so FER+'s votes cannot be matched; give --votes a csv of names and votes instead"
        )
    return row


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
