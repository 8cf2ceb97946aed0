"""Writing a data set in shards: each shard on its own, from any process, then the list of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ampnet.dataset.index.faces_table import COLUMNS, FaceRow
from ampnet.dataset.index.index_files import faces_table, images_tar, rejected_table
from ampnet.dataset.shards.manifest import SPLIT_NAMES, Shard, SplitName
from ampnet.dataset.shards.parquet_tables import OUTCOME, write_table
from ampnet.dataset.shards.tar_file import write_tar
from ampnet.errors import DataError
from ampnet.files.writing import atomic_write
from ampnet.settings import MAX_FACES_PER_SHARD


@dataclass(frozen=True, eq=False)
class ShardFace:
    """One usable face, as a shard keeps it."""

    name: str
    """As in data_label.txt."""
    label: int
    """From 0, in the order of the class names."""
    split: SplitName
    """Empty if the data set has no official splits."""
    landmarks: NDArray[np.floating]
    """``(5, 2)`` pixels (x, y) in the 224-px image."""
    image: bytes
    """The image file's content."""
    votes: Sequence[float] = ()
    """One number for each vote column."""
    outcome: FaceRow | None = None
    """The face's row of faces.csv."""
    line: int = -1
    """Its place in faces.csv, from 0; -1 without one."""


def write_shard(root: Path, number: int, faces: Sequence[ShardFace], num_classes: int) -> Shard:
    """Write one shard: dataset/faces-NNNNN.tar, then index/faces-NNNNN.parquet, each whole or not at all.

    The same faces give the same bytes, so a shard written twice, by whichever process, is written once.

    Args:
        root: folder that holds ``index/`` and ``dataset/``, created if missing.
        number: of the shard, from 0.
        faces: 1 to :data:`~ampnet.settings.MAX_FACES_PER_SHARD` faces, all with votes or all without.

    Returns:
        The shard's entry for shards.json.

    Raises:
        DataError: a file cannot be written, or there are too many faces.
    """
    if not 1 <= len(faces) <= MAX_FACES_PER_SHARD:
        raise DataError(f"a shard holds 1 to {MAX_FACES_PER_SHARD:,} faces, not {len(faces):,}")
    with atomic_write(root / "dataset" / images_tar(number)) as aside, aside.open("wb") as file:
        offsets = write_tar(file, [(face.name, face.image) for face in faces])
    cells = [_cells(face.outcome) for face in faces]
    texts = {column: [row[column] for row in cells] for column in ("class", *OUTCOME)}
    texts |= {"name": [face.name for face in faces], "split": [face.split for face in faces]}
    labels = np.array([face.label for face in faces], dtype=np.int16)
    arrays: dict[str, NDArray[Any]] = {
        "line": np.array([face.line for face in faces], dtype=np.int64),
        "label": labels,
        "offset": np.array(offsets, dtype=np.int64),
        "size": np.array([len(face.image) for face in faces], dtype=np.int64),
        "landmarks": np.array([face.landmarks for face in faces], dtype=np.float32).reshape(len(faces), 10),
    }
    if len(faces[0].votes):
        arrays["votes"] = np.array([face.votes for face in faces], dtype=np.float32)
    digest = write_table(root / "index" / faces_table(number), texts, arrays)
    splits = np.array([face.split for face in faces])
    counts: dict[SplitName, list[int]] = {
        split: np.bincount(labels[splits == split], minlength=num_classes).tolist()
        for split in SPLIT_NAMES
        if (splits == split).any()
    }
    return Shard(faces=len(faces), counts=counts, sha256=digest)


def write_rejected(root: Path, number: int, rows: Sequence[tuple[int, FaceRow]]) -> int:
    """Write index/rejected-NNNNN.parquet: images without a usable face, each with its place in faces.csv.

    Returns:
        The number of rows, for shards.json.
    """
    cells = [_cells(row) for _line, row in rows]
    texts = {column: [row[column] for row in cells] for column in ("split", "class", *OUTCOME)}
    write_table(
        root / "index" / rejected_table(number), texts, {"line": np.array([line for line, _row in rows], np.int64)}
    )
    return len(rows)


def _cells(row: FaceRow | None) -> dict[str, str]:
    return dict.fromkeys(COLUMNS, "") if row is None else dict(zip(COLUMNS, row.cells(), strict=True))
