"""A large data set in shards, of which only the shards in use are in memory.

For training, it looks like an index whose columns are read when they are asked for. Training needs no more than the
rows of one batch at a time, and the order of :class:`ampnet.dataset.loading.sampling.StreamedBatchSampler` keeps these
within a few shards. An evaluation loads the rows of its split.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ampnet.dataset.index.face_index import FaceIndex, read_framing
from ampnet.dataset.index.index_files import META_FILE
from ampnet.dataset.index.meta_file import read_meta
from ampnet.dataset.shards.parquet_tables import ShardTable
from ampnet.dataset.shards.shard_reader import ShardReader
from ampnet.dataset.shards.sharded_index import ShardImages
from ampnet.errors import DataError

SHARDS_AT_ONCE = 32
"""Shards whose faces are shuffled together."""


class StreamedColumn(Sequence[Any]):
    """One value for each face, read when it is asked for."""

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
