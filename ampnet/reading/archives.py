"""The photos in tar and parquet files, on this machine or in an object store, read in passing."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from ampnet.errors import ImageError
from ampnet.files.printable import one_line, printable
from ampnet.files.storage import open_file
from ampnet.media.decoding import MAX_BYTES
from ampnet.reading.contents import BytesContent
from ampnet.reading.image_files import readable_images
from ampnet.reading.photo import Photo
from ampnet.reading.sources import Source

IMAGE_COLUMNS = ("image", "jpg", "bytes", "content")
"""Names of a parquet file's column of images, in the order of the search."""

NAME_COLUMNS = ("path", "name", "file_name", "key", "id")

_ROWS = 64


def members(source: Source) -> Iterator[Source]:
    """Yield the photos of a tar or parquet file; any other source is its own only one.

    Damage anywhere within an archive is one more source, with the reason; what was read before stays.
    """
    if not source.is_archive or source.problem is not None:
        yield source
        return
    place = str(source.name)
    is_empty = True
    try:
        for member in _read_tar(place) if place.lower().endswith(".tar") else _read_parquet(place):
            yield member
            is_empty = False
        if is_empty:
            yield Source(place, problem=f"{printable(place)} holds no images")
    except Exception as error:  # whatever is in the file
        yield Source(place, problem=f"cannot read {printable(place)} to its end: {printable(error)}")


def _read_tar(place: str) -> Iterator[Source]:
    import tarfile

    extensions = readable_images()  # once: it looks for packages
    with open_file(place) as file, tarfile.open(fileobj=file, mode="r|") as archive:
        for member in archive:
            archive.members.clear()  # type: ignore[attr-defined]  # else it keeps all that have passed
            # as in folders: macOS adds "._1.jpg"
            is_hidden = any(part.startswith(".") and part != ".." for part in Path(member.name).parts)
            if is_hidden or Path(member.name).suffix.lower() not in extensions:
                continue
            name = f"{place}/{member.name}"
            content = archive.extractfile(member) if member.isreg() else None
            data = None if content is None else content.read(min(member.size, MAX_BYTES) + 1)
            yield _member(name, data, "it is not a regular file")


def _read_parquet(place: str) -> Iterator[Source]:
    from pyarrow import parquet

    with open_file(place) as opened:
        file = parquet.ParquetFile(opened)
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
                is_bytes = isinstance(value, bytes)
                problem = "" if is_bytes else f"its image is of type {type(value).__name__}, not bytes"
                yield _member(f"{place}/{own if own else number}", value if is_bytes else None, problem)
                number += 1


def _member(name: str, data: bytes | None, problem: str) -> Source:
    if data is None:
        return Source(name, problem=f"cannot read {printable(name)}: {problem}")
    return Source(name, take=partial(Photo, one_line(name), BytesContent(data)))
