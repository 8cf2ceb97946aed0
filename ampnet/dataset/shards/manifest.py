"""`index/shards.json`: what the shards of a data set hold, so that opening it never reads them all."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from ampnet.dataset.index.index_files import MANIFEST_FILE, ClassNames, distinct, faces_table
from ampnet.errors import DataError
from ampnet.files.documents import read_json
from ampnet.files.writing import write_json
from ampnet.settings import MAX_FACES_PER_SHARD
from ampnet.settings.labels import MAX_CLASSES, MAX_NAME

MAX_SHARDS = 100_000
MAX_MANIFEST = 128 << 20
"""Maximum size of shards.json in bytes."""

CURE = "convert or prepare the data set again"

SplitName = Literal["", "train", "val", "test"]
SPLIT_NAMES: tuple[SplitName, ...] = ("", "train", "val", "test")
Faces = Annotated[int, Meta(ge=0, le=MAX_FACES_PER_SHARD)]


class Shard(Struct, frozen=True):
    """What one pair of files holds: `index/faces-NNNNN.parquet` and `dataset/faces-NNNNN.tar`."""

    faces: Annotated[int, Meta(ge=1, le=MAX_FACES_PER_SHARD)]
    counts: dict[SplitName, Annotated[list[Faces], Meta(max_length=MAX_CLASSES)]]
    """Split (empty without official splits) -> faces of each class, in label order."""
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    """Of the parquet file; pixels are not included."""


class Manifest(Struct, frozen=True):
    """Everything about the shards that is needed before one of them is read."""

    class_names: ClassNames
    shards: Annotated[list[Shard], Meta(min_length=1, max_length=MAX_SHARDS)]
    """In the order of the faces."""
    rejected: Annotated[list[Faces], Meta(max_length=MAX_SHARDS)] = []
    """Rows of each `index/rejected-NNNNN.parquet`."""
    vote_columns: Annotated[list[Annotated[str, Meta(max_length=MAX_NAME)]], Meta(max_length=MAX_CLASSES + 10)] = []
    """Answers that annotators could give; empty if the data set has no votes."""
    version: Literal[1] = 1

    def __len__(self) -> int:
        """Return the number of faces."""
        return sum(shard.faces for shard in self.shards)

    def faces_in(self, split: SplitName) -> list[int]:
        """Return how many faces of a split each shard has."""
        return [sum(shard.counts.get(split, ())) for shard in self.shards]


def write_manifest(root: Path, manifest: Manifest) -> None:
    """Write shards.json, after all shards: a data set without it is not one yet."""
    write_json(root / "index" / MANIFEST_FILE, msgspec.to_builtins(manifest), indent=None)


def read_manifest(root: Path) -> Manifest:
    """Read shards.json.

    Raises:
        DataError: it is missing, damaged or out of bounds, or its counts contradict each other.
    """
    path = root / "index" / MANIFEST_FILE
    manifest = read_json(path, Manifest, CURE, MAX_MANIFEST)
    distinct(manifest.class_names, path)
    for number, shard in enumerate(manifest.shards):
        counts = shard.counts.values()
        if sum(map(sum, counts)) != shard.faces or any(len(row) != len(manifest.class_names) for row in counts):
            raise DataError(f"{path}: the counts of {faces_table(number)} do not add up; {CURE}")
    if len({"" in shard.counts for shard in manifest.shards}) > 1:
        raise DataError(f"{path}: some shards have official splits, others have none; {CURE}")
    return manifest
