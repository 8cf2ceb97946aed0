"""The parts into which the input of a prediction is divided: each a list of inputs like any other."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ampnet.errors import DataError
from ampnet.files.download import is_url
from ampnet.files.printable import printable
from ampnet.files.storage import address_of, is_address, list_files
from ampnet.reading.image_files import readable_images
from ampnet.reading.sources import ARCHIVES, Source, expand_patterns, plan


@dataclass(frozen=True)
class Part:
    """The unit of work of an actor, which gives one file of results."""

    number: int
    places: tuple[str, ...]
    """Photos and videos, or one tar or parquet file: paths and addresses."""
    problems: tuple[str | None, ...]
    """Why one cannot be read, if that is known up front."""

    def sources(self) -> Iterator[Source]:
        """Return the inputs."""
        for place, problem in zip(self.places, self.problems, strict=True):
            yield Source(place if is_url(place) or is_address(place) else Path(place), problem=problem)


def cut_into_parts(inputs: Sequence[Path | str], size: int, videos: bool) -> tuple[list[Part], list[str]]:
    """Cut the inputs into parts, always in the same way.

    Args:
        inputs: photos, videos, folders, patterns, tar and parquet files, or addresses of such; those of web photos as
            text.
        size: photos of a part; a tar or parquet file is a part by itself.
        videos: whether to read the videos in folders, too.

    Returns:
        The parts, and notes for the user.

    Raises:
        DataError: there are no images, or an address cannot be listed.
    """
    files: list[tuple[str, str | None]] = []
    archives: list[str] = []
    notes: list[str] = []
    plain: list[Path] = []
    for given in expand_patterns(inputs):
        if isinstance(given, str):
            files.append((given, None))
            continue
        place = address_of(given)
        if is_address(place):
            found = list_files(place, [*readable_images(), *ARCHIVES])
            archives += [name for name in found if _is_archive(name)]
            files += [(name, None) for name in found if not _is_archive(name)]
        elif given.is_dir():
            inside = sorted(str(path) for path in given.rglob("*") if _is_archive(path.name) and path.is_file())
            archives += inside
            if not inside or any(path.suffix.lower() in readable_images() for path in given.rglob("*")):
                plain.append(given)
        elif _is_archive(place):
            archives.append(place)
        else:
            plain.append(given)
    if plain:
        planned = plan(plain, None, videos)
        files = [*((str(source.path), source.problem) for source in planned.sources), *files]
        notes = planned.notes
    if not files and not archives:
        raise DataError(f"{printable(inputs[0])} holds no images")
    parts: list[Part] = []
    for start in range(0, len(files), size):
        places, problems = zip(*files[start : start + size], strict=True)
        parts.append(Part(len(parts), places, problems))
    for archive in archives:
        parts.append(Part(len(parts), (archive,), (None,)))
    return parts, notes


def digest_of(parts: Sequence[Part]) -> str:
    """Return a digest of all names, by which a resumed run tells that its input is the same."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(json.dumps(part.places).encode())
    return digest.hexdigest()


def _is_archive(name: str) -> bool:
    return name.lower().endswith(ARCHIVES)
