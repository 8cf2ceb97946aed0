"""Settings of the commands that make, check and rewrite data sets: prepare, check, convert."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from ampnet.errors import require
from ampnet.settings.choices import CropMode, DataForm, FacePolicy, LayoutName, NoFacePolicy
from ampnet.settings.fields import Option, Settings, existing, written
from ampnet.settings.shared import (
    RESUME_OR_FORCE,
    Actors,
    ClassesOption,
    DataFolder,
    DetectorConfig,
    EngineOption,
    FacesPerShard,
    ImageThreads,
    OneGpu,
    Resume,
)

FACES_PER_SHARD = 10_000
"""Faces in each shard of a data set in shards: about 150 MB of images in a tar file, 1 MB of index."""

_OF_SHARDS = "--faces-per-shard needs {} shards"


@dataclass(frozen=True, kw_only=True)
class PrepareConfig(Settings):
    """Settings of `ampnet prepare`."""

    raw_dir: Annotated[
        Path,
        Option("The data set as distributed: a folder or a CSV.", "Input", positional=True, must_exist=True),
    ]
    layout: Annotated[LayoutName, Option("Layout of the data set; auto detects it.", "Input")] = "auto"
    fold: Annotated[int, Option("Test fold for data sets split by subject.", "Input", min=0, max=9)] = 0
    votes: Annotated[
        Path | None,
        existing(
            "file", "Annotators' votes: fer2013new.csv for FER-2013, or a CSV with name and one column per class."
        ),
    ] = None
    classes: ClassesOption = ""
    crop: Annotated[
        CropMode, Option("none keeps whole images; face cuts out and aligns each face; auto decides.", "Faces")
    ] = "auto"
    face: Annotated[FacePolicy, Option("Which face to keep if an image has several.", "Faces")] = "largest"
    no_face: Annotated[
        NoFacePolicy | None,
        Option(
            "If no face is found: use the set's mean landmarks (template), or drop the image.",
            "Faces",
            unset="template for whole images, drop for faces",
        ),
    ] = None
    detector: DetectorConfig = field(default_factory=DetectorConfig)
    out: Annotated[Path, written("folder", "Folder that receives index/ and dataset/.")] = Path()
    form: Annotated[
        DataForm, Option("files: one per face; shards: parquet and tar, for many millions of faces.", "Output")
    ] = "files"
    faces_per_shard: FacesPerShard = FACES_PER_SHARD
    check: Annotated[bool, Option("Search for duplicates and leaks at the end.", "Output")] = True
    resume: Resume = False
    force: Annotated[bool, Option("Replace an earlier index and its images.", "Output")] = False
    gpus: OneGpu = None
    workers: ImageThreads = 2
    engine: EngineOption = "local"
    actors: Actors = None

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.actors is None or self.engine == "ray", "--actors needs --engine ray")
        require(not (self.resume and self.force), RESUME_OR_FORCE)
        require(self.form == "shards" or self.faces_per_shard == FACES_PER_SHARD, _OF_SHARDS.format("--form"))


@dataclass(frozen=True, kw_only=True)
class CheckConfig(Settings):
    """Settings of `ampnet check`."""

    data: DataFolder = Path()
    out: Annotated[
        Path | None, written("folder", "Folder for the lists of duplicates.", unset="index/ of the data set")
    ] = None
    workers: ImageThreads = 2


@dataclass(frozen=True, kw_only=True)
class ConvertConfig(Settings):
    """Settings of `ampnet convert`: a prepared data set as files or as shards."""

    data: Annotated[
        Path, existing("folder", "Folder written by `ampnet prepare` or `ampnet convert`.", positional=True)
    ]
    to: Annotated[DataForm, Option("Form to write.", "Output")]
    out: Annotated[Path, written("folder", "Folder to write; DATA stays as it is.")]
    faces_per_shard: FacesPerShard = FACES_PER_SHARD

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.to == "shards" or self.faces_per_shard == FACES_PER_SHARD, _OF_SHARDS.format("--to"))
