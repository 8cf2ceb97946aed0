"""The faces of one split of a large data set in shards, known without reading its tables."""

from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate
from typing import overload

import numpy as np
from numpy.typing import NDArray

from ampnet.dataset.shards.manifest import SplitName
from ampnet.dataset.shards.reader import ShardReader


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
