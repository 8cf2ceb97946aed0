"""`ampnet check`: look for duplicates, leaks between splits, lost and damaged images in a prepared data set."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from ampnet.dataset.index.face_index import FaceIndex
from ampnet.dataset.index.index_files import PAIRS_FILE, PAIRS_SHEET, is_sharded
from ampnet.dataset.index.prepared_images import refuse_linked_folder
from ampnet.dataset.index.splits import split_names
from ampnet.dataset.loading.dataset import pictures
from ampnet.dataset.open_index import read_index
from ampnet.dataset.quality.checks import CheckReport, check_index, read_fingerprints
from ampnet.dataset.quality.duplicates import CopyPair, refuse_other_list, write_pairs
from ampnet.errors import UsageError
from ampnet.files.picture_files import save_picture
from ampnet.reports.contact_sheet import Section, Tile, contact_sheet
from ampnet.settings import CheckConfig
from pipelines.progress import notices, progress_bar
from pipelines.result_folder import ResultFolder

SHEET_PAIRS = 60
PAIRS_PER_ROW = 5
"""Pairs on the contact sheet: those across splits first, then by rising similarity."""


@dataclass(frozen=True)
class CheckResult:
    """What was found, and the files that list it."""

    root: Path
    report: CheckReport
    pairs_file: Path | None
    """All pairs of duplicates; None without any."""
    sheet_file: Path | None
    """Contact sheet of some pairs."""
    problem: str | None = None
    """Why these files could not be written."""


def run(config: CheckConfig, quiet: bool = False) -> CheckResult:
    """Check a prepared data set.

    Raises:
        UsageError: the data set is in shards.
        DataError: there is no index, its parts contradict each other, it is a link, or --out cannot be written to or
            holds another table under the list's name.
        LockedError: another command is using the folder of the lists.
    """
    console = notices(quiet)
    if is_sharded(config.data):
        raise UsageError(
            f"{config.data} is in shards, which check does not read; check its files before converting them"
        )
    if not (config.data / "index").exists():
        read_index(config.data)  # says what is missing, before anything is created
    refuse_linked_folder(config.data / "index")  # lists of duplicates are replaced there
    if config.out is not None:
        refuse_other_list(config.out / PAIRS_FILE)
    side = ResultFolder(config.out or config.data / "index", config.out is not None, "lists of duplicates")
    with ExitStack() as held:
        side.reserve(held, console)
        return check(read_index(config.data), config.workers, console, side)


def check(index: FaceIndex, threads: int, console: Console, side: ResultFolder) -> CheckResult:
    """Check a data set that is already loaded, and list its duplicates."""
    with progress_bar(console)("check", len(index)) as advance:
        fingerprints = read_fingerprints(index, threads, advance)
    report = check_index(index, fingerprints)
    side.write(lambda folder: _list_duplicates(folder, index, report))
    if side.folder is None or side.problem is not None or not len(report.duplicates.pairs):
        return CheckResult(index.root, report, None, None, side.problem)
    return CheckResult(index.root, report, side.folder / PAIRS_FILE, side.folder / PAIRS_SHEET)


def _list_duplicates(folder: Path, index: FaceIndex, report: CheckReport) -> None:
    for stale in (folder / PAIRS_FILE, folder / PAIRS_SHEET):
        stale.unlink(missing_ok=True)
    if len(report.duplicates.pairs):
        splits = split_names(index)
        write_pairs(folder / PAIRS_FILE, _pairs(index, report, splits))
        _write_sheet(folder / PAIRS_SHEET, index, report, splits)


def _pairs(index: FaceIndex, report: CheckReport, splits: NDArray[np.str_]) -> Iterator[CopyPair]:
    found = report.duplicates
    rows = zip(found.pairs.tolist(), found.similarity.tolist(), found.exact.tolist(), strict=True)
    for (first, second), similarity, exact in rows:
        yield CopyPair(
            names=(index.names[first], index.names[second]),
            splits=(str(splits[first]), str(splits[second])),
            classes=(index.class_names[index.labels[first]], index.class_names[index.labels[second]]),
            similarity=similarity,
            exact=exact,
        )


def _write_sheet(path: Path, index: FaceIndex, report: CheckReport, splits: NDArray[np.str_]) -> None:
    found = report.duplicates
    across = splits[found.pairs[:, 0]] != splits[found.pairs[:, 1]]
    order = np.lexsort((found.similarity, ~across))[:SHEET_PAIRS]
    tiles = []
    for number in order:
        shown = pictures(index, found.pairs[number].tolist())
        pair = [Tile(image, ((f"{splits[i]} {found.similarity[number]:.3f}", "black"),)) for i, image in shown]
        tiles += pair if len(pair) == 2 else []
    heading = "pairs of images that look alike, with their splits and similarity"
    save_picture(contact_sheet([Section(heading, tiles)], columns=2 * PAIRS_PER_ROW), path)
