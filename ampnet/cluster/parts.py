"""The parts into which a prediction's input is cut, and reading them: photos in folders, tars, parquet files."""

import hashlib
import json
import tarfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from ampnet.cluster.storage import address_of, is_address, list_files, open_file
from ampnet.errors import DataError, ImageError, UsageError
from ampnet.files.download import is_url
from ampnet.files.printable import one_line, printable
from ampnet.media.decoding import MAX_BYTES
from ampnet.reading.image_files import readable_images
from ampnet.reading.inputs import PhotoInput
from ampnet.reading.sources import Source, plan
from ampnet.recognition.shots import Shot, read_ahead
from ampnet.results.recorded import NOTHING
from ampnet.runtime.threads import Threads

Kind = Literal["files", "tar", "parquet"]

IMAGE_COLUMNS = ("image", "jpg", "bytes", "content")
"""Names of a parquet file's column of images, in the order in which they are looked for."""

NAME_COLUMNS = ("path", "name", "file_name", "key", "id")

_ROWS = 64
_FORMATS = {".tar": "tar", ".parquet": "parquet"}


@dataclass(frozen=True)
class Part:
    """The unit of work of an actor, which gives one file of results."""

    number: int
    kind: Kind
    places: tuple[str, ...]
    """Photos and videos, or one tar or parquet file."""
    problems: tuple[str | None, ...]
    """Why a file cannot be read, if that is known beforehand."""


def cut(inputs: Sequence[Path | str], size: int, videos: bool) -> tuple[list[Part], list[str]]:
    """Cut the inputs into parts, always in the same way.

    Args:
        inputs: photos, videos, folders, tar and parquet files, or addresses of such; those of web photos as text.
        size: photos of a part; a tar or parquet file is a part by itself.
        videos: whether to read the videos in folders, too.

    Returns:
        The parts, and notes for the user.

    Raises:
        UsageError: there are no images.
        DataError: an address cannot be listed.
    """
    files: list[tuple[str, str | None]] = []
    shards: list[str] = []
    notes: list[str] = []
    plain: list[Path] = []
    for given in inputs:
        if isinstance(given, str):
            files.append((given, None))
            continue
        place = address_of(given)
        if is_address(place):
            found = list_files(place, [*readable_images(), *_FORMATS])
            shards += [name for name in found if _kind(name)]
            files += [(name, None) for name in found if not _kind(name)]
        elif given.is_dir():
            inside = sorted(str(path) for path in given.rglob("*") if _kind(path.name) and path.is_file())
            shards += inside
            if not inside or any(path.suffix.lower() in readable_images() for path in given.rglob("*")):
                plain.append(given)
        elif _kind(place):
            shards.append(place)
        else:
            plain.append(given)
    if plain:
        planned = plan(plain, None, videos)
        files = [*((str(source.path), source.problem) for source in planned.sources), *files]
        notes = planned.notes
    if not files and not shards:
        raise UsageError(f"{printable(inputs[0])} holds no images")
    parts: list[Part] = []
    for start in range(0, len(files), size):
        places, problems = zip(*files[start : start + size], strict=True)
        parts.append(Part(len(parts), "files", places, problems))
    for shard in shards:
        parts.append(Part(len(parts), _kind(shard) or "tar", (shard,), (None,)))
    return parts, notes


def digest_of(parts: Sequence[Part]) -> str:
    """Return a digest of all names, by which a resumed run tells that its input is the same."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(json.dumps([part.kind, part.places]).encode())
    return digest.hexdigest()


def read_part(part: Part, every: int, threads: Threads) -> Iterator[Shot]:
    """Read the photos of a part in order; what cannot be read is a shot with the reason.

    Photos are read and decoded in threads before their turn, as on a single machine; of a tar or parquet file the
    bytes are read in order, in the caller's thread.

    Args:
        part: what to read.
        every: classify every Nth frame of a video.
        threads: those that read.
    """
    sources: Iterator[Source]
    if part.kind == "files":
        sources = (_file(place, problem) for place, problem in zip(part.places, part.problems, strict=True))
    else:
        (place,) = part.places
        sources = _members(place, _read_tar(place) if part.kind == "tar" else _read_parquet(place))
    tasks = ((source, NOTHING) for source in sources)
    return read_ahead(tasks, every, lambda _count: None, threads.reading, threads.readers + 2)


def _file(place: str, problem: str | None) -> Source:
    if is_url(place):  # not by fsspec, which asks any host for any number of bytes
        return Source(Path(place), None, url=place)
    return _member(place, partial(_content, place)) if is_address(place) else Source(Path(place), None, problem)


def _member(name: str, content: Callable[[], bytes] | None, problem: str | None = None) -> Source:
    """Describe an image of an object store, a tar or a parquet file, or why there is none."""
    name = one_line(name)
    take = None if content is None else partial(_take, name, content)
    address = name if is_address(name) else None  # a path would lose a slash of it
    return Source(Path(name), None, problem, take, address)


def _take(name: str, content: Callable[[], bytes]) -> PhotoInput:
    try:
        return PhotoInput(name, content())
    except DataError as error:
        raise ImageError(f"cannot read {printable(name)}: {printable(error)}") from error


def _members(place: str, images: Iterator[Source]) -> Iterator[Source]:
    """Give the images of a tar or parquet file; damage anywhere within is one more, what was read before stays."""
    try:
        yield from images
    except Exception as error:
        yield _member(place, None, f"cannot read {printable(place)} to its end: {printable(error)}")


def _kind(name: str) -> Kind | None:
    return _FORMATS.get(Path(name).suffix.lower())  # type: ignore[return-value]


def _content(place: str) -> bytes:
    try:
        with open_file(place) as file:
            return file.read(MAX_BYTES + 1)
    except DataError:
        raise
    except Exception as error:
        raise DataError(printable(error)) from error


def _read_tar(place: str) -> Iterator[Source]:
    with open_file(place) as file, tarfile.open(fileobj=file, mode="r|") as archive:
        for member in archive:
            if Path(member.name).suffix.lower() not in readable_images():
                continue
            name = f"{place}/{member.name}"
            content = archive.extractfile(member) if member.isreg() else None
            if content is None:
                yield _member(name, None, f"cannot read {printable(name)}: it is no regular file")
            else:
                yield _member(name, partial(bytes, content.read(MAX_BYTES + 1)))


def _read_parquet(place: str) -> Iterator[Source]:
    from pyarrow import parquet

    with open_file(place) as source:
        file = parquet.ParquetFile(source)
        names = file.schema_arrow.names
        image = next((name for name in IMAGE_COLUMNS if name in names), None)
        if image is None:
            raise ImageError(f"it has no column of images ({', '.join(IMAGE_COLUMNS)})")
        label = next((name for name in NAME_COLUMNS if name in names), None)
        columns = [image, *([label] if label else [])]
        number = 0
        for rows in file.iter_batches(_ROWS, columns=columns):
            for row in rows.to_pylist():
                value = row[image]
                own = row[label] if label else None
                if isinstance(value, dict):  # the image type of Hugging Face's datasets
                    own, value = own or value.get("path"), value.get("bytes")
                name = f"{place}/{own if own else number}"
                if isinstance(value, bytes):
                    yield _member(name, partial(bytes, value))
                else:
                    kind = type(value).__name__
                    yield _member(name, None, f"cannot read {printable(name)}: its image is of type {kind}, not bytes")
                number += 1
