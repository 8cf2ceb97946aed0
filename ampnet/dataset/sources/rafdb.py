"""RAF-DB basic: ``EmoLabel/list_patition_label.txt`` beside ``Image/aligned`` and ``Image/original``."""

from dataclasses import replace
from pathlib import Path

from ampnet.dataset.index.raw_images import RawDataSet, SourceImage
from ampnet.dataset.sources.folders import read_folders, subfolders
from ampnet.dataset.sources.source_files import compare_counts, find_file, lines_of
from ampnet.errors import DataError
from ampnet.files.documents import quoted
from ampnet.settings.labels import EXPRESSIONS, RAFDB_CODES

LIST_FILES = ("EmoLabel/list_patition_label.txt", "basic/EmoLabel/list_patition_label.txt")  # the misspelling is theirs
LICENCE = "RAF-DB: for non-commercial research only, do not redistribute; see its terms (whdeng.cn/RAF)"
PUBLISHED = {"train": 12_271, "test": 3_068}


KAGGLE = "DATASET"
"""Folder of train/1 to test/7 in a copy of the aligned images that many have, beside a list for each split."""


def is_rafdb(root: Path) -> bool:
    """Return whether the folder holds RAF-DB's own list, or the folders of that copy."""
    return find_file(root, LIST_FILES) is not None or _is_copy(root)


def _is_copy(root: Path) -> bool:
    parts = [root / KAGGLE / split for split in ("train", "test")]
    return all((root / f"{part.name}_labels.csv").is_file() and part.is_dir() for part in parts) and all(
        {folder.name for folder in subfolders(part)} <= set(RAFDB_CODES) for part in parts
    )


def read_rafdb(root: Path, layout: str) -> RawDataSet:
    """List RAF-DB in its original layout, or sorted into folders 1 to 7 under train and test.

    Args:
        layout: ``rafdb`` takes the aligned images if present, ``rafdb-original`` the original photos.

    Raises:
        DataError: the list or the images are missing, or a line is not ``name label`` with a label from 1 to 7.
    """
    list_file = find_file(root, LIST_FILES)
    if list_file is None:
        folders = read_folders(root / KAGGLE if _is_copy(root) else root, layout, codes=RAFDB_CODES)
        return replace(folders, licence=LICENCE, notes=[*folders.notes, *compare_counts(folders.items, PUBLISHED)])
    images = _image_folder(list_file.parents[1], layout)
    suffix = "_aligned" if images.name == "aligned" else ""
    below = images.relative_to(root).as_posix()

    items: list[SourceImage] = []
    for number, line in lines_of(list_file):
        name, _blank, code = line.partition(" ")
        split, class_name = name.partition("_")[0], RAFDB_CODES.get(code.strip())
        stem, dot, extension = name.rpartition(".")
        if split not in ("train", "test") or class_name is None or not dot:
            raise DataError(
                f"{list_file}, line {number}: expected `train_00001.jpg 5` with a label from 1 to 7, got {quoted(line)}"
            )
        items.append(SourceImage(root, f"{below}/{stem}{suffix}.{extension}", split, class_name))
    if not items:
        raise DataError(f"{list_file} is empty")
    return RawDataSet(layout, EXPRESSIONS, items, compare_counts(items, PUBLISHED), LICENCE)


def _image_folder(base: Path, layout: str) -> Path:
    wanted = ("Image/original",) if layout == "rafdb-original" else ("Image/aligned", "Image/original")
    found = next((base / folder for folder in wanted if (base / folder).is_dir()), None)
    if found is None:
        raise DataError(f"{base} holds no {' or '.join(wanted)}; unpack RAF-DB's image archive there")
    return found
