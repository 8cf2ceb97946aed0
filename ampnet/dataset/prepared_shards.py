"""The last step of prepare in shards: the images of all chunks, in packs, become shards, and the packs go."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from ampnet.dataset.index.face_names import FACE_MARK
from ampnet.dataset.index.faces_table import FaceRow
from ampnet.dataset.preparation.chunks import CHUNK
from ampnet.dataset.preparation.croissant import write_croissant
from ampnet.dataset.preparation.frames import PreparedFace
from ampnet.dataset.preparation.image_stores import ImagePacks
from ampnet.dataset.preparation.write_index import FinishedFaces, IndexCounts
from ampnet.dataset.shards.manifest import Manifest, Shard, write_manifest
from ampnet.dataset.shards.writer import ShardFace, write_rejected, write_shard
from ampnet.errors import DataError
from ampnet.files.documents import read_json
from ampnet.files.journal import CURE
from ampnet.files.printable import printable
from ampnet.files.writing import write_json
from ampnet.settings import FACES_PER_SHARD

_RECORD = "shards.json"
_MAX_RECORD = 128 << 20


def build_shards(
    root: Path, finished: FinishedFaces, packs: ImagePacks, plan: dict[str, Any], seconds: float, faces_per_shard: int
) -> IndexCounts:
    """Write a data set in shards; shards.json comes last.

    The files are those that `ampnet convert` makes of the same data set in files. A pack is deleted as soon as all of
    its images are in shards; a run that was killed continues with the first shard that is not there.

    Raises:
        DataError: there is no usable face, a pack is damaged, or a file cannot be written.
    """
    writer = _ShardWriter(root, finished, packs, faces_per_shard)
    rejected, counts = list[tuple[int, FaceRow]](), list[int]()
    for line, face in enumerate(finished.walk(writer.late.__setitem__)):
        if face.row.status != "rejected":
            writer.add(line, face)
            continue
        rejected.append((line, face.row))
        if len(rejected) == FACES_PER_SHARD:
            counts.append(write_rejected(root, len(counts), rejected))
            rejected.clear()
    writer.finish()
    if rejected:
        counts.append(write_rejected(root, len(counts), rejected))
    finished.write_meta(root / "index", plan, seconds)
    write_croissant(root, len(writer.shards))
    # As label_votes.csv shows them: an untrusted column may hold anything.
    columns = [printable(column) for column in finished.source.vote_columns]
    write_manifest(root, Manifest(finished.source.class_names, writer.shards, counts, columns))
    return finished.counts()


@dataclass
class _ShardWriter:
    """Gathers faces until a shard is full."""

    root: Path
    finished: FinishedFaces
    packs: ImagePacks
    faces_per_shard: int
    shards: list[Shard] = field(default_factory=list)
    """Those that are complete."""
    late: dict[str, bytes] = field(default_factory=dict)
    """Images that were framed after their chunk, with the mean landmarks."""
    _faces: list[ShardFace] = field(default_factory=list)
    _count: int = 0
    _pack: tuple[int, dict[str, bytes]] = (-1, {})
    _removed: int = 0

    def __post_init__(self) -> None:
        self._earlier = _recorded(self.finished.journal.folder / _RECORD)

    def add(self, line: int, face: PreparedFace) -> None:
        """Add a face, with its row's place in faces.csv."""
        item, row, chunk = self.finished.source.items[face.item], face.row, face.item // CHUNK
        # Votes refer to images: the first face of one, which has its name, has them.
        has_votes = item.votes and FACE_MARK not in row.name
        votes = item.votes if has_votes else (0.0,) * len(self.finished.source.vote_columns)
        self._count += 1
        content = self.late.pop(row.name, None)
        if len(self.shards) >= len(self._earlier):
            self._faces.append(
                ShardFace(
                    name=row.name,
                    label=self.finished.labels[row.class_name],
                    split=row.split,  # type: ignore[arg-type]  # a source has no others
                    landmarks=np.array(face.landmarks, dtype=np.float32).reshape(5, 2),
                    image=self._image(chunk, row.name) if content is None else content,
                    votes=[float(f"{count:g}") for count in votes],  # as label_votes.csv has them
                    outcome=row,
                    line=line,
                )
            )
        if self._count == self.faces_per_shard:
            self._close(chunk)

    def finish(self) -> None:
        """Write the last shard."""
        if self._count:
            self._close(self._removed)

    def _image(self, chunk: int, name: str) -> bytes:
        if self._pack[0] != chunk:
            self._pack = chunk, self.packs.read(chunk)
        try:
            return self._pack[1][name]
        except KeyError:
            raise DataError(f"the images of chunk {chunk} lack {printable(name)}; {CURE}") from None

    def _close(self, chunk: int) -> None:
        """Write or skip a shard, and delete the packs of the chunks before that of its last face."""
        number = len(self.shards)
        if number < len(self._earlier):
            self.shards.append(self._earlier[number])
        else:
            self.shards.append(write_shard(self.root, number, self._faces, len(self.finished.labels)))
            write_json(self.finished.journal.folder / _RECORD, msgspec.to_builtins(self.shards), indent=None)
        for done in range(self._removed, chunk):
            self.packs.remove(done)
        self._removed, self._count = chunk, 0
        self._faces.clear()


def _recorded(path: Path) -> list[Shard]:
    """Read which shards an interrupted run has completed."""
    return read_json(path, list[Shard], CURE, _MAX_RECORD) if path.is_file() else []
