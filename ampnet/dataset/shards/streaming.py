"""A large data set in shards, of which only the shards in use are in memory.

For training, it looks like an index whose columns are read when they are asked for. Training needs no more than the
rows of one batch at a time, and the order of :class:`ampnet.dataset.loading.sampling.StreamedBatchSampler` keeps these
within a few shards. An evaluation loads the rows of its split.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from itertools import accumulate
from pathlib import Path
from typing import Any, cast, overload

import numpy as np
from numpy.typing import NDArray

from ampnet.dataset.index.face_index import META_FILE, FaceIndex, read_framing, read_index
from ampnet.dataset.index.meta_file import read_meta
from ampnet.dataset.shards.manifest import SPLIT_NAMES, SplitName, is_sharded, read_manifest
from ampnet.dataset.shards.reader import ShardReader
from ampnet.dataset.shards.sharded_index import ShardImages, read_sharded_index
from ampnet.dataset.shards.tables import Table
from ampnet.errors import DataError
from ampnet.settings import Split

STREAMED_FACES = 2_000_000
"""Of data sets in shards with more faces, only what is needed is in memory; smaller ones are loaded, 200 bytes for each
face."""

SHARDS_AT_ONCE = 32
"""Shards whose faces are shuffled together."""


class StreamedSplit:
    """Positions of the faces of a split in the data set, ascending, worked out when they are asked for."""

    def __init__(self, reader: ShardReader, split: SplitName) -> None:
        self.reader, self.split = reader, split
        self.sizes = reader.manifest.faces_in(split)
        """Faces of the split in each shard."""
        self._starts = [0, *accumulate(self.sizes)]

    def __len__(self) -> int:
        return self._starts[-1]

    @overload
    def __getitem__(self, places: int) -> int: ...
    @overload
    def __getitem__(self, places: Iterable[int]) -> NDArray[np.int64]: ...

    def __getitem__(self, places: int | Iterable[int]) -> int | NDArray[np.int64]:
        """Return the positions of some of the split's faces."""
        if isinstance(places, int | np.integer):
            return self._position(int(places))
        return np.array([self._position(int(place)) for place in places], dtype=np.int64)

    def class_counts(self) -> NDArray[np.int64]:
        """Return the number of faces of each class, ``(K,)``."""
        none = [0] * len(self.reader.manifest.class_names)
        counts = [shard.counts.get(self.split, none) for shard in self.reader.manifest.shards]
        return np.asarray(np.array(counts, dtype=np.int64).sum(axis=0))

    def _position(self, place: int) -> int:
        if not 0 <= place < len(self):
            raise IndexError(place)
        shard = bisect_right(self._starts, place) - 1
        row = place - self._starts[shard]
        if self.sizes[shard] < self.reader.manifest.shards[shard].faces:  # it holds faces of other splits as well
            row = int(self.reader.rows_of_split(shard, self.split)[row])
        return self.reader.starts[shard] + row


class StreamedColumn(Sequence[Any]):
    """One value for each face, read when it is asked for."""

    def __init__(self, reader: ShardReader, read: Callable[[Table, int], Any]) -> None:
        self.reader, self.read = reader, read

    def __len__(self) -> int:
        return len(self.reader)

    def __getitem__(self, positions: Any) -> Any:
        """Return a face's value, or an array with those of several."""
        if isinstance(positions, int | np.integer):
            shard, row = self.reader.place(int(positions))
            return self.read(self.reader.table(shard), row)
        return np.array([self[int(position)] for position in positions])


def open_training_index(root: Path) -> FaceIndex:
    """Load a data set for training, or open it for streaming if it has more than :data:`STREAMED_FACES` faces.

    Raises:
        DataError: see :func:`~ampnet.dataset.index.face_index.read_index`; or a set to be streamed has no official
            splits.
    """
    if not is_sharded(root) or len(read_manifest(root)) <= STREAMED_FACES:
        return read_index(root)
    reader = ShardReader(root, open_shards=2 * SHARDS_AT_ONCE)
    if "" in reader.manifest.shards[0].counts:
        raise DataError(
            f"{root} has {len(reader):,} faces and no official splits; above {STREAMED_FACES:,}, training needs faces "
            "named train_..., val_... and test_..."
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


def open_split(root: Path, split: Split) -> FaceIndex:
    """Load a data set for the evaluation of a split; of one that training would stream, only that split's faces.

    Raises:
        DataError: see :func:`~ampnet.dataset.index.face_index.read_index`; or a large set has no face in the split.
    """
    if not is_sharded(root):
        return read_index(root)
    manifest = read_manifest(root)
    if len(manifest) <= STREAMED_FACES or "" in manifest.shards[0].counts:
        return read_index(root)
    if not sum(manifest.faces_in(split)):
        filled = [name for name in SPLIT_NAMES if sum(manifest.faces_in(name))]
        raise DataError(f"{root} has no face in the split {split}; it has {', '.join(filled)}")
    return read_sharded_index(root, split)


def streamed_splits(images: ShardImages) -> dict[SplitName, StreamedSplit]:
    """Return the official splits of a streamed data set."""
    return {split: StreamedSplit(images.reader, split) for split in ("train", "val", "test")}


def hash_shards(images: ShardImages) -> str:
    """Return a SHA-256 over the tables of all shards, of which shards.json knows their own."""
    manifest = images.reader.manifest
    lines = [*manifest.class_names, *(shard.sha256 for shard in manifest.shards)]
    return sha256("\n".join(lines).encode()).hexdigest()


def _name(table: Table, row: int) -> str:
    return table.text_at("name", row)


def _split(table: Table, row: int) -> str:
    return table.text_at("split", row)


def _label(table: Table, row: int) -> int:
    return int(table.arrays["label"][row])


def _landmarks(table: Table, row: int) -> NDArray[np.float32]:
    return np.asarray(table.arrays["landmarks"][row].reshape(5, 2))
