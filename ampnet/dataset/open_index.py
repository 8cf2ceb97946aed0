"""Opening a prepared data set: whether it consists of files or shards is decided here, and nowhere else."""

from pathlib import Path

from ampnet.dataset.index.face_index import FaceIndex, read_index_files
from ampnet.dataset.index.index_files import is_sharded
from ampnet.dataset.shards.manifest import SPLIT_NAMES, read_manifest
from ampnet.dataset.shards.sharded_index import read_sharded_index, stream_index
from ampnet.errors import DataError
from ampnet.settings import Split

STREAMED_FACES = 2_000_000
"""Of data sets in shards with more faces, only what is needed is in memory; smaller ones are loaded, 200 bytes for each
face."""


def read_index(root: Path) -> FaceIndex:
    """Load a prepared data set and check its consistency.

    It may come from `ampnet prepare`, be in shards (`ampnet convert`), or be hand-made.

    Args:
        root: folder that holds ``index/`` and ``dataset/``.

    Raises:
        DataError: a file is missing or damaged, a label is out of range, or a name has no landmarks or no image.
    """
    return read_sharded_index(root) if is_sharded(root) else read_index_files(root)


def open_training_index(root: Path) -> FaceIndex:
    """Load a data set for training, or open it for streaming if it has more than :data:`STREAMED_FACES` faces.

    Raises:
        DataError: see :func:`read_index`; or a set to be streamed has no official splits.
    """
    if not is_sharded(root) or len(read_manifest(root)) <= STREAMED_FACES:
        return read_index(root)
    return stream_index(root)


def open_split(root: Path, split: Split) -> FaceIndex:
    """Load a data set for the evaluation of a split; of one that training would stream, only that split's faces.

    Raises:
        DataError: see :func:`read_index`; or a large set has no face in the split.
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
