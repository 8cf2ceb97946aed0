"""Settings of the commands that measure checkpoints: eval, compare, robustness, calibrate."""

from dataclasses import dataclass
from pathlib import Path

from ampnet.errors import require
from ampnet.files.printable import printable
from ampnet.settings.choices import Split, UsePrecision

MAX_CONTENDERS = 8
"""Most checkpoints and files of predictions in one comparison."""


@dataclass(frozen=True, kw_only=True)
class EvalConfig:
    """Settings of `ampnet eval`."""

    checkpoint: Path | None = None
    """A checkpoint file, a run folder (its best.pt) or a bundled model; None: the newest run in ./checkpoint, else
    the bundled model."""
    predictions: Path | None = None
    """CSV of predictions by any tool to score instead of a checkpoint; None: a checkpoint."""
    data: Path = Path()
    """Folder from `ampnet prepare` (holds index/ and dataset/)."""
    split: Split = "test"
    batch_size: int = 64
    workers: int = 2
    gpus: int | None = None
    mirror: bool = False
    """Average the predictions for each face and its mirror image."""
    prior: str | None = None
    """Expected class frequencies: ``training``, ``balanced``, or a JSON file; None: the checkpoint's own prior."""
    precision: UsePrecision = "fp32"
    """Floating-point precision of the network; see :func:`ampnet.inference.precision.choose_precision`."""
    out: Path | None = None
    """Report folder; None: ``eval/<split>`` beside the checkpoint."""
    force: bool = False
    """Replace a report on another checkpoint or data set."""

    def __post_init__(self) -> None:
        require(self.batch_size >= 1, f"batch_size must be at least 1, got {self.batch_size}")
        require(self.workers >= 0, f"workers must be at least 0, got {self.workers}")
        of_checkpoint = self.checkpoint is not None or self.mirror or self.prior is not None or self.precision != "fp32"
        require(
            self.predictions is None or not of_checkpoint,
            "--predictions takes no checkpoint, --mirror, --prior or --precision: the answers in the file are final",
        )


@dataclass(frozen=True, kw_only=True)
class CompareConfig:
    """Settings of `ampnet compare`."""

    contenders: tuple[Path, ...]
    """What to compare, at least two: each a checkpoint as for :class:`EvalConfig`, the folder of a run over several
    seeds, or a CSV of predictions by any tool."""
    data: Path = Path()
    """Folder from `ampnet prepare` (holds index/ and dataset/)."""
    split: Split = "test"
    seed: int = 0
    """Decides the bootstrap's resamples, and which differences are pictured."""
    batch_size: int = 64
    workers: int = 2
    gpus: int | None = None
    mirror: bool = False
    """Average the checkpoints' predictions for each face and its mirror image."""
    out: Path | None = None
    """Output folder; None: one in ``compare/`` in the data folder."""
    force: bool = False
    """Replace another comparison."""

    def __post_init__(self) -> None:
        count = len(self.contenders)
        require(count >= 2, f"give at least two checkpoints or files of predictions to compare, got {count}")
        require(count <= MAX_CONTENDERS, f"at most {MAX_CONTENDERS} can be compared at once, got {count}")
        twice = [path for number, path in enumerate(self.contenders) if path in self.contenders[:number]]
        require(not twice, f"{printable(twice[0]) if twice else ''} is given twice; compare different ones")
        require(self.batch_size >= 1, f"batch_size must be at least 1, got {self.batch_size}")
        require(self.workers >= 0, f"workers must be at least 0, got {self.workers}")
        require(self.seed >= 0, f"seed must be at least 0, got {self.seed}")


@dataclass(frozen=True, kw_only=True)
class RobustnessConfig:
    """Settings of `ampnet robustness`."""

    checkpoint: Path | None = None
    """As for :class:`EvalConfig`."""
    baseline: Path | None = None
    """Checkpoint whose errors divide this one's; None reports plain errors."""
    data: Path = Path()
    """Folder from `ampnet prepare` (holds index/ and dataset/)."""
    split: Split = "test"
    corruptions: str = "all"
    """Names and groups, comma-separated (:func:`ampnet.robustness.corruption_names.read_corruptions`)."""
    images: int | None = None
    """Random sample of the split to corrupt; None takes all of it."""
    subsets: tuple[Path, ...] = ()
    """Lists of faces to measure beside the whole split, uncorrupted."""
    seed: int = 0
    """Decides sample, places, textures and noise."""
    mirror: bool = False
    prior: str | None = None
    """As for :class:`EvalConfig`; the baseline keeps its own prior."""
    batch_size: int = 128
    workers: int | None = None
    """Processes; None: one for each core."""
    gpus: int | None = None
    out: Path | None = None
    """Output folder; None: ``robustness/<split>`` beside the checkpoint."""
    resume: bool = False
    force: bool = False
    """Replace other results, finished or not."""

    def __post_init__(self) -> None:
        require(self.batch_size >= 1, f"batch_size must be at least 1, got {self.batch_size}")
        require(self.images is None or self.images >= 1, f"images must be at least 1, got {self.images}")
        require(self.workers is None or self.workers >= 0, f"workers must be at least 0, got {self.workers}")
        require(self.seed >= 0, f"seed must be at least 0, got {self.seed}")
        require(not (self.resume and self.force), "--resume continues a run and --force discards it; give one of them")


@dataclass(frozen=True, kw_only=True)
class CalibrateConfig:
    """Settings of `ampnet calibrate`."""

    checkpoint: Path | None = None
    """As for :class:`EvalConfig`."""
    data: Path = Path()
    """Folder from `ampnet prepare` (holds index/ and dataset/); its validation split is used."""
    coverage: float | None = None
    """Share of the faces to answer at least, in (0, 1]; None with ``precision`` None: all."""
    precision: float | None = None
    """Share of the answers that is right at least, in (0, 1]."""
    out: Path | None = None
    """Checkpoint to write; None: the checkpoint itself."""
    force: bool = False
    """Replace an existing file."""
    batch_size: int = 64
    workers: int = 2
    gpus: int | None = None

    def __post_init__(self) -> None:
        require(self.batch_size >= 1, f"batch_size must be at least 1, got {self.batch_size}")
        require(self.workers >= 0, f"workers must be at least 0, got {self.workers}")
        for name in ("coverage", "precision"):
            wanted = getattr(self, name)
            require(wanted is None or 0 < wanted <= 1, f"{name} must be above 0 and at most 1, got {wanted}")
        require(
            self.coverage is None or self.precision is None,
            "--coverage and --precision each set the threshold; give one of them",
        )
