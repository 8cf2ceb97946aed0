"""The inputs of `predict`: which files they are, and where their annotated copies go."""

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from ampnet.errors import UsageError
from ampnet.files.download import file_name
from ampnet.files.file_names import MAX_NAME, shortened
from ampnet.files.listing import list_folder
from ampnet.files.picture_files import FORMATS
from ampnet.files.printable import printable
from ampnet.media.heif import EXTENSIONS as HEIF
from ampnet.media.heif import describe_unread
from ampnet.reading.image_files import readable_images
from ampnet.reading.inputs import PhotoInput
from ampnet.reading.named_inputs import STDIN
from ampnet.reading.video import EXTENSIONS as VIDEOS
from ampnet.reading.video import is_video


@dataclass(frozen=True)
class Source:
    """One input file, and where its annotated copy goes."""

    path: Path
    drawn: Path | None
    """None if there is to be no copy."""
    problem: str | None = None
    """Why it cannot be read, if that is known beforehand."""
    take: Callable[[], PhotoInput] | None = None
    """Obtains a photo that is not read from ``path``: it came on stdin, or a program holds it."""

    url: str | None = None
    """The address of a photo, if it is to be fetched."""
    is_alone: bool = False
    """Whether two such photos must not be read at once: they may be one object, which changes when it is read."""

    @property
    def name(self) -> Path | str:
        """What the user called it: the address or the path."""
        return self.path if self.url is None else self.url

    @property
    def is_video(self) -> bool:
        """Whether it is a video."""
        return self.take is None and self.url is None and is_video(self.path)


@dataclass(frozen=True)
class Plan:
    """Input files."""

    sources: list[Source]
    notes: list[str]
    """A line for each folder that holds files which are not read."""
    is_empty: bool = False
    """Whether it is that of a folder without any image; its one source says so."""


def plan(
    inputs: Sequence[Path | str], annotate_dir: Path | None, videos: bool = False, on_stdin: bytes | None = None
) -> Plan:
    """List the input files, with folders expanded to all images below them, and name their annotated copies.

    Annotated JPEG and PNG files keep their format, other pictures become JPEG, videos MP4. Files from a folder
    keep their place below it; where names clash, the later ones get a number.

    Args:
        inputs: files, folders, and http(s) addresses of photos as text; a missing or unusable one becomes a source
            with a problem.
        annotate_dir: folder of the annotated copies.
        videos: whether to read the videos in folders, too.
        on_stdin: the picture that the input ``-`` stands for; None if ``-`` is a file like others.

    Raises:
        UsageError: the inputs are folders without any image.
    """
    plans = []
    for given in inputs:
        if isinstance(given, str):
            one = Source(Path(given), annotate_dir and Path(file_name(given)), url=given)
        elif on_stdin is not None and given == STDIN:
            one = Source(given, annotate_dir and Path("stdin.jpg"), take=partial(PhotoInput, "stdin", on_stdin))
        elif is_folder(given):
            plans.append(in_folder(given, annotate_dir, videos))
            continue
        elif "\0" in os.fspath(given):
            one = Source(given, None, f"cannot read {printable(given)}: the name is not usable")
        else:
            one = Source(given, annotate_dir and Path(given.name))
        plans.append(Plan([one], []))
    if all(one.is_empty for one in plans):
        raise UsageError(str(plans[0].sources[0].problem))
    sources = [source for one in plans for source in one.sources]
    notes = [note for one in plans for note in one.notes]
    return Plan(sources if annotate_dir is None else _with_places(sources, annotate_dir), notes)


def is_folder(path: Path) -> bool:
    """Whether it is a folder, perhaps one that may not be entered."""
    return os.path.isdir(path)  # noqa: PTH112 (Path.is_dir raises where a folder may not be entered)


def in_folder(folder: Path, annotate_dir: Path | None, videos: bool, option: str = "--videos") -> Plan:
    """List the images below a folder.

    Args:
        folder: the folder.
        annotate_dir: folder of the annotated copies.
        videos: whether to read the videos, too.
        option: how to ask for them.
    """
    photos = readable_images()
    listing = list_folder(folder, photos | VIDEOS if videos else photos)
    note = _left_out(folder, listing.left_out, option)
    if not listing.files:
        return Plan([Source(folder, None, f"{printable(folder)} holds no images{note and f'; {note}'}")], [], True)
    return Plan(
        [Source(path, annotate_dir and path.relative_to(folder), listing.problems.get(path)) for path in listing.files],
        [note] if note else [],
    )


def _left_out(folder: Path, counts: Counter[str], option: str) -> str:
    """Say which files of a folder are not read."""
    videos = sum(count for extension, count in counts.items() if extension in VIDEOS)
    others = {extension: count for extension, count in counts.items() if extension not in VIDEOS | HEIF}
    parts = [f"{videos:,} video{'s' * (videos > 1)} (read them with {option})"] if videos else []
    parts += describe_unread(counts)
    if others:
        common = sorted(others.items(), key=lambda item: (-item[1], item[0]))[:5]
        kinds = ", ".join(f"{count:,} {printable(extension, 12) or 'without extension'}" for extension, count in common)
        total = sum(others.values())
        parts.append(f"{total:,} other file{'s' * (total > 1)} ({kinds})")
    return f"not read in {printable(folder)}: {', '.join(parts)}" if parts else ""


def _with_places(sources: Sequence[Source], folder: Path) -> list[Source]:
    taken: set[Path] = set()
    placed = []
    for source in sources:
        if source.drawn is None or source.problem:
            placed.append(replace(source, drawn=None))
            continue
        suffix = ".mp4" if source.is_video else source.drawn.suffix
        if not source.is_video and suffix.lower() not in FORMATS:
            suffix = ".jpg"
        name, number = _named(source.drawn, suffix, ""), 2
        while name in taken:
            name, number = _named(source.drawn, suffix, f"-{number}"), number + 1
        taken.add(name)
        placed.append(replace(source, drawn=folder / name))
    return placed


def _named(relative: Path, suffix: str, mark: str) -> Path:
    """Return the name with another end, its stem cut where it would be too long."""
    return relative.with_name(shortened(relative.stem, MAX_NAME - len(mark) - len(os.fsencode(suffix))) + mark + suffix)
