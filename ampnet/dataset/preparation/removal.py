"""Deleting what an earlier prepare wrote, and nothing else."""

from dataclasses import dataclass
from pathlib import Path

from ampnet.dataset.index.faces_table import read_faces
from ampnet.dataset.index.index_files import (
    CROISSANT_FILE,
    FACES_FILE,
    INDEX_FILES,
    JOURNAL_FOLDER,
    LABELS_FILE,
    MANIFEST_FILE,
    is_images_tar,
    is_sharded,
    is_table,
)
from ampnet.dataset.index.prepared_images import (
    OTHER_OUT,
    is_image_name,
    not_ours,
    refuse_linked_folder,
    removable,
    remove,
)
from ampnet.files.documents import quoted


@dataclass(frozen=True)
class EarlierFiles:
    """What an earlier prepare wrote, besides the files of every index."""

    images: list[str]
    """Names in dataset/: images, or tar files of shards."""
    tables: list[str]
    """Names in index/: tables of shards."""


def earlier_files(root: Path, is_unfinished_in_shards: bool) -> EarlierFiles:
    """List the files of an earlier data set, which :func:`remove_earlier` may delete.

    Returns:
        The images that faces.csv names, or the shards; nothing without an index.

    Raises:
        DataError: the folder is not one that prepare wrote: a name leads out of dataset/ or is not one of prepare's,
            or a folder or a file is a link.
    """
    refuse_linked_output(root)
    index = root / "index"
    removable(index, INDEX_FILES)
    names: list[str] = []
    for row in read_faces(index / FACES_FILE, OTHER_OUT) if (index / FACES_FILE).is_file() else ():
        if row.name and not is_image_name(row.name):
            raise not_ours(f"{index / FACES_FILE} names {quoted(row.name)}")
        if row.name:
            names.append(row.name)
    tables: list[str] = []
    if is_sharded(root) or is_unfinished_in_shards:
        names += [path.name for path in (root / "dataset").glob("*") if is_images_tar(path.name)]
        tables += [path.name for path in index.glob("*") if is_table(path.name)]
    return EarlierFiles(removable(root / "dataset", names), removable(index, tables))


def refuse_linked_output(root: Path) -> None:
    """Check that the folders to change in an output folder are in there.

    Raises:
        DataError: one is a link.
    """
    for folder in (root / "index", root / "index" / JOURNAL_FOLDER, root / "dataset"):
        refuse_linked_folder(folder)


def remove_earlier(root: Path, files: EarlierFiles) -> None:
    """Delete a data set that prepare wrote; other files in the folders are kept.

    Args:
        files: from :func:`earlier_files`.

    Raises:
        DataError: a file cannot be deleted.
    """
    remove(root / "index", (LABELS_FILE, MANIFEST_FILE))  # first: they mark a complete set
    remove(root / "dataset", files.images)
    remove(root / "index", (*INDEX_FILES, *files.tables))
    remove(root.resolve(), (CROISSANT_FILE,))  # the output folder may be a link, those in it may not
