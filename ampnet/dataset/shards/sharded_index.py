"""A data set in shards as the index that training and evaluation use: loaded, or for training streamed.

A streamed one looks like an index whose columns are read when they are requested. Training needs no more than the rows
of one batch at a time, which the order of :class:`ampnet.dataset.loading.sampling.StreamedBatchSampler` keeps within a
few shards. An evaluation loads the rows of its split.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np
from numpy.typing import NDArray

from ampnet.dataset.index.face_index import FaceIndex, match_subjects, read_framing, read_undetected, tells_people
from ampnet.dataset.index.faces_table import FaceRow
from ampnet.dataset.index.index_files import FACES_FILE, MANIFEST_FILE, META_FILE, read_meta
from ampnet.dataset.index.label_votes import LabelVotes
from ampnet.dataset.index.landmarks_file import MAX_FACES
from ampnet.dataset.shards.manifest import CURE
from ampnet.dataset.shards.parquet_tables import ShardTable
from ampnet.dataset.shards.shard_reader import ShardReader, StreamedSplit, read_outcomes
from ampnet.errors import DataError
from ampnet.files.printable import printable
from ampnet.settings import Split


@dataclass(frozen=True, eq=False)
class ShardImages:
    """The images of some faces of a data set in shards."""

    reader: ShardReader
    positions: NDArray[np.int64]
    """Of the faces in the whole data set."""
    is_streamed: bool = False
    """Whether the rest of the index is read shard by shard as well (:mod:`ampnet.dataset.shards.sharded_index`)."""
    only: Split | None = None
    """The split whose faces the index holds; None if it holds all."""

    def read(self, i: int) -> bytes:
        """Read the image file of face ``i``.

        Raises:
            DataError: it cannot be read; the message is the reason alone.
        """
        return self.reader.image(int(self.positions[i]))

    def outcomes(self) -> Iterator[tuple[int, FaceRow]]:
        """Read what prepare noted about the images; see :func:`~ampnet.dataset.shards.shard_reader.read_outcomes`."""
        shards = self.reader.shards_with(self.only)
        for line, row in read_outcomes(self.reader.root, self.reader.manifest, shards):
            if self.only in (None, row.split):
                yield line, row

    def splits(self) -> dict[Split, Any]:
        """Return the official splits of a streamed data set: :class:`StreamedSplit`, used like arrays of positions."""
        return {split: StreamedSplit(self.reader, split) for split in get_args(Split)}

    def sha256(self) -> str:
        """Return a SHA-256 over the tables of all shards, of which shards.json knows their own."""
        manifest = self.reader.manifest
        lines = [*manifest.class_names, *(shard.sha256 for shard in manifest.shards)]
        return sha256("\n".join(lines).encode()).hexdigest()

    def subset(self, indices: NDArray[np.int64]) -> "ShardImages":
        """Keep the faces at ``indices``, in that order."""
        return replace(self, positions=self.positions[indices])


def read_sharded_index(root: Path, only: Split | None = None) -> FaceIndex:
    """Load the index of a data set in shards into memory, about 200 bytes for each face; images stay where they are.

    Args:
        root: folder that holds ``index/`` and ``dataset/``.
        only: keep the faces of this official split, and none of the others in memory; None keeps all.

    Raises:
        DataError: a file is missing, damaged or out of bounds, or there are too many faces for one index.
    """
    reader = ShardReader(root)
    manifest, meta_path = reader.manifest, root / "index" / META_FILE
    total = len(reader) if only is None else sum(manifest.faces_in(only))
    if total > MAX_FACES:
        what = f"{root} has {total:,} faces" if only is None else f"the split {only} of {root} has {total:,} faces"
        raise DataError(f"{what}, but at most {MAX_FACES:,} are loaded at once; only train streams more")
    meta = read_meta(meta_path)
    if meta is not None and meta.class_names != manifest.class_names:
        raise DataError(f"{meta_path} and {MANIFEST_FILE} name different classes; {CURE}")
    labels = np.empty(total, dtype=np.int64)
    landmarks = np.empty((total, 5, 2), dtype=np.float32)
    counts = np.empty((total, len(manifest.vote_columns)), dtype=np.float32)
    positions = np.empty(total, dtype=np.int64)
    names, splits = list[str](), list[str]()
    for shard in reader.shards_with(only):
        table = reader.table(shard)
        kept = np.arange(manifest.shards[shard].faces) if only is None else reader.rows_of_split(shard, only)
        rows = slice(len(names), len(names) + len(kept))
        positions[rows] = kept + reader.starts[shard]
        labels[rows] = table.arrays["label"][kept]
        landmarks[rows] = table.arrays["landmarks"][kept].reshape(-1, 5, 2)
        if manifest.vote_columns:
            counts[rows] = table.arrays["votes"][kept]
        for column, texts in ((names, table.text("name")), (splits, table.text("split"))):
            column += [texts[row] for row in kept]
    if len(set(names)) < len(names):
        raise DataError(f"{root / 'index'}: two shards list the same name; {CURE}")
    columns = tuple(printable(column) for column in manifest.vote_columns)
    images = ShardImages(reader, positions, only=only)
    has_people = tells_people(meta)
    return FaceIndex(
        root=root,
        class_names=manifest.class_names,
        names=names,
        labels=labels,
        splits=splits,
        landmarks=landmarks,
        files=names,
        undetected=read_undetected(meta, root / "index" / FACES_FILE),
        framing=read_framing(meta, meta_path),
        votes=LabelVotes(columns, counts) if columns else None,
        layout="" if meta is None else meta.layout,
        subjects=match_subjects(names, (row for _line, row in images.outcomes())) if has_people else None,
        shards=images,
    )


SHARDS_AT_ONCE = 32
"""Shards whose faces are shuffled together."""


class StreamedColumn(Sequence[Any]):
    """One value for each face, read when it is requested."""

    def __init__(self, reader: ShardReader, read: Callable[[ShardTable, int], Any]) -> None:
        self.reader, self.read = reader, read

    def __len__(self) -> int:
        return len(self.reader)

    def __getitem__(self, positions: Any) -> Any:
        """Return a face's value, or an array with those of several."""
        if isinstance(positions, int | np.integer):
            shard, row = self.reader.place(int(positions))
            return self.read(self.reader.table(shard), row)
        return np.array([self[int(position)] for position in positions])


def stream_index(root: Path) -> FaceIndex:
    """Open a data set in shards for training, its columns left on the disk.

    Raises:
        DataError: see :class:`~ampnet.dataset.shards.shard_reader.ShardReader`; or it has no official splits.
    """
    reader = ShardReader(root, open_shards=2 * SHARDS_AT_ONCE)
    if "" in reader.manifest.shards[0].counts:
        raise DataError(
            f"{root} has {len(reader):,} faces and no official splits; a data set of this size is streamed, which "
            "needs faces named train_..., val_... and test_..."
        )
    meta_path = root / "index" / META_FILE
    meta = read_meta(meta_path)
    return FaceIndex(
        root=root,
        class_names=reader.manifest.class_names,
        names=cast(Any, StreamedColumn(reader, _name)),
        labels=cast(Any, StreamedColumn(reader, _label)),
        splits=cast(Any, StreamedColumn(reader, _split)),
        landmarks=cast(Any, StreamedColumn(reader, _landmarks)),
        files=cast(Any, StreamedColumn(reader, _name)),
        framing=read_framing(meta, meta_path),
        layout="" if meta is None else meta.layout,
        shards=ShardImages(reader, cast(Any, range(len(reader))), is_streamed=True),
    )


def _name(table: ShardTable, row: int) -> str:
    return table.text_at("name", row)


def _split(table: ShardTable, row: int) -> str:
    return table.text_at("split", row)


def _label(table: ShardTable, row: int) -> int:
    return int(table.arrays["label"][row])


def _landmarks(table: ShardTable, row: int) -> NDArray[np.float32]:
    return np.asarray(table.arrays["landmarks"][row].reshape(5, 2))
