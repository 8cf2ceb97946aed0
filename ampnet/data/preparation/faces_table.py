"""`index/faces.csv`: a row for every input image, used or not; `index/err.csv`: list of failures."""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from ampnet.errors import DataError
from ampnet.media.files import atomic_write

Status = Literal["detected", "retried", "template", "rejected"]

COLUMNS = (
    "name",
    "source",
    "split",
    "class",
    "status",
    "reason",
    "score",
    "box",
    "faces",
    "width",
    "height",
    "subject",
    "traits",
    "grey_mean",
    "grey_spread",
)


@dataclass(frozen=True)
class FaceRow:
    """The outcome for one input image."""

    name: str
    """Name in data_label.txt; empty if rejected."""
    source: str
    """Path relative to the raw folder, with ``/``."""
    split: str
    class_name: str
    status: Status
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
    """Signs that the source image is not an unaltered photograph (:mod:`ampnet.data.quality.photographs`)."""
    grey_mean: float | None = None
    """Mean grey level of the source pixels, 0 to 255; None if it was not measured."""
    grey_spread: float | None = None
    """Standard deviation of the grey levels; None with ``grey_mean``."""

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
    _write(path, COLUMNS, (row.cells() for row in rows))


def write_failures(path: Path, rows: Iterable[FaceRow]) -> None:
    """Write err.csv: source path and reason of every rejected image."""
    _write(path, ("source", "reason"), ([row.source, row.reason] for row in rows if row.status == "rejected"))


def read_faces(path: Path) -> Iterator[FaceRow]:
    """Read faces.csv row by row.

    Raises:
        DataError: the file cannot be read, or a row is invalid.
    """
    try:
        with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
            for cells in csv.DictReader(file):
                yield _row(cells)
    except (OSError, csv.Error, KeyError, TypeError, ValueError) as error:
        raise DataError(f"cannot read {path}: {error}; run prepare again") from error


def _row(cells: dict[str, str]) -> FaceRow:
    return FaceRow(
        name=cells["name"],
        source=cells["source"],
        split=cells["split"],
        class_name=cells["class"],
        status=cast(Status, cells["status"]),
        reason=cells["reason"],
        score=float(cells["score"]) if cells["score"] else None,
        box=_box(cells["box"]),
        faces=int(cells["faces"]),
        width=int(cells["width"]),
        height=int(cells["height"]),
        subject=cells.get("subject", ""),
        traits=tuple(cells.get("traits", "").split()),
        grey_mean=_level(cells.get("grey_mean", "")),
        grey_spread=_level(cells.get("grey_spread", "")),
    )


def _level(text: str) -> float | None:
    return float(text) if text else None


def _box(text: str) -> tuple[float, float, float, float] | None:
    if not text:
        return None
    x0, y0, x1, y1 = (float(value) for value in text.split())
    return x0, y0, x1, y1


def _write(path: Path, columns: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    # File names on disk need not be valid UTF-8; surrogateescape carries their bytes through unchanged.
    with atomic_write(path) as aside, aside.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
