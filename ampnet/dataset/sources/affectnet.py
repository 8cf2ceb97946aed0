"""AffectNet: the original release (csv files and full images) and the 2021 release (one .npy file for each label)."""

import io
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np

from ampnet.dataset.index.raw_images import Box, RawDataSet, SourceImage
from ampnet.dataset.sources.folders import read_folders
from ampnet.dataset.sources.source_files import compare_counts, coordinates, find_file, rows_of
from ampnet.errors import DataError
from ampnet.files.documents import quoted
from ampnet.files.npy import read_npy_header
from ampnet.files.opening import is_file, read_bytes
from ampnet.files.printable import printable
from ampnet.reading.image_files import list_images
from ampnet.settings.labels import AFFECTNET_CODES, EXPRESSIONS, EXPRESSIONS_8

LICENCE = "AffectNet: for non-commercial research under its licence agreement (mohammadmahoor.com); do not redistribute"

CSV_FILES = {"train": ("training.csv",), "val": ("validation.csv",)}
FIRST_COLUMN = "subDirectory_filePath"
COLUMNS = 9
"""Path, x, y, width and height of the face, 68 points, expression, valence, arousal."""

MAX_LABEL_BYTES = 1 << 14

SET_FOLDERS = {"train": "train_set", "val": "val_set"}
NO_TEST = "AffectNet has no public test split; papers report its validation split (--split val in eval)"

PUBLISHED_OLD = {
    "affectnet-7": {"train": 283_901, "val": 3_500},
    "affectnet-8": {"train": 287_651, "val": 4_000},
}
PUBLISHED_2021 = {"affectnet-7": {"val": 3_499}, "affectnet-8": {"val": 3_999}}


def is_affectnet(root: Path) -> bool:
    """Return whether the folder holds either release."""
    return _is_2021(root) or all(find_file(root, names) for names in CSV_FILES.values())


def read_affectnet(root: Path, layout: str) -> RawDataSet:
    """List AffectNet.

    Args:
        layout: ``affectnet-8``, or ``affectnet-7`` without contempt.

    Raises:
        DataError: a csv row or a label file is not in AffectNet's format.
    """
    if _is_2021(root):
        labelled, published = _read_2021(root), PUBLISHED_2021[layout]
    elif any(find_file(root, names) for names in CSV_FILES.values()):
        labelled, published = _read_old(root), PUBLISHED_OLD[layout]
    else:
        folders = read_folders(root, layout, codes=AFFECTNET_CODES)
        return replace(folders, licence=LICENCE, notes=[*folders.notes, NO_TEST])
    class_names = EXPRESSIONS if layout == "affectnet-7" else EXPRESSIONS_8

    items: list[SourceImage] = []
    others: Counter[str] = Counter()
    for code, item in labelled:
        class_name = AFFECTNET_CODES.get(code, "")
        if class_name in class_names:
            items.append(replace(item, class_name=class_name))
        else:
            others[code] += 1
    if not items:
        raise DataError(f"{root} holds no labelled AffectNet images")
    notes = compare_counts(items, published)
    if others:
        left_out = ", ".join(f"{count:,} of code {code}" for code, count in sorted(others.items()))
        notes.append(f"left out: {printable(left_out)} (7 contempt, 8 none, 9 uncertain, 10 no face)")
    return RawDataSet(layout, class_names, items, [*notes, NO_TEST], LICENCE)


def _read_old(root: Path) -> Iterator[tuple[str, SourceImage]]:
    for split, names in CSV_FILES.items():
        path = find_file(root, names)
        if path is None:
            continue
        folders, folder = _folders_of(root), None
        for number, cells in rows_of(path):
            if cells[0] == FIRST_COLUMN:
                continue  # training.csv has a header, the common copy of validation.csv has none
            code, box = _code_and_box(cells, f"{path}, line {number}")
            if folder is None:  # once: a root may hold over a thousand folders
                folder = next((one for one in folders if is_file(root / f"{one}{cells[0]}")), None)
            yield code, SourceImage(root, (folder or "") + cells[0], split, "", box)


def _code_and_box(cells: list[str], where: str) -> tuple[str, Box]:
    try:
        x, y, width, height = coordinates(cells[1:5])
        code = cells[6] if len(cells) >= COLUMNS else ""
    except ValueError:
        code = ""
    if not code.isdecimal():
        raise DataError(f"{where}: expected AffectNet's {COLUMNS} columns, got {quoted(','.join(cells))}")
    return code, (x, y, x + width, y + height)


def _folders_of(root: Path) -> list[str]:
    """List what may be the image root, which the csv files do not name: the folder or a subfolder."""
    return ["", *(f"{entry.name}/" for entry in sorted(root.iterdir()) if entry.is_dir())]


def _is_2021(root: Path) -> bool:
    return any((root / folder / "annotations").is_dir() for folder in SET_FOLDERS.values())


def _read_2021(root: Path) -> Iterator[tuple[str, SourceImage]]:
    with ThreadPoolExecutor() as pool:  # 290,000 small files: waiting for the disk dominates
        for split, folder in SET_FOLDERS.items():
            images = list_images(root / folder / "images") if (root / folder).is_dir() else []
            labels = [root / folder / "annotations" / f"{image.stem}_exp.npy" for image in images]
            for image, code in zip(images, pool.map(_read_code, labels, chunksize=256), strict=True):
                yield code, SourceImage(root, image.relative_to(root).as_posix(), split, "")


def _read_code(path: Path) -> str:
    """Read a label: an array of one number, often stored as text."""
    try:
        file = io.BytesIO(read_bytes(path, MAX_LABEL_BYTES))
        dtype = read_npy_header(file).dtype  # the shape may announce any size, and only one value is needed
        if dtype.kind not in "biufUS":
            raise ValueError(f"it holds {dtype}, not a number")
        return str(int(np.frombuffer(file.read(), dtype, count=1)[0]))
    except Exception as error:  # NumPy parses the header as Python code, which can fail in every way
        raise DataError(
            f"cannot read the label {printable(path)}: {printable(error) or type(error).__name__}"
        ) from error
