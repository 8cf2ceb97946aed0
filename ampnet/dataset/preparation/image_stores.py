"""Where prepare puts its images: in files of dataset/, or in packs of a chunk each, of which shards are made."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from ampnet.errors import DataError
from ampnet.files.opening import read_bytes
from ampnet.files.printable import printable
from ampnet.files.writing import atomic_write

WriteImage = Callable[[str, bytes], None]
"""Takes an image under its name."""

MAX_PACK = 1 << 30
"""Maximum size of a pack in bytes: 64 images with 1,000 faces each have 768 MB."""

_FOLDER = "images"


@dataclass(frozen=True)
class ImageFiles:
    """A file for each image."""

    folder: Path

    def write(self, chunk: int, name: str, content: bytes) -> None:  # noqa: ARG002
        """Write an image; it appears whole or not at all.

        Raises:
            DataError: it cannot be written.
        """
        with atomic_write(self.folder / name, durable=False) as aside:
            aside.write_bytes(content)

    def finish(self, chunk: int) -> None:
        """Do nothing: the files are there."""

    def counted_from_zero(self, chunks: Sequence[int]) -> "ImageFiles":  # noqa: ARG002
        """Return this store, for which chunks make no difference."""
        return ImageFiles(self.folder.resolve())


@dataclass(frozen=True)
class ImagePacks:
    """A file for all images of a chunk, written when the chunk is finished, and again under the same name if repeated.

    The working files of a set in shards: whether an image is usable, and so in which shard it is, is only known when
    all chunks before it are done.
    """

    folder: Path
    """The journal's folder."""
    chunks: Sequence[int] | None = None
    """Number of each chunk in the data set; None if it goes by that."""
    _open: dict[int, dict[str, bytes]] = field(default_factory=dict, repr=False)

    def write(self, chunk: int, name: str, content: bytes) -> None:
        """Keep an image until its chunk is finished."""
        self._open.setdefault(chunk, {})[name] = content

    def finish(self, chunk: int) -> None:
        """Write a chunk's pack; it appears whole or not at all.

        Raises:
            DataError: it cannot be written.
        """
        images = self._open.pop(chunk, {})
        if images:
            ordered = {name: images[name] for name in sorted(images)}
            with atomic_write(self._path(chunk), durable=False) as aside:
                aside.write_bytes(msgspec.msgpack.encode(ordered))

    def counted_from_zero(self, chunks: Sequence[int]) -> "ImagePacks":
        """Return this store for a process that knows these chunks as 0, 1, 2, ..."""
        return replace(self, folder=self.folder.resolve(), chunks=tuple(chunks), _open={})

    def read(self, chunk: int) -> dict[str, bytes]:
        """Read a chunk's pack: name -> image.

        Raises:
            DataError: it is missing or damaged.
        """
        path = self._path(chunk)
        try:
            return msgspec.msgpack.decode(read_bytes(path, MAX_PACK), type=dict[str, bytes])
        except (DataError, msgspec.DecodeError) as error:
            raise DataError(f"cannot read {path}: {printable(error)}; start over with --force") from error

    def remove(self, chunk: int) -> None:
        """Delete a chunk's pack, if it has one."""
        self._path(chunk).unlink(missing_ok=True)

    def _path(self, chunk: int) -> Path:
        number = chunk if self.chunks is None else self.chunks[chunk]
        return self.folder / _FOLDER / f"{number // 1000:05d}" / f"{number:08d}.pack"


ImageStore = ImageFiles | ImagePacks
"""Takes the images of chunks, from several threads at once."""
