"""The inputs of `predict`: which files they are, and where their annotated copies go."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ampnet.errors import UsageError
from ampnet.media.download import file_name
from ampnet.media.file_names import MAX_NAME, shortened
from ampnet.media.heif import EXTENSIONS as HEIF
from ampnet.media.heif import INSTALL, readable_extensions
from ampnet.media.images import EXTENSIONS as IMAGES
from ampnet.media.listing import list_folder
from ampnet.media.picture_files import FORMATS
from ampnet.media.printable import printable
from ampnet.media.video import EXTENSIONS as VIDEOS
from ampnet.media.video import is_video
from ampnet.prediction.named_inputs import STDIN


@dataclass(frozen=True)
class Source:
    """One input file, and where its annotated copy goes."""

    path: Path
    drawn: Path | None
    """None if there is to be no copy."""
    problem: str | None = None
    """Why it cannot be read, if that is known beforehand."""
    content: bytes | None = field(default=None, repr=False)
    """The picture itself, if it came on stdin."""

    url: str | None = None
    """The address of a photo, if it is to be fetched."""

    @property
    def name(self) -> Path | str:
        """What the user called it: the address or the path."""
        return self.path if self.url is None else self.url

    @property
    def is_video(self) -> bool:
        """Whether it is a video."""
        return self.content is None and self.url is None and is_video(self.path)


@dataclass(frozen=True)
class Plan:
    """All input files."""

    sources: list[Source]
    notes: list[str]
    """A line for each folder that holds files which are not read."""


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
    sources: list[Source] = []
    notes: list[str] = []
    empty: list[str] = []
    for given in inputs:
        if isinstance(given, str):
            sources.append(Source(Path(given), annotate_dir and Path(file_name(given)), url=given))
            continue
        if on_stdin is not None and given == STDIN:
            sources.append(Source(given, annotate_dir and Path("stdin.jpg"), content=on_stdin))
            continue
        if not os.path.isdir(given):  # noqa: PTH112 (Path.is_dir raises where a folder may not be entered)
            sources.append(Source(given, annotate_dir and Path(given.name)))
            continue
        photos = IMAGES | readable_extensions()
        listing = list_folder(given, photos | VIDEOS if videos else photos)
        note = _left_out(given, listing.left_out)
        if listing.files:
            notes += [note] if note else []
        else:
            empty.append(f"{printable(given)} holds no images{note and f'; {note}'}")
            sources.append(Source(given, None, empty[-1]))
        for path in listing.files:
            sources.append(Source(path, annotate_dir and path.relative_to(given), listing.problems.get(path)))
    if len(empty) == len(inputs):
        raise UsageError(empty[0])
    return Plan(sources if annotate_dir is None else _with_places(sources, annotate_dir), notes)


def _left_out(folder: Path, counts: Counter[str]) -> str:
    """Say which files of a folder are not read."""
    videos = sum(count for extension, count in counts.items() if extension in VIDEOS)
    heif = sum(count for extension, count in counts.items() if extension in HEIF)
    others = {extension: count for extension, count in counts.items() if extension not in VIDEOS | HEIF}
    parts = [f"{videos:,} video{'s' * (videos > 1)} (read them with --videos)"] if videos else []
    if heif:
        parts.append(f"{heif:,} HEIC photo{'s' * (heif > 1)} (read them after {INSTALL})")
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
