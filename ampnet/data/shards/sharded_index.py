"""A data set in shards as the index that training and evaluation use."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ampnet.data.index.face_index import FACES_FILE, META_FILE, FaceIndex, read_framing, read_undetected
from ampnet.data.index.label_votes import LabelVotes
from ampnet.data.index.labels_file import MAX_FACES
from ampnet.data.index.meta_file import read_meta
from ampnet.data.preparation.faces_table import FaceRow
from ampnet.data.shards.manifest import CURE, MANIFEST_FILE
from ampnet.data.shards.reader import ShardReader, read_faces_table, read_outcomes
from ampnet.errors import DataError
from ampnet.media.printable import printable


@dataclass(frozen=True, eq=False)
class ShardImages:
    """The images of some faces of a data set in shards."""

    reader: ShardReader
    positions: NDArray[np.int64]
    """Of the faces in the whole data set."""
    is_streamed: bool = False
    """Whether the rest of the index is read shard by shard as well (:mod:`ampnet.data.shards.streaming`)."""

    def read(self, i: int) -> bytes:
        """Read the image file of face ``i``.

        Raises:
            DataError: it cannot be read; the message is the reason alone.
        """
        return self.reader.image(int(self.positions[i]))

    def outcomes(self) -> Iterator[tuple[int, FaceRow]]:
        """Read what prepare noted about all images; see :func:`~ampnet.data.shards.reader.read_outcomes`."""
        return read_outcomes(self.reader.root, self.reader.manifest)

    def subset(self, indices: NDArray[np.int64]) -> "ShardImages":
        """Keep the faces at ``indices``, in that order."""
        return ShardImages(self.reader, self.positions[indices])


def read_sharded_index(root: Path) -> FaceIndex:
    """Load the index of a data set in shards into memory, about 200 bytes for each face; images stay where they are.

    Args:
        root: folder that holds ``index/`` and ``dataset/``.

    Raises:
        DataError: a file is missing, damaged or out of bounds, or the data set has too many faces for one index.
    """
    reader = ShardReader(root)
    manifest, meta_path = reader.manifest, root / "index" / META_FILE
    if len(reader) > MAX_FACES:
        raise DataError(
            f"{root} has {len(reader):,} faces, but at most {MAX_FACES:,} are loaded at once; only train streams more"
        )
    meta = read_meta(meta_path)
    if meta is not None and meta.class_names != manifest.class_names:
        raise DataError(f"{meta_path} and {MANIFEST_FILE} name different classes; {CURE}")
    labels = np.empty(len(reader), dtype=np.int64)
    landmarks = np.empty((len(reader), 5, 2), dtype=np.float32)
    counts = np.empty((len(reader), len(manifest.vote_columns)), dtype=np.float32)
    names, splits = list[str](), list[str]()
    for shard, start in enumerate(reader.starts[:-1]):
        table = read_faces_table(root, manifest, shard)
        rows = slice(start, reader.starts[shard + 1])
        labels[rows], landmarks[rows] = table.arrays["label"], table.arrays["landmarks"].reshape(-1, 5, 2)
        if manifest.vote_columns:
            counts[rows] = table.arrays["votes"]
        names += table.text("name")
        splits += table.text("split")
    if len(set(names)) < len(names):
        raise DataError(f"{root / 'index'}: two shards list the same name; {CURE}")
    columns = tuple(printable(column) for column in manifest.vote_columns)
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
        shards=ShardImages(reader, np.arange(len(reader), dtype=np.int64)),
    )
