"""One folder for each class, optionally inside a folder for each split: ``[split/]class/**/*.jpg``."""

import json
import re
from collections import Counter
from pathlib import Path

from ampnet.dataset.index.raw_images import Source, SourceImage
from ampnet.errors import DataError
from ampnet.files.documents import listed, quoted, read_json
from ampnet.files.listing import list_folder
from ampnet.files.printable import printable
from ampnet.media.heif import describe_unread
from ampnet.reading.image_files import list_images, readable_images
from ampnet.settings.labels import MAX_CLASSES, MAX_NAME, class_order, expression_of

CLASSES_FILE = "classes.json"
"""Optional, in the raw folder: folder name -> class name, in label order."""

SPLIT_FOLDERS: dict[str, str] = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "publictest": "val",  # of FER-2013's two test sets, the public one is used for validation
    "test": "test",
    "testing": "test",
    "privatetest": "test",
}
"""Folder names (letters only, lower case) and the split each one means."""


def split_of_folder(name: str) -> str | None:
    """Translate a folder name to a split; None if it is not a split's name."""
    return SPLIT_FOLDERS.get(re.sub(r"[^a-z]", "", name.casefold()))


def split_folders(root: Path) -> dict[Path, str]:
    """Find the folders directly below ``root`` that are named like splits."""
    found = {folder: split_of_folder(folder.name) for folder in subfolders(root)}
    return {folder: split for folder, split in found.items() if split is not None}


def subfolders(folder: Path) -> list[Path]:
    """List the visible folders directly below a folder, sorted.

    Raises:
        DataError: the folder does not exist or cannot be listed.
    """
    try:
        return sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    except OSError as error:
        raise DataError(f"cannot list {printable(folder)}: {error.strerror or error}") from error


def read_folders(root: Path, layout: str, codes: dict[str, str] | None = None) -> Source:
    """List a data set sorted into folders, with official splits if the top folders are named like splits.

    Args:
        root: the raw folder.
        layout: name of the layout to report.
        codes: folder name -> class, for data sets whose folders are numbers; overridden by ``classes.json`` in
            ``root``.

    Raises:
        DataError: there are no images or class folders, the folders are numbers of unknown meaning, or only some of
            the top folders are splits.
    """
    splits = split_folders(root)
    tops = splits or {root: ""}
    strays = [] if not splits else [folder for folder in subfolders(root) if folder not in splits]
    if any(list_images(folder) for folder in strays):
        raise DataError(
            f"{root} mixes splits ({listed(folder.name for folder in splits)}) with other folders of images "
            f"({listed(folder.name for folder in strays)}); move one or the other elsewhere"
        )

    found: list[tuple[Path, str, str]] = []  # file, split, folder name of the class
    notes: list[str] = []
    unread = Counter[str]()
    for top, split in sorted(tops.items(), key=lambda pair: (("train", "val", "test", "").index(pair[1]), pair[0])):
        unlabelled = 0
        listing = list_folder(top, readable_images())
        if top in listing.problems:
            raise DataError(listing.problems[top])
        unread += listing.left_out
        for path in listing.files:
            parts = path.relative_to(top).parts
            if len(parts) == 1:
                unlabelled += 1
            else:
                found.append((path, split, parts[0]))
        if unlabelled:
            notes.append(f"left out {unlabelled} images directly in {printable(top)}, which have no class")
    not_read = ", ".join(describe_unread(unread))
    if not found:
        kind = "images in class folders" if notes else "images"
        kind += f" that can be read; not read: {not_read}" if not_read else ""
        raise DataError(f"{root} holds no {kind}; expected [split/]class/*.jpg, for example train/happiness/1.jpg")

    notes += [f"not read: {not_read}"] if not_read else []
    meaning, class_names = class_meaning(
        {folder for _path, _split, folder in found}, root / CLASSES_FILE, f"the class folders of {root}", codes
    )
    items = [
        SourceImage(root, path.relative_to(root).as_posix(), split, meaning[folder]) for path, split, folder in found
    ]
    return Source(layout, class_names, items, notes)


def class_meaning(
    found: set[str], written: Path, what: str, codes: dict[str, str] | None = None
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Map labels to classes; also returns the classes in label order.

    Args:
        found: labels as spelled in the data set (folder names, csv cells).
        written: path of a ``classes.json``, which takes precedence if it exists.
        what: description of the labels, for messages.
        codes: label -> class, for known data sets.

    Raises:
        DataError: the labels are numbers of unknown meaning, or there is only one class.
    """
    if written.exists():
        meaning = _read_classes(written)
        if unknown := ", ".join(sorted(found.difference(meaning))):
            raise DataError(f"{written} lacks {quoted(unknown)}; add them, or move those images elsewhere")
        return meaning, tuple(dict.fromkeys(meaning.values()))
    if codes is not None and found <= set(codes):
        return codes, class_order(set(codes.values()))
    if all(label.isdecimal() for label in found):
        example = json.dumps({printable(label, 20): "..." for label in sorted(found)[:2]})
        raise DataError(
            f"{what} are numbers ({listed(sorted(found))}), whose meaning differs between data sets; "
            f"name the classes in {written} ({example[:-1]}, ...}}), or the data set with --layout"
        )
    names = class_order({_class_name(label, what) for label in found})
    if len(names) < 2:
        raise DataError(f"{what} name one class only ({names[0]}); a classifier needs at least two")
    if len(names) > MAX_CLASSES:
        raise DataError(f"{what} name {len(names):,} classes, more than {MAX_CLASSES:,}, the most there can be")
    return {label: expression_of(label) or _class_name(label, what) for label in found}, names


def _class_name(label: str, what: str) -> str:
    """Return a label as it is kept: stripped, with escapes for what cannot be printed or written as UTF-8."""
    name = printable(label.strip(), 4 * MAX_NAME)
    if len(name) > MAX_NAME:
        raise DataError(f"{what}: {quoted(name)} has more than {MAX_NAME} characters")
    return name


def _read_classes(path: Path) -> dict[str, str]:
    cure = "it must be a JSON object of folder name -> class name"
    written = read_json(path, dict[str, str], cure)
    meaning = {label: _class_name(name, str(path)) for label, name in written.items()}
    if not all(meaning.values()) or not 2 <= len(set(meaning.values())) <= MAX_CLASSES:
        raise DataError(f"{path}: {cure} with two or more classes")
    return meaning
