"""`index/faces.csv`: a row for every input image, used or not; `index/err.csv`: list of failures."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args

from ampnet.dataset.index.prepared_images import is_plain
from ampnet.errors import DataError
from ampnet.files.documents import are_finite, csv_table, number_of, quoted
from ampnet.files.printable import is_text, path_as_text, printable
from ampnet.files.writing import write_rows

FaceStatus = Literal["detected", "retried", "template", "rejected"]
STATUSES = frozenset(get_args(FaceStatus))
CURE = "run prepare again"

ESCAPING = "backslashreplace"
"""An odd label must not cost hours of work."""

COLUMNS = (
    *("name", "source", "split", "class", "status", "reason", "score", "box", "faces", "width", "height"),
    *("subject", "traits", "grey_mean", "grey_spread"),
)
LATER_COLUMNS = COLUMNS[-4:]
"""Not in the files of earlier versions."""


@dataclass(frozen=True)
class FaceRow:
    """The outcome for one input image."""

    name: str
    """Name in data_label.txt; empty if rejected."""
    source: str
    """Path relative to the raw folder, with ``/``, as text (:mod:`ampnet.files.printable`)."""
    split: str
    class_name: str
    status: FaceStatus
    reason: str = ""
    """Why it was rejected, retried or given template landmarks."""
    score: float | None = None
    """Detection score in [0, 1]; None without a detection."""
    box: tuple[float, float, float, float] | None = None
    """``x0, y0, x1, y1`` in pixels of the upright source image."""
    faces: int = 0
    """Number of faces detected in the image."""
    width: int = 0
    height: int = 0
    """Size of the upright source image in pixels; 0 if it could not be read."""
    subject: str = ""
    """The person, if the data set identifies them."""
    traits: tuple[str, ...] = ()
    """Signs that the source image is not an unaltered photograph (:mod:`ampnet.media.alterations`)."""
    grey_mean: float | None = None
    """Mean grey level of the source pixels, 0 to 255; None if it was not measured."""
    grey_spread: float | None = None
    """Standard deviation of the grey levels; None with ``grey_mean``."""

    @property
    def is_unreadable(self) -> bool:
        """Whether the image could not be read, so it is unknown if it shows a face."""
        return self.status == "rejected" and not self.width

    def cells(self) -> list[str]:
        """Return the row as CSV cells."""
        score = "" if self.score is None else f"{self.score:.4f}"
        box = "" if self.box is None else " ".join(f"{value:.1f}" for value in self.box)
        where = [self.name, self.source, self.split, self.class_name]
        sizes = [str(self.faces), str(self.width), str(self.height)]
        levels = ["" if level is None else f"{level:.2f}" for level in (self.grey_mean, self.grey_spread)]
        return [*where, self.status, self.reason, score, box, *sizes, self.subject, " ".join(self.traits), *levels]


def write_faces(path: Path, rows: Iterable[FaceRow]) -> None:
    """Write faces.csv atomically."""
    write_rows(path, COLUMNS, (row.cells() for row in rows), ESCAPING)


def write_failures(path: Path, rows: Iterable[FaceRow]) -> None:
    """Write err.csv: source path and reason of every rejected image."""
    rejected = ([row.source, row.reason] for row in rows if row.status == "rejected")
    write_rows(path, ("source", "reason"), rejected, ESCAPING)


def read_faces(path: Path, cure: str = CURE) -> Iterator[FaceRow]:
    """Read faces.csv row by row.

    Raises:
        DataError: the file cannot be read, or a row is invalid: a number is not finite, or a name is a path.
    """
    for number, cells in csv_table(path, COLUMNS, LATER_COLUMNS, "surrogateescape", cure):
        try:
            yield row_of_cells(cells)
        except ValueError as error:
            raise DataError(f"{path}, line {number}: {printable(error)}; {cure}") from error


def row_of_cells(cells: Iterable[str]) -> FaceRow:
    """Parse the cells of a row, in the order of :data:`COLUMNS`.

    Raises:
        ValueError: one is not of its kind.
    """
    cell = dict(zip(COLUMNS, cells, strict=True))
    name, source, status = cell["name"], cell["source"], cell["status"]
    if name and not is_plain(name):
        raise ValueError(f"the name {quoted(name)} is not that of a file in dataset/")
    if status not in STATUSES:
        raise ValueError(f"unknown status {quoted(status)}")
    return FaceRow(
        name,
        source if is_text(source) else path_as_text(source),  # earlier versions wrote the bytes of the path
        cell["split"],
        cell["class"],
        cast(FaceStatus, status),
        cell["reason"],
        _number(cell["score"], 1),
        _box(cell["box"]) if cell["box"] else None,
        int(cell["faces"]),
        int(cell["width"]),
        int(cell["height"]),
        cell["subject"],
        tuple(cell["traits"].split()),
        _number(cell["grey_mean"], 255),
        _number(cell["grey_spread"], 255),
    )


def _number(text: str, most: float) -> float | None:
    return number_of(text, 0, most) if text else None


def _box(text: str) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = map(float, text.split())
    if not are_finite((x0, y0, x1, y1)):
        raise ValueError(f"the box {quoted(text)} is not finite")
    return x0, y0, x1, y1
