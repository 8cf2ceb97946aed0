"""Settings of the commands that make, check and rewrite data sets: prepare, check, convert."""

from dataclasses import dataclass, field
from pathlib import Path

from ampnet.errors import require
from ampnet.settings.choices import CropMode, DataForm, Engine, FacePolicy, LayoutName, NoFacePolicy
from ampnet.settings.detector import DetectorConfig

FACES_PER_SHARD = 10_000
"""Faces in each shard of a data set in shards: about 150 MB of images in a tar file, 1 MB of index."""

MAX_FACES_PER_SHARD = 100_000


def _require_shard_size(faces: int) -> None:
    most = MAX_FACES_PER_SHARD
    require(1 <= faces <= most, f"faces_per_shard must be 1 to {most:,}, got {faces}")


@dataclass(frozen=True, kw_only=True)
class PrepareConfig:
    """Settings of `ampnet prepare`."""

    raw_dir: Path
    """Folder of raw images, in the data set's original layout."""
    out: Path = Path()
    """Output folder for index/ and dataset/."""
    form: DataForm = "files"
    """``shards`` writes large files of many faces each, as `ampnet convert` does."""
    faces_per_shard: int = FACES_PER_SHARD
    """Faces in each shard but the last."""
    layout: LayoutName = "auto"
    """Layout of the data set (see :data:`ampnet.dataset.sources.LAYOUTS`); ``auto`` detects it."""
    fold: int = 0
    """Test fold (0-9) for data sets split by subject (CK+, JAFFE, a csv with subjects)."""
    votes: Path | None = None
    """File with several annotators' votes for each image, for data sets that do not include votes."""
    crop: CropMode = "auto"
    """``none`` keeps the whole image, ``face`` warps each face to the canonical landmarks, ``auto`` decides."""
    face: FacePolicy = "largest"
    """Which face to use when an image shows several."""
    no_face: NoFacePolicy | None = None
    """What to do with images without a detected face; None: ``template`` for whole images, ``drop`` for crops."""
    detector: DetectorConfig = field(default_factory=DetectorConfig)
    workers: int = 2
    """Threads that read, frame and write images, besides the detector's."""
    gpus: int | None = None
    """0 uses the CPU, 1 or more the first GPU, None a GPU if there is one; with ``ray``, one for each actor."""
    check: bool = True
    """Search the finished data set for duplicates and leaks, as `ampnet check` does."""
    resume: bool = False
    """Resume an interrupted run in the same folder."""
    force: bool = False
    """Replace a finished index in the same folder."""

    engine: Engine = "local"
    """``ray`` spreads the work over a Ray cluster, whose machines share the folders."""
    actors: int | None = None
    """Processes that work with ``ray``; None: one for each GPU, or for each core."""

    def __post_init__(self) -> None:
        require(self.workers >= 1, f"workers must be at least 1, got {self.workers}")
        require(0 <= self.fold <= 9, f"fold must be within [0, 9], got {self.fold}")
        require(self.actors is None or self.engine == "ray", "--actors needs --engine ray")
        _require_shard_size(self.faces_per_shard)


@dataclass(frozen=True, kw_only=True)
class CheckConfig:
    """Settings of `ampnet check`."""

    data: Path = Path()
    """Folder from `ampnet prepare` (holds index/ and dataset/)."""
    workers: int = 2
    """Threads that read images."""

    def __post_init__(self) -> None:
        require(self.workers >= 1, f"workers must be at least 1, got {self.workers}")


@dataclass(frozen=True, kw_only=True)
class ConvertConfig:
    """Settings of `ampnet convert`: a prepared data set as files or as shards."""

    data: Path = Path()
    """The data set to read."""
    to: DataForm
    """The form to write."""
    out: Path
    """Folder to write ``index/`` and ``dataset/`` to."""
    faces_per_shard: int = FACES_PER_SHARD
    """Faces in each shard but the last."""

    def __post_init__(self) -> None:
        _require_shard_size(self.faces_per_shard)
