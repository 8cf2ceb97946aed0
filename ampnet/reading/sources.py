"""Inputs as sources of photos: files, folders, patterns, lists, addresses, stdin; and where copies go."""

import codecs
import glob
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import BinaryIO, Literal

from ampnet.errors import DataError, UsageError
from ampnet.files.download import file_name, is_url
from ampnet.files.listing import list_folder
from ampnet.files.opening import read_bytes
from ampnet.files.picture_files import FORMATS
from ampnet.files.printable import counted, free_name, one_line, printable
from ampnet.media.decoding import MAX_BYTES
from ampnet.media.heif import EXTENSIONS as HEIF
from ampnet.media.heif import describe_unread
from ampnet.reading.contents import BytesContent, LaterContent, fetched, stored
from ampnet.reading.image_files import readable_images
from ampnet.reading.photo import Photo
from ampnet.reading.video import EXTENSIONS as VIDEOS
from ampnet.reading.video import is_video

STDIN = Path("-")
"""Stands for a picture on stdin; a file of that name is given by its absolute path."""

MAX_LIST_BYTES = 256 << 20
"""Larger list files are refused."""

ARCHIVES = (".tar", ".parquet")
"""Ends of the names of files that hold many photos."""


@dataclass(frozen=True)
class Source:
    """One input: a photo or a video; and where its annotated copy goes."""

    name: Path | str
    """As named by the user; an address is text, that of a photo by http(s) or that of a file in an object store."""
    drawn: Path | None = None
    """None if there is to be no copy."""
    problem: str | None = None
    """Why it cannot be read, if that is known up front."""
    take: Callable[[], Photo] | None = None
    """Obtains a photo that is neither a file nor an address: it came on stdin, or a program holds it."""
    is_alone: bool = False
    """Whether two such photos must not be read at once: they may be one object, which changes when it is read."""

    @property
    def path(self) -> Path:
        """The file, if it is one."""
        return Path(self.name)

    @cached_property
    def is_video(self) -> bool:
        """Whether it is a video."""
        return self.take is None and isinstance(self.name, Path) and is_video(self.name)

    @property
    def is_archive(self) -> bool:
        """Whether it is a tar or parquet file of photos; see :func:`ampnet.reading.archives.members`."""
        return self.take is None and not is_url(self.name) and str(self.name).lower().endswith(ARCHIVES)

    def photo(self) -> Photo:
        """Return the photo, which is decoded when its pixels are requested."""
        if self.problem is not None:
            return Photo(one_line(self.name), None, self.problem)
        if self.take is not None:
            return self.take()
        if isinstance(self.name, Path):
            return Photo.of_file(self.name)
        return Photo(one_line(self.name), LaterContent(partial(fetched if is_url(self.name) else stored, self.name)))


@dataclass(frozen=True)
class Plan:
    """Input files."""

    sources: list[Source]
    notes: list[str]
    """A line for each folder with files that are not read, each archive not drawn, and each video named again."""
    is_empty: bool = False
    """Whether it is that of a folder without any image; its one source says so."""


def plan(
    inputs: Sequence[Path | str], annotate_dir: Path | None, videos: bool = False, on_stdin: bytes | None = None
) -> Plan:
    """List the input files, with folders expanded to all images below them, and name their annotated copies.

    Annotated JPEG and PNG files keep their format, other pictures become JPEG, videos MP4. Files from a folder
    keep their place below it; where names clash, the later ones get a number. A photo that is named twice is there
    twice; a video only once, since a table identifies frames by its name.

    Args:
        inputs: files, folders, and http(s) addresses of photos as text; a missing or unusable one becomes a source
            with a problem.
        annotate_dir: folder of the annotated copies.
        videos: whether to read the videos in folders, too.
        on_stdin: the picture that the input ``-`` stands for; None if ``-`` is a file like others.

    Raises:
        DataError: the inputs are folders without any image.
    """
    plans = []
    for given in inputs:
        if isinstance(given, str):
            one = Source(given, annotate_dir and Path(file_name(given)))
        elif on_stdin is not None and given == STDIN:
            content = BytesContent(on_stdin)
            one = Source(given, annotate_dir and Path("stdin.jpg"), take=partial(Photo, "-", content))
        elif is_folder(given):
            plans.append(in_folder(given, annotate_dir, videos))
            continue
        elif "\0" in os.fspath(given):
            one = Source(given, None, f"cannot read {printable(given)}: the name is not usable")
        else:
            one = Source(given, annotate_dir and Path(given.name))
            one = replace(one, drawn=None) if one.is_archive else one  # of many photos, none of which is a file
        is_undrawn = annotate_dir is not None and one.is_archive
        plans.append(
            Plan([one], [f"{printable(given)}: photos in archives get no annotated copies"] if is_undrawn else [])
        )
    if all(one.is_empty for one in plans):
        raise DataError(str(plans[0].sources[0].problem))
    sources, repeated = _videos_once([source for one in plans for source in one.sources])
    notes = [note for one in plans for note in one.notes] + repeated
    return Plan(sources if annotate_dir is None else _with_places(sources, annotate_dir), notes)


def _videos_once(sources: Sequence[Source]) -> tuple[list[Source], list[str]]:
    """Leave out videos that are named again, however they are spelled; and say so."""
    known: dict[str, Source] = {}
    kept: list[Source] = []
    notes = []
    for source in sources:
        first = source
        if source.is_video and source.problem is None:
            first = known.setdefault(os.path.realpath(source.path), source)
        if first is source:
            kept.append(source)
        else:
            as_what = "" if first.name == source.name else f", as {printable(first.name)}"
            notes.append(f"{printable(source.name)} is named twice{as_what}; it is read once")
    return kept, notes


def is_folder(path: Path) -> bool:
    """Whether it is a folder, perhaps one that may not be entered."""
    return os.path.isdir(path)  # noqa: PTH112 (Path.is_dir raises where a folder may not be entered)


def in_folder(folder: Path, annotate_dir: Path | None, videos: bool, option: str = "--videos") -> Plan:
    """List the images below a folder.

    Args:
        annotate_dir: folder of the annotated copies; where it lies below the other, what it holds is not read.
        option: how to ask for videos.
    """
    photos = readable_images()
    listing = list_folder(folder, photos | VIDEOS if videos else photos, annotate_dir)
    note = _left_out(folder, listing.left_out, option, listing.is_without and annotate_dir)
    if not listing.files:
        return Plan([Source(folder, None, f"{printable(folder)} holds no images{note and f'; {note}'}")], [], True)
    return Plan(
        [Source(path, annotate_dir and path.relative_to(folder), listing.problems.get(path)) for path in listing.files],
        [note] if note else [],
    )


def expand_patterns(inputs: Sequence[Path | str], annotate_dir: Path | None = None) -> list[Path | str]:
    """Replace patterns by the files and folders that match them, sorted by name; ``**`` stands for any depth.

    A file whose own name looks like a pattern is itself. What matches nothing stays, and is reported when it is read.

    Args:
        inputs: paths and patterns; addresses, which are text, stay as they are.
        annotate_dir: folder of the annotated copies, which only a pattern that matches nothing else stands for.
    """
    copies = "" if annotate_dir is None else os.path.abspath(annotate_dir)  # noqa: PTH100 (a million of these)
    paths: list[Path | str] = []
    for given in inputs:
        if isinstance(given, str):
            paths.append(given)
            continue
        is_pattern = glob.has_magic(os.fspath(given)) and not os.path.lexists(given)
        matches = sorted(glob.glob(os.fspath(given), recursive=True)) if is_pattern else []  # noqa: PTH207 (keeps "./")
        others = [match for match in matches if not (copies and _is_within(match, copies))]
        paths += [Path(match) for match in others or matches] or [given]
    return paths


def _is_within(path: str, folder: str) -> bool:
    return f"{os.path.abspath(path)}{os.sep}".startswith(f"{folder}{os.sep}")  # noqa: PTH100


def read_list(file: Path) -> list[Path | str]:
    """Read a list of inputs: one path, folder or http(s) address a line, paths relative to the current folder.

    There are no patterns.

    Empty lines and lines that start with ``#`` are skipped. Names may have any bytes but line breaks; UTF-16 is read
    with its byte order mark.

    Raises:
        UsageError: it cannot be read, or lists nothing.
    """
    try:
        content = read_bytes(file, MAX_LIST_BYTES)
    except DataError as error:
        raise UsageError(f"cannot read the list {printable(file)}: {error}") from error
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):  # as PowerShell writes it
        content = content.decode("utf-16", "replace").encode("utf-8")
    lines = (line.removesuffix(b"\r") for line in content.removeprefix(codecs.BOM_UTF8).split(b"\n"))
    texts = [os.fsdecode(line) for line in lines if line.strip() and not line.startswith(b"#")]
    paths = [text.strip() if is_url(text) else Path(text) for text in texts]
    if not paths:
        raise UsageError(f"the list {printable(file)} is empty; write one path per line")
    return paths


def read_stdin(stream: BinaryIO) -> bytes:
    """Read the content of a picture to its end.

    Raises:
        UsageError: it is a terminal, or more than a picture may have.
    """
    if stream.isatty():
        raise UsageError("- stands for a picture on stdin; send one: ampnet predict - < photo.jpg")
    content = stream.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise UsageError(f"stdin has more than the limit of {MAX_BYTES:,} bytes")
    return content


def _left_out(folder: Path, counts: Counter[str], option: str, copies: Path | Literal[False] | None) -> str:
    """Say which files of a folder are not read."""
    videos = sum(count for extension, count in counts.items() if extension in VIDEOS)
    others = {extension: count for extension, count in counts.items() if extension not in VIDEOS | HEIF}
    parts = [f"{counted(videos, 'video')} (read them with {option})"] if videos else []
    parts += describe_unread(counts)
    if others:
        common = sorted(others.items(), key=lambda item: (-item[1], item[0]))[:5]
        kinds = ", ".join(f"{count:,} {printable(extension, 12) or 'without extension'}" for extension, count in common)
        parts.append(f"{counted(sum(others.values()), 'other file')} ({kinds})")
    if copies:
        parts.append(f"the copies in {printable(copies)}")
    return f"not read in {printable(folder)}: {', '.join(parts)}" if parts else ""


def _with_places(sources: Sequence[Source], folder: Path) -> list[Source]:
    taken: dict[Path, int] = {}
    placed = []
    for source in sources:
        if source.drawn is None or source.problem:
            placed.append(replace(source, drawn=None))
            continue
        suffix = ".mp4" if source.is_video else source.drawn.suffix
        if not source.is_video and suffix.lower() not in FORMATS:
            suffix = ".jpg"
        placed.append(replace(source, drawn=folder / free_name(source.drawn, "", suffix, taken)))
    return placed
