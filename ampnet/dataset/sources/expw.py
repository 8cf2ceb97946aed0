"""ExpW: ``label/label.lst`` with a line for each face, images under ``image/origin``."""

from pathlib import Path

from ampnet.dataset.index.raw_images import RawDataSet, SourceImage
from ampnet.dataset.sources.source_files import compare_counts, coordinates, find_file, lines_of
from ampnet.errors import DataError
from ampnet.files.documents import quoted
from ampnet.settings.labels import EXPRESSIONS, FER2013_CODES

LIST_FILES = ("label/label.lst", "label.lst")
IMAGE_FOLDERS = ("image/origin", "origin", "image")
LICENCE = "ExpW: for non-commercial research only (mmlab.ie.cuhk.edu.hk/projects/socialrelation)"
PUBLISHED = {"": 91_793}
COLUMNS = 8


def is_expw(root: Path) -> bool:
    """Return whether the folder holds ExpW's list."""
    return find_file(root, LIST_FILES) is not None


def read_expw(root: Path, layout: str) -> RawDataSet:
    """List the faces of ExpW.

    A line holds the image name, the number of the face, **top, left, right, bottom** of its box, the confidence of the
    box, and the expression in FER-2013's codes.

    Raises:
        DataError: the list or the images are missing, or a line is invalid.
    """
    list_file = find_file(root, LIST_FILES)
    if list_file is None:
        raise DataError(f"{root} holds no {LIST_FILES[0]}")
    folder = next((name for name in IMAGE_FOLDERS if (root / name).is_dir()), None)
    if folder is None:
        raise DataError(f"{root} holds no {IMAGE_FOLDERS[0]}; unpack ExpW's image archive there")
    items: list[SourceImage] = []
    for number, line in lines_of(list_file):
        cells = line.split()
        class_name = FER2013_CODES.get(cells[-1])
        try:
            top, left, right, bottom = coordinates(cells[2:6])
        except ValueError:
            class_name = None
        if len(cells) != COLUMNS or class_name is None:
            raise DataError(
                f"{list_file}, line {number}: expected `name face top left right bottom confidence label`, "
                f"got {quoted(line)}"
            )
        items.append(
            SourceImage(root, f"{folder}/{cells[0]}", "", class_name, (left, top, right, bottom), face_id=cells[1])
        )
    if not items:
        raise DataError(f"{list_file} is empty")
    return RawDataSet(layout, EXPRESSIONS, items, compare_counts(items, PUBLISHED), LICENCE)
