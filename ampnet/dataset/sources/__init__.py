"""Readers of raw data sets, each in its original layout."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

from ampnet.dataset.index.index_files import LABELS_FILE
from ampnet.dataset.index.raw_images import RawDataSet
from ampnet.dataset.sources.affectnet import is_affectnet, read_affectnet
from ampnet.dataset.sources.expw import is_expw, read_expw
from ampnet.dataset.sources.fer2013 import is_fer2013, is_ferplus, read_fer2013, read_ferplus
from ampnet.dataset.sources.folder_levels import JUNK
from ampnet.dataset.sources.folders import ARCHIVES, read_folders
from ampnet.dataset.sources.pixel_tables import find_pixel_tables, read_pixel_tables
from ampnet.dataset.sources.plain_csv import find_lists, holds_lists, read_csv
from ampnet.dataset.sources.rafdb import is_rafdb, read_rafdb
from ampnet.dataset.sources.small_sets import (
    is_ckplus,
    is_fedro,
    is_named_like,
    is_sfew,
    read_by_names,
    read_ckplus,
    read_fedro,
    read_sfew,
)
from ampnet.dataset.sources.votes import attach_votes
from ampnet.errors import DataError, UsageError
from ampnet.files.documents import listed
from ampnet.files.printable import printable

_CONTENT = (".csv", ".tsv", ".gz", ".jpg", ".jpeg", ".png")
"""Extensions of files beside which a folder is not one that an archive unpacked to."""


@dataclass(frozen=True)
class Layout:
    """A data set's layout on disk."""

    read: Callable[..., RawDataSet]
    """Lists the data set, given its folder, the layout's name, and what it ``takes``."""
    recognises: Callable[[Path], bool] | None = None
    """Whether a folder has this layout; None if it must be named by ``--layout``."""
    takes: tuple[Literal["fold", "classes"], ...] = ()
    """The test fold if it is split by subject; what its labels mean if they may mean anything."""


LAYOUTS: dict[str, Layout] = {
    "rafdb": Layout(read_rafdb, is_rafdb),
    "rafdb-original": Layout(read_rafdb),
    "affectnet-8": Layout(read_affectnet, is_affectnet),
    "affectnet-7": Layout(read_affectnet),
    "ferplus": Layout(read_ferplus, is_ferplus),
    "ferplus-argmax": Layout(read_ferplus),
    "fer2013": Layout(read_fer2013, is_fer2013, ("classes",)),
    "pixels": Layout(read_pixel_tables, lambda root: bool(find_pixel_tables(root)), ("classes",)),
    "expw": Layout(read_expw, is_expw),
    "ckplus": Layout(read_ckplus, is_ckplus, ("fold",)),
    "ckplus-1": Layout(read_ckplus, takes=("fold",)),
    "ckplus-neutral": Layout(read_ckplus, takes=("fold",)),
    "sfew": Layout(read_sfew, is_sfew),
    "fedro": Layout(read_fedro, is_fedro),
    "csv": Layout(read_csv, holds_lists, ("fold", "classes")),
    "jaffe": Layout(read_by_names, partial(is_named_like, "jaffe"), ("fold",)),
    "kdef": Layout(read_by_names, partial(is_named_like, "kdef"), ("fold",)),
    "folders": Layout(read_folders, lambda _root: True, ("fold", "classes")),
}
"""Layouts by their names for ``--layout``; tried in this order, with class folders as the fallback."""


def open_source(
    root: Path, layout: str = "auto", fold: int | None = 0, votes: Path | None = None, classes: str | None = None
) -> RawDataSet:
    """List the images of a raw data set.

    Args:
        root: folder of the data set in its original layout, perhaps within others, or a csv file.
        layout: one of :data:`LAYOUTS`, or ``auto`` to detect it.
        fold: test fold (0-9) for data sets split by subject; None for those who need no splits.
        votes: file with several annotators' votes for each image, for data sets that do not include votes.
        classes: what labels mean: a JSON file of label -> class name, or ``keep``; None: known names of expressions.

    Raises:
        UsageError: the layout is unknown, or does not take a fold or classes.
        DataError: the folder is missing or does not hold such a data set, or the votes do not match it.
    """
    if layout not in ("auto", *LAYOUTS):
        raise UsageError(f"unknown layout {layout!r}; choose one of auto, {', '.join(LAYOUTS)}")
    is_table = root.is_file() and bool(find_lists(root) or find_pixel_tables(root))
    if not root.is_dir() and not is_table:
        how = (
            "unpack it first" if root.suffix.lower() in ARCHIVES else "give the folder that holds the images, or a CSV"
        )
        raise DataError(f"{root} is not a folder or a table; {how}")
    if (root / "index" / LABELS_FILE).is_file():
        shown = printable(root)
        raise DataError(f"{shown} is a prepared set; use it with --data {shown}, or give prepare its raw folder")
    is_guessed = layout == "auto"
    if is_table:
        inner, layout = root, ("pixels" if find_pixel_tables(root) else "csv") if layout == "auto" else layout
    else:
        inner, layout = _place_of(root, layout)
    known = LAYOUTS[layout]
    if classes is not None and "classes" not in known.takes:
        raise UsageError(f"--classes: the layout {layout} has its own classes; omit it, or choose another --layout")
    if fold and "fold" not in known.takes:
        raise UsageError(f"--fold: the layout {layout} is not split by people; omit it, or choose another --layout")
    values = {"fold": fold, "classes": classes}
    source = known.read(inner, layout, **{name: values[name] for name in known.takes})
    if is_guessed and layout == "folders" and (lists := find_lists(inner)):
        note = f"not read: {listed(path.name for path in lists)}, whose images are not here"
        source = replace(source, notes=[*source.notes, note])
    if fold is not None:
        source = replace(source, notes=[*source.notes, *_untrained(source)])
    return source if votes is None else attach_votes(source, votes)


def _place_of(root: Path, layout: str) -> tuple[Path, str]:
    """Find the folder with the data set, ``root`` or one within it, and its layout if that is ``auto``."""
    for place in _unpacked(root):
        for name, known in LAYOUTS.items():
            if layout in ("auto", name) and name != "folders" and known.recognises and known.recognises(place):
                return place, name
    return root, "folders" if layout == "auto" else layout


def _unpacked(root: Path) -> Iterator[Path]:
    """Yield a folder, and those within it as long as they hold nothing else, as archives unpack."""
    yield root
    while True:
        inside = [path for path in root.iterdir() if not path.name.startswith(".") and path.name not in JUNK]
        folders = [path for path in inside if path.is_dir()]
        if len(folders) != 1 or any(path.suffix.lower() in _CONTENT for path in inside):
            return
        (root,) = folders
        yield root


def _untrained(source: RawDataSet) -> list[str]:
    """Name the classes without an image for training, where others have some."""
    trained = {item.class_name for item in source.items if item.split == "train"}
    missing = [name for name in source.class_names if name not in trained] if trained else []
    return [f"no training image of {', '.join(missing)}: such a class cannot be learned"] if missing else []
