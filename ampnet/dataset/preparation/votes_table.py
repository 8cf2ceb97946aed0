"""Writing `index/label_votes.csv`, and counting the images with votes by outcome."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from ampnet.dataset.index.face_names import unique_names
from ampnet.dataset.index.faces_table import FaceStatus
from ampnet.dataset.index.label_votes import LabelVotes, write_votes
from ampnet.dataset.index.raw_images import RawDataSet
from ampnet.dataset.preparation.frames import PreparedFace

StatusCounts = dict[str, dict[str, int]]
"""Split -> status -> input images."""

FOUND: tuple[FaceStatus, ...] = ("detected", "retried")


class VotesTable:
    """Counts the prepared images with votes by outcome, and writes their votes.

    Votes refer to images: if several faces of an image are kept (``--face all``), the first one gets them. A rejected
    image keeps its row, under the name that it would have had.
    """

    def __init__(self, source: RawDataSet) -> None:
        self.images: StatusCounts = {}
        """Images with votes."""
        self.no_face: StatusCounts = {}
        """Images whose most frequent answer is ``no_face``."""
        self._source = source
        nothing = (0.0,) * len(source.vote_columns)
        votes = np.array([item.votes or nothing for item in source.items], dtype=np.float32)
        self._no_face = LabelVotes(source.vote_columns, votes).calls_no_face()
        self._last = -1

    def add(self, face: PreparedFace) -> None:
        """Count a face; faces must come in the source's order."""
        item = self._source.items[face.item]
        if face.item == self._last or not item.votes:
            return
        self._last = face.item
        for counts in (self.images, *([self.no_face] if self._no_face[face.item] else [])):
            by_status = counts.setdefault(item.split, {})
            by_status[face.row.status] = by_status.get(face.row.status, 0) + 1

    def to_dict(self) -> dict[str, Any]:
        """Return the counts as values for JSON."""
        return {"images": self.images, "no_face": self.no_face}

    def line(self) -> str:
        """Summarise the counts in one line."""
        return (
            f"votes: {_sum(self.images):,} of {len(self._source.items):,} images have votes; of "
            f"{_sum(self.no_face):,} voted to show no face, the detector found a face in {_sum(self.no_face, FOUND):,}"
        )

    def write(self, path: Path) -> None:
        """Write the votes of all images that have any, under their prepared names."""
        pairs = zip(unique_names(self._source.items), self._source.items, strict=True)
        write_votes(path, self._source.vote_columns, ((name, item.votes) for name, item in pairs if item.votes))


def _sum(counts: StatusCounts, statuses: Collection[str] | None = None) -> int:
    """Sum the images over all splits, for some statuses or all."""
    return sum(
        count
        for by_status in counts.values()
        for status, count in by_status.items()
        if statuses is None or status in statuses
    )
