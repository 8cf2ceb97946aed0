"""Class folders, with or without splits above or below them, and people's folders: ``[split/]class/**/*.jpg``."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from ampnet.dataset.index.raw_images import RawDataSet, SourceImage
from ampnet.dataset.sources.class_names import CLASSES_FILE, classes_of
from ampnet.dataset.sources.folder_levels import JUNK, Folders, Levels, describe_levels, find_levels
from ampnet.dataset.sources.split_names import FILLERS, split_by_subject, words_of
from ampnet.errors import DataError
from ampnet.files.documents import listed
from ampnet.files.listing import list_folder
from ampnet.files.printable import counted, printable, reason_of
from ampnet.media.heif import describe_unread
from ampnet.reading.image_files import readable_images
from ampnet.settings.labels import meant_expression

ARCHIVES = (".zip", ".tar", ".tgz", ".gz", ".rar", ".7z", ".bz2", ".xz")
_ORDER = ("train", "val", "test", "")


def subfolders(folder: Path) -> list[Path]:
    """List the visible folders directly below a folder, sorted.

    Raises:
        DataError: the folder does not exist or cannot be listed.
    """
    try:
        return sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    except OSError as error:
        raise DataError(f"cannot list {printable(folder)}: {reason_of(error)}") from error


def read_folders(
    root: Path, layout: str, fold: int | None = 0, classes: str | None = None, codes: dict[str, str] | None = None
) -> RawDataSet:
    """List a data set sorted into folders; see :mod:`ampnet.dataset.sources.folder_levels` for what they may mean.

    Args:
        fold: test fold (0-9), if there is a folder for each person and no split.
        classes: see :func:`ampnet.dataset.sources.class_names.classes_of`.
        codes: folder name -> class, for data sets whose folders are numbers.

    Raises:
        DataError: there are no images or class folders, the folders are numbers of unknown meaning, or what they mean
            cannot be determined.
    """
    listing = list_folder(root, readable_images())
    if root in listing.problems:
        raise DataError(listing.problems[root])
    files = [(path, path.relative_to(root).parts[:-1]) for path in listing.files]
    files = [(path, folders) for path, folders in files if JUNK.isdisjoint(folders)]
    levels = find_levels({folders for _path, folders in files}, root)
    found: list[tuple[Path, tuple[str, str, str]]] = []
    unlabelled = Counter[Path]()
    for path, folders in files:
        read = levels.read(folders)
        if read is None:
            unlabelled[path.parent] += 1
        else:
            found.append((path, read))
    not_read = ", ".join(describe_unread(listing.left_out))
    if not found:
        raise _without_classes(root, levels, bool(unlabelled), not_read)
    labels = {label for _path, (_split, label, _person) in found}
    if all(set(words_of(label)) <= FILLERS and words_of(label) for label in labels):
        if lists := _json_lists(root):
            raise _labels_in_json(root, lists)
        raise DataError(
            f"{root}: the images are in {listed(sorted(labels))}, without a folder for each class; sort them into "
            "[split/]class/*.jpg, or give a CSV with the columns path and label"
        )
    chosen = classes_of(labels, root, f"the class folders of {root}", codes, classes)
    if codes is None and classes is None and not (root / CLASSES_FILE).exists():
        _refuse_people(root, [(label, path) for path, (_split, label, _person) in found])
    found.sort(key=lambda pair: (_ORDER.index(pair[1][0]), pair[0]))
    items = [
        SourceImage(root, path.relative_to(root).as_posix(), split, label, subject=person)
        for path, (split, label, person) in found
    ]
    items, changes = chosen.apply(items)
    notes = [
        *_left_out(unlabelled),
        *describe_levels(levels, {item.subject for item in items if item.subject}),
        *changes,
        *_empty_folders(root, levels, {folders for _path, folders in files if levels.read(folders)}),
        *([f"not read: {not_read}"] if not_read else []),
        *([f"not read: {listed(lists)}; labels are those of the folders"] if (lists := _json_lists(root)) else []),
    ]
    return split_by_subject(RawDataSet(layout, chosen.names, items, notes), fold)


def _refuse_people(root: Path, images: Sequence[tuple[str, Path]]) -> None:
    """Refuse folders that are not expressions, each of which holds only files named by the same expressions."""
    shown: dict[str, set[str]] = {label: set() for label, _path in images}
    for label, path in images:
        words = [word for word in words_of(path.stem) if word not in words_of(label)]
        if len(words) == 1 and (expression := meant_expression(words[0])):
            shown[label].add(expression)
    common = set.intersection(*shown.values())
    if len(common) > 1 and not any(meant_expression(label) for label in shown):
        raise DataError(
            f"{root}: the folders {listed(sorted(shown))} each hold {listed(sorted(common))} by the names of their "
            "files, so they are people; give a CSV with the columns path, label and subject, or --classes keep"
        )


def _without_classes(root: Path, levels: Levels, has_images: bool, not_read: str) -> DataError:
    both = [name for name in sorted(levels.splits) if any(meant_expression(word) for word in words_of(name))]
    if both:
        return DataError(
            f"{root}: the folders {listed(both)} name a split and a class at once; sort them into folders such as "
            "train/happiness"
        )
    packed = sorted(path.name for path in root.glob("*") if path.suffix.lower() in ARCHIVES)
    if packed and not has_images:
        return DataError(f"{root} holds no images, but {listed(packed)}; unpack it first")
    if has_images and (lists := _json_lists(root)):
        return _labels_in_json(root, lists)
    kind = "images in class folders" if has_images else "images"
    kind += f" that can be read; not read: {not_read}" if not_read else ""
    return DataError(
        f"{root} holds no {kind}; expected [split/]class/*.jpg, for example train/happiness/1.jpg, or a CSV with "
        "the columns path and label"
    )


def _json_lists(root: Path) -> list[str]:
    return sorted(path.name for path in root.glob("[!.]*.json*") if path.name != CLASSES_FILE)


def _labels_in_json(root: Path, lists: list[str]) -> DataError:
    return DataError(
        f"{root} holds no images in class folders, but {listed(lists)}: labels in JSON are not read; make a CSV of "
        "them with the columns path and label"
    )


def _left_out(unlabelled: Counter[Path]) -> Iterable[str]:
    for folder, count in sorted(unlabelled.items())[:3]:
        yield f"left out {counted(count, 'image')} directly in {printable(folder)}, without a class"
    if rest := sum(count for _folder, count in sorted(unlabelled.items())[3:]):
        yield f"left out {counted(rest, 'further image')} without a class"


def _empty_folders(root: Path, levels: Levels, labelled: set[Folders]) -> list[str]:
    """Name the folders beside those of classes that hold no images."""
    classes = {folders[: levels.class_place(folders) + 1] for folders in labelled}
    empty = [
        folder
        for parent in sorted({names[:-1] for names in classes})
        for folder in subfolders(root.joinpath(*parent))
        if (*parent, folder.name) not in classes and folder.name not in JUNK
    ]
    empty = [folder for folder in empty if not set(words_of(folder.name)) <= FILLERS and folder.is_dir()]
    shown = listed(printable(folder.relative_to(root)) for folder in empty)
    return [f"without images: {shown}"] if empty and levels.split_level != 1 else []
