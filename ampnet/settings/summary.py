"""Settings of `ampnet summarize`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from ampnet.errors import require
from ampnet.settings.fields import Option, Settings, existing, written

AnnotationFormat = Literal["elan", "praat", "bids"]


@dataclass(frozen=True, kw_only=True)
class SummarizeConfig(Settings):
    """Settings of `ampnet summarize`."""

    tables: Annotated[tuple[Path, ...], existing("file", "Tables written by `ampnet predict --csv`.", positional=True)]
    people: Annotated[
        Path | None, existing("file", "CSV with the columns video, track and person that names the people.")
    ] = None
    rate: Annotated[
        float | None,
        Option("Ticks per second of each series.", "Faces", above=0, max=1000, unset="that of the classified frames"),
    ] = None
    smooth: Annotated[
        float,
        Option("Smooth with a centred kernel of this width (at half maximum), in seconds.", "Faces", min=0, max=60),
    ] = 0.0
    baseline: Annotated[
        str | None,
        Option(
            "Also subtract each person's neutral: the median over the whole video, these seconds, or another video.",
            "Faces",
            metavar="median|0-10|CLIP",
        ),
    ] = None
    on: Annotated[float, Option("An episode begins at this probability.", "Faces", above=0, max=1)] = 0.5
    off: Annotated[float, Option("An episode ends below this probability.", "Faces", above=0, max=1)] = 0.35
    bridge: Annotated[
        float, Option("Join episodes that are at most this many seconds apart.", "Faces", min=0, max=60)
    ] = 0.3
    shortest: Annotated[float, Option("Leave out episodes shorter than this many seconds.", "Faces", min=0, max=60)] = (
        0.3
    )
    formats: Annotated[
        tuple[AnnotationFormat, ...],
        Option(
            "Also write annotations for these programs, comma-separated.", "Output", flag="--format", separated=True
        ),
    ] = ()
    out: Annotated[Path, written("folder", "Folder of the results.")] = Path("tables")
    force: Annotated[bool, Option("Replace existing files.", "Output")] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.off <= self.on, f"--off ({self.off:g}) must not be above --on ({self.on:g})")
