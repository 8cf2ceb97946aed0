"""Reading a data set in shards: any face by its position, with a bounded number of shards in memory."""

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from itertools import accumulate
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from ampnet.dataset.index.faces_table import COLUMNS, FaceRow, row_of_cells
from ampnet.dataset.index.index_files import LABELS_FILE, MANIFEST_FILE, faces_table, images_tar, rejected_table
from ampnet.dataset.index.label_votes import MOST_VOTES
from ampnet.dataset.index.prepared_images import is_plain, refuse_links_outside
from ampnet.dataset.shards.manifest import CURE, Manifest, SplitName, read_manifest
from ampnet.dataset.shards.parquet_tables import ShardTable, read_table
from ampnet.dataset.shards.tar_file import TarImages
from ampnet.errors import DataError, ImageError
from ampnet.files.printable import printable

OPEN_SHARDS = 32
"""Tables, and tar files, that a reader keeps open; the oldest goes first."""

FACE_COLUMNS = ("name", "split", "label", "offset", "size", "landmarks")
"""Columns that training and evaluation need of every face; votes are read where there are any."""


class ShardReader:
    """Faces of a data set in shards by position, from 0 in the order of the shards."""

    def __init__(self, root: Path, open_shards: int = OPEN_SHARDS) -> None:
        """Open a data set: only shards.json is read.

        Raises:
            DataError: see :func:`~ampnet.dataset.shards.manifest.read_manifest`; or the folder holds both forms.
        """
        if (root / "index" / LABELS_FILE).exists():
            both = f"{LABELS_FILE} and {MANIFEST_FILE}"
            raise DataError(f"{root}/index holds both {both}; one is out of date: delete it")
        self.root, self.manifest, self.open_shards = root, read_manifest(root), open_shards
        self.starts = [0, *accumulate(shard.faces for shard in self.manifest.shards)]
        """Position of each shard's first face; at the end, the number of faces."""
        self._tables = OrderedDict[int, ShardTable]()
        self._tars = OrderedDict[int, TarImages]()

    def __len__(self) -> int:
        return self.starts[-1]

    def __getstate__(self) -> dict[str, object]:
        """Drop open files when the reader is pickled."""
        return self.__dict__ | {"_tables": OrderedDict(), "_tars": OrderedDict()}

    def place(self, position: int) -> tuple[int, int]:
        """Return the shard of a face, and its row there."""
        shard = bisect_right(self.starts, position) - 1
        return shard, position - self.starts[shard]

    def shards_with(self, split: SplitName | None) -> list[int]:
        """Return the shards that hold faces of a split; all of them for None."""
        if split is None:
            return list(range(len(self.manifest.shards)))
        return [shard for shard, faces in enumerate(self.manifest.faces_in(split)) if faces]

    def table(self, shard: int) -> ShardTable:
        """Return the columns :data:`FACE_COLUMNS` and ``votes`` of a shard, checked.

        Raises:
            DataError: the table is damaged, or a value is out of bounds.
        """
        if shard not in self._tables:
            self._tables[shard] = read_faces_table(self.root, self.manifest, shard)
            if len(self._tables) > self.open_shards:
                self._tables.popitem(last=False)
        self._tables.move_to_end(shard)
        return self._tables[shard]

    def rows_of_split(self, shard: int, split: str) -> NDArray[np.int64]:
        """Return the rows of a shard that belong to a split, ascending."""
        table = self.table(shard)
        if "split" not in table.arrays:
            table.arrays["split"] = np.array(table.text("split"))
        return np.flatnonzero(table.arrays["split"] == split)

    def image(self, position: int) -> bytes:
        """Read a face's image file.

        Raises:
            ImageError: it cannot be read; the message is the reason alone.
        """
        shard, row = self.place(position)
        table = self.table(shard)
        name = table.text_at("name", row)
        return self._tar(shard).read(name, int(table.arrays["offset"][row]), int(table.arrays["size"][row]))

    def name(self, position: int) -> str:
        """Return a face's name."""
        shard, row = self.place(position)
        return self.table(shard).text_at("name", row)

    def _tar(self, shard: int) -> TarImages:
        if shard not in self._tars:
            folder, name = self.root / "dataset", images_tar(shard)
            try:
                if (folder / name).is_symlink():
                    refuse_links_outside(folder, [name])
                self._tars[shard] = TarImages(folder / name)
            except DataError as error:
                raise ImageError(f"{name}: {error}") from error
            if len(self._tars) > self.open_shards:
                self._tars.popitem(last=False)[1].close()
        self._tars.move_to_end(shard)
        return self._tars[shard]


class StreamedSplit:
    """Positions of the faces of a split in the data set, ascending, computed on request."""

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


def read_faces_table(root: Path, manifest: Manifest, shard: int, outcomes: bool = False) -> ShardTable:
    """Read a shard's table, and check every value that will be used.

    Args:
        root: folder that holds ``index/``.
        outcomes: whether to read the columns of faces.csv as well.

    Raises:
        DataError: the table is damaged, or a value is out of bounds.
    """
    path, votes = root / "index" / faces_table(shard), len(manifest.vote_columns)
    columns = None if outcomes else [*FACE_COLUMNS, *(["votes"] if votes else [])]
    table = read_table(path, manifest.shards[shard].faces, votes, columns, manifest.shards[shard].sha256)
    numbers = table.arrays
    counts = numbers["votes"] if votes else np.zeros(0)
    if not (np.isfinite(numbers["landmarks"]).all() and ((counts >= 0) & (counts <= MOST_VOTES)).all()):
        raise DataError(f"{path}: landmarks must be finite, and votes from 0 to a million; {CURE}")
    names = table.text("name")
    if odd := next((name for name in names if not is_plain(name)), None):
        raise DataError(f"{path}: the name {printable(odd)} is not that of a file; {CURE}")
    if len(set(names)) < len(names):
        raise DataError(f"{path} lists a name twice; {CURE}")
    splits, labels = np.array(table.text("split")), numbers["label"]
    if ((labels < 0) | (labels >= len(manifest.class_names))).any():
        raise DataError(f"{path}: a label is not from 0 to {len(manifest.class_names) - 1}; {CURE}")
    for split, expected in manifest.shards[shard].counts.items():
        if np.bincount(labels[splits == split], minlength=len(manifest.class_names)).tolist() != expected:
            raise DataError(f"{path}: its faces are not those that shards.json counts; {CURE}")
    return table


def read_outcomes(root: Path, manifest: Manifest, shards: Iterable[int]) -> Iterator[tuple[int, FaceRow]]:
    """Read the rows of faces.csv, each with its place there; the usable faces of some shards, then rejected images.

    Raises:
        DataError: a table is damaged.
    """
    for shard in shards:
        path = root / "index" / faces_table(shard)
        yield from _rows(path, read_faces_table(root, manifest, shard, outcomes=True))
    for number, rows in enumerate(manifest.rejected):
        path = root / "index" / rejected_table(number)
        yield from _rows(path, read_table(path, rows, None))


def _rows(path: Path, table: ShardTable) -> Iterator[tuple[int, FaceRow]]:
    lines = table.arrays["line"].tolist()
    columns = [table.text(column) if column in table.texts else [""] * len(lines) for column in COLUMNS]
    for line, cells in zip(lines, zip(*columns, strict=True), strict=True):
        if line < 0:
            continue
        try:
            yield line, row_of_cells(cells)
        except ValueError as error:
            raise DataError(f"{path}, row {line}: {printable(error)}; {CURE}") from error
