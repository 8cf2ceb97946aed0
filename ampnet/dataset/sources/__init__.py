"""Readers of raw data sets, each in its original layout."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ampnet.dataset.index.raw_images import Box, Picture, Source, SourceImage
from ampnet.dataset.sources.affectnet import is_affectnet, read_affectnet
from ampnet.dataset.sources.expw import is_expw, read_expw
from ampnet.dataset.sources.fer2013 import is_fer2013, is_ferplus, read_fer2013, read_ferplus
from ampnet.dataset.sources.folders import read_folders
from ampnet.dataset.sources.plain_csv import find_csv, read_csv
from ampnet.dataset.sources.rafdb import is_rafdb, read_rafdb
from ampnet.dataset.sources.small_sets import (
    is_ckplus,
    is_fedro,
    is_jaffe,
    is_sfew,
    read_ckplus,
    read_fedro,
    read_jaffe,
    read_sfew,
)
from ampnet.dataset.sources.votes import attach_votes
from ampnet.errors import DataError, UsageError

__all__ = ["LAYOUTS", "Box", "Picture", "Source", "SourceImage", "open_source"]


@dataclass(frozen=True)
class Layout:
    """A data set's layout on disk."""

    read: Callable[[Path, str, int], Source]
    """Lists the data set, given its folder, the layout's name and the test fold."""
    recognises: Callable[[Path], bool] | None = None
    """Whether a folder has this layout; None if it must be named by ``--layout``."""


def _without_folds(read: Callable[[Path, str], Source]) -> Callable[[Path, str, int], Source]:
    return lambda root, layout, _fold: read(root, layout)


LAYOUTS: dict[str, Layout] = {
    "rafdb": Layout(_without_folds(read_rafdb), is_rafdb),
    "rafdb-original": Layout(_without_folds(read_rafdb)),
    "affectnet-8": Layout(_without_folds(read_affectnet), is_affectnet),
    "affectnet-7": Layout(_without_folds(read_affectnet)),
    "ferplus": Layout(_without_folds(read_ferplus), is_ferplus),
    "ferplus-argmax": Layout(_without_folds(read_ferplus)),
    "fer2013": Layout(_without_folds(read_fer2013), is_fer2013),
    "expw": Layout(_without_folds(read_expw), is_expw),
    "ckplus": Layout(read_ckplus, is_ckplus),
    "ckplus-1": Layout(read_ckplus),
    "ckplus-neutral": Layout(read_ckplus),
    "sfew": Layout(_without_folds(read_sfew), is_sfew),
    "fedro": Layout(_without_folds(read_fedro), is_fedro),
    "csv": Layout(read_csv, lambda root: find_csv(root) is not None),
    "jaffe": Layout(read_jaffe, is_jaffe),
    "folders": Layout(_without_folds(read_folders), lambda _root: True),
}
"""Layouts by their names for ``--layout``; tried in this order, with class folders as the fallback."""


def open_source(root: Path, layout: str = "auto", fold: int = 0, votes: Path | None = None) -> Source:
    """List the images of a raw data set.

    Args:
        root: folder of the data set in its original layout, or a csv file.
        layout: one of :data:`LAYOUTS`, or ``auto`` to detect it.
        fold: test fold (0-9) for data sets split by subject.
        votes: file with several annotators' votes for each image, for data sets that do not include votes.

    Raises:
        UsageError: the layout is unknown.
        DataError: the folder is missing or does not hold such a data set, or the votes do not match it.
    """
    if layout not in ("auto", *LAYOUTS):
        raise UsageError(f"unknown layout {layout!r}; choose one of auto, {', '.join(LAYOUTS)}")
    if not root.is_dir() and find_csv(root) is None:
        raise DataError(f"{root} is not a folder; give the folder that holds the images")
    if layout == "auto" and root.is_file():
        layout = "csv"
    elif layout == "auto":
        layout = next(name for name, known in LAYOUTS.items() if known.recognises and known.recognises(root))
    source = LAYOUTS[layout].read(root, layout, fold)
    return source if votes is None else attach_votes(source, votes)
