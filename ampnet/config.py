"""Settings of the four commands: every default stands here once, and the command line takes it from here."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from ampnet.errors import require
from ampnet.recipes import Recipe, RecipeName, make_recipe

CropMode = Literal["auto", "none", "face"]
FacePolicy = Literal["largest", "centre", "best", "all"]
NoFacePolicy = Literal["template", "drop"]
LayoutName = Literal[
    "auto",
    "rafdb",
    "rafdb-original",
    "affectnet-8",
    "affectnet-7",
    "ferplus",
    "ferplus-argmax",
    "fer2013",
    "expw",
    "ckplus",
    "ckplus-1",
    "ckplus-neutral",
    "sfew",
    "fedro",
    "csv",
    "jaffe",
    "folders",
]
DetectorName = Literal["mobilenet0.25", "resnet50"]
Variant = Literal["ampnet", "ampnet-small"]
Split = Literal["train", "val", "test"]
SelectionSplit = Literal["val", "test"]
Module = Literal["gp", "lp", "ap"]
Precision = Literal["fp32", "bf16", "fp16"]
Freeze = Literal["none", "stem", "norms"]

MODULES: tuple[Module, ...] = ("gp", "lp", "ap")
"""All perception modules of the network."""


def read_modules(text: str) -> tuple[Module, ...]:
    """Read a comma-separated choice of perception modules; they come back in the order of :data:`MODULES`.

    Raises:
        ConfigError: a name is unknown, or there is none.
    """
    asked = {name.strip().lower() for name in text.split(",")}
    require(asked <= set(MODULES), f"modules must be some of {', '.join(MODULES)}, got {text!r}")
    return tuple(name for name in MODULES if name in asked)


IMAGE_SIZE = 224
"""Side of the prepared images and frame of the stored landmarks, in pixels (the paper's)."""


@dataclass(frozen=True, kw_only=True)
class DetectorConfig:
    """Which face detector runs, and what counts as a face."""

    name: DetectorName = "mobilenet0.25"
    """``mobilenet0.25`` is embedded; ``resnet50`` is retinaface-pytorch's, downloaded on first use."""
    weights: Path | None = None
    """Weights file to use in place of the embedded or downloaded one."""
    score_threshold: float = 0.7
    """Minimum score of a face, in [0, 1]; 0.7 is the published program's."""
    nms_threshold: float = 0.4
    """Boxes that overlap a better one by more than this share (IoU) are dropped."""
    min_face: float = 12.0
    """Minimum side of a face's box in pixels of the image; smaller ones show no expression. 0 keeps all."""

    def __post_init__(self) -> None:
        require(0 < self.score_threshold < 1, f"score_threshold must be within (0, 1), got {self.score_threshold}")
        require(0 < self.nms_threshold < 1, f"nms_threshold must be within (0, 1), got {self.nms_threshold}")
        require(self.min_face >= 0, f"min_face must be at least 0, got {self.min_face}")


@dataclass(frozen=True, kw_only=True)
class PrepareConfig:
    """What `ampnet prepare` reads, finds and writes."""

    raw_dir: Path
    """Folder with the images as their owners hand them out."""
    out: Path = Path()
    """Root that receives index/ and dataset/."""
    layout: LayoutName = "auto"
    """How the data set is laid out (see :data:`ampnet.data.sources.LAYOUTS`); ``auto`` recognises it."""
    fold: int = 0
    """Which tenth of the people tests, in sets that are split by person (CK+, JAFFE, a csv with subjects)."""
    votes: Path | None = None
    """File of what several people said about each image, for a set that does not hold one itself."""
    crop: CropMode = "auto"
    """``none`` keeps the whole image, ``face`` warps each face to the canonical landmarks."""
    face: FacePolicy = "largest"
    """Which face counts where an image shows several."""
    no_face: NoFacePolicy | None = None
    """What an image without a face becomes; None: ``template`` for uncropped output, ``drop`` for ``crop=face``."""
    detector: DetectorConfig = field(default_factory=DetectorConfig)
    workers: int = 2
    """Threads that read, frame and write images beside the detector."""
    gpus: int | None = None
    """0 for the CPU, None for all visible GPUs, else the CPU."""
    check: bool = True
    """Look for copies and leaks in the finished set, as `ampnet check` does."""
    resume: bool = False
    """Go on from an interrupted run in the same folder."""
    force: bool = False
    """Replace a finished index in the same folder."""

    def __post_init__(self) -> None:
        require(self.workers >= 1, f"workers must be at least 1, got {self.workers}")
        require(0 <= self.fold <= 9, f"fold must be within [0, 9], got {self.fold}")


@dataclass(frozen=True, kw_only=True)
class CheckConfig:
    """What `ampnet check` looks at."""

    data: Path = Path()
    """Folder from `ampnet prepare` (holds index/ and dataset/)."""
    workers: int = 2
    """Threads that read images."""

    def __post_init__(self) -> None:
        require(self.workers >= 1, f"workers must be at least 1, got {self.workers}")


@dataclass(frozen=True, kw_only=True)
class ArchitectureConfig:
    """The size of the network."""

    num_classes: int = 7
    width: float = 1.0
    """Multiplier of all channel counts; 1.0 is the paper's."""
    image_size: int = IMAGE_SIZE
    """Side of the input in pixels, a multiple of 8; 224 is the paper's."""
    dropout: float = 0.5
    """Channel dropout after each one-shot-aggregation stage, in [0, 1)."""
    modules: tuple[Module, ...] = MODULES
    """Perception modules in use: global (gp), local (lp), attentional (ap)."""

    def __post_init__(self) -> None:
        require(self.num_classes >= 2, f"num_classes must be at least 2, got {self.num_classes}")
        require(self.width > 0, f"width must be positive, got {self.width}")
        require(
            self.image_size >= 48 and self.image_size % 8 == 0,
            f"image_size must be a multiple of 8 and at least 48, got {self.image_size}",
        )
        require(0 <= self.dropout < 1, f"dropout must be within [0, 1), got {self.dropout}")
        require(
            len(self.modules) > 0 and set(self.modules) <= set(MODULES),
            f"modules must be some of {', '.join(MODULES)}, got {', '.join(self.modules) or 'none'}",
        )


VARIANTS: dict[str, dict[str, Any]] = {
    "ampnet": {"width": 1.0, "image_size": 224},
    "ampnet-small": {"width": 0.25, "image_size": 112},
}
"""Named sizes of the network: the paper's, and one that trains on a laptop."""


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """What `ampnet train` is asked for; :func:`ampnet.training.defaults.resolve_defaults` fills in what is None."""

    data: Path = Path()
    """Folder from `ampnet prepare` (holds index/ and dataset/)."""
    out: Path = Path("checkpoint")
    """Folder that receives the run's folder."""
    name: str | None = None
    """The run's folder; None takes the first free ``run1``, ``run2``, ..."""
    variant: Variant | None = None
    """Size of the network; None: ``ampnet`` on GPUs, ``ampnet-small`` on CPUs."""
    width: float | None = None
    """Overrides the variant's width."""
    image_size: int | None = None
    """Overrides the variant's image size."""
    modules: tuple[Module, ...] = MODULES
    """Perception modules of the network."""
    recipe: Recipe | RecipeName | None = None
    """How it is optimised; None: ``reference`` on GPUs, ``modern`` on CPUs."""
    recipe_changes: Mapping[str, Any] = field(default_factory=dict)
    """Values to change in that recipe, as for :func:`ampnet.recipes.make_recipe`."""
    pretrained: Path | None = None
    """Checkpoint, ours or of the published program, whose weights the run starts from."""
    teachers: tuple[Path, ...] = ()
    """Checkpoints whose mean opinion becomes part of the targets, with the recipe's ``teacher_weight``."""
    freeze: Freeze = "none"
    """``stem`` leaves the stem as it is; ``norms`` leaves all normalisation statistics as they are."""
    seed: int = 1
    seeds: int = 1
    """Runs with the seeds ``seed``, ``seed + 1``, ...; mean and spread are reported."""
    select_on: SelectionSplit = "val"
    """Split that chooses the best epoch; ``test`` is the field's habit, flatters, and is marked in every report."""
    patience: int = 0
    """Stop after this many epochs without a better one; 0 never does."""
    precision: Precision = "fp32"
    """Of the network's arithmetic; weights stay float32."""
    accumulate: int = 1
    """Parts that each step's batch is computed in, for less memory."""
    deterministic: bool = False
    """Refuse operations without a deterministic form (on GPUs; on CPUs all are deterministic)."""
    sync_bn: bool = False
    """Normalise over the batches of all GPUs together."""
    compile: bool = False
    """Compile the network with torch.compile; pays on GPUs only, after minutes."""
    gpus: int | None = None
    """0 for the CPU, None for all visible GPUs, else the CPU."""
    processes: int | None = None
    """Training processes on the CPU, which share its cores; None: one for each core, where the batch is large enough
    for that. On GPUs there is one for each GPU."""
    workers: int | None = None
    """Data-loading processes of each training process; None: 1 on CPUs, up to 8 on GPUs."""
    save_every: float = 10.0
    """Minutes between two saves within an epoch; each epoch's end is saved anyway."""
    tensorboard: bool = False
    """Also write the history for TensorBoard (needs the package tensorboard)."""
    resume: bool = False
    """Go on from the last save of the named run, or of the one that was saved last."""

    def __post_init__(self) -> None:
        for name, minimum in {
            "seeds": 1,
            "accumulate": 1,
            "processes": 1,
            "seed": 0,
            "patience": 0,
            "workers": 0,
            "save_every": 0,
        }.items():
            value = getattr(self, name)
            require(value is None or value >= minimum, f"{name} must be at least {minimum}, got {value}")
        recipe = make_recipe(self.recipe or "reference", self.recipe_changes)
        require(
            recipe.targets == "mix" or self.recipe_changes.get("vote_weight") is None,
            f"--vote-weight needs --targets mix, got --targets {recipe.targets}",
        )
        minimum = 2 * self.accumulate * (self.processes or 1)
        require(
            recipe.batch_size >= minimum,
            f"batch_size must be at least 2 x accumulate x processes = {minimum}, got {recipe.batch_size}",
        )


@dataclass(frozen=True, kw_only=True)
class EvalConfig:
    """What `ampnet eval` measures, on what."""

    checkpoint: Path | None = None
    """A checkpoint file, a run folder (its best.pt) or a bundled model; None: the newest run in ./checkpoint, else
    the bundled model."""
    data: Path = Path()
    split: Split = "test"
    batch_size: int = 64
    workers: int = 2
    gpus: int | None = None
    mirror: bool = False
    """Answer by the average of each face and its mirror image."""
    prior: str | None = None
    """Expected class shares: ``training``, ``balanced``, or a JSON file; None: what the checkpoint was tuned for."""
    out: Path | None = None
    """Folder of the report; None: ``eval/<split>`` beside the checkpoint."""
    force: bool = False
    """Replace a report on another checkpoint or other data."""

    def __post_init__(self) -> None:
        require(self.batch_size >= 1, f"batch_size must be at least 1, got {self.batch_size}")
        require(self.workers >= 0, f"workers must be at least 0, got {self.workers}")


@dataclass(frozen=True, kw_only=True)
class PredictConfig:
    """Which photos `ampnet predict` classifies, and what it writes."""

    images: tuple[Path, ...]
    """Image files, videos, or folders of images."""
    checkpoint: Path | None = None
    """As for :class:`EvalConfig`."""
    every: int = 5
    """Of videos, classify every so many frames."""
    csv: Path | None = None
    annotate: Path | None = None
    """Folder that receives the pictures with boxes, landmarks and labels drawn in."""
    force: bool = False
    """Replace files that ``csv`` and ``annotate`` name."""
    detector: DetectorConfig = field(default_factory=DetectorConfig)
    batch_size: int = 32
    gpus: int | None = None
    mirror: bool = False
    """Answer by the average of each face and its mirror image."""
    prior: str | None = None
    """Expected class shares: ``training``, ``balanced``, or a JSON file; None: what the checkpoint was tuned for."""


@dataclass(frozen=True, kw_only=True)
class ImportConfig:
    """Which file of the published program `ampnet import` turns into a checkpoint."""

    source: Path
    out: Path | None = None
    """Checkpoint to write; None: checkpoint/<name of the source>.pt."""
    class_names: tuple[str, ...] = ()
    """In the order of the file's labels; empty: RAF-DB's order for 7, with contempt last for 8."""
    force: bool = False
    """Replace the checkpoint where it exists."""

    def __post_init__(self) -> None:
        names = self.class_names
        require(
            len(names) != 1 and len(set(names)) == len(names) and all(name.strip() for name in names),
            f"classes must be two or more different names, got {', '.join(names)}",
        )


@dataclass(frozen=True, kw_only=True)
class ExportConfig:
    """Which checkpoint `ampnet export-reference` turns into a file of the published program."""

    checkpoint: Path
    out: Path = Path("published.pth")
    data_parallel: bool = False
    """Begin all names with ``module.``, as the published program's DataParallel does."""
    force: bool = False
    """Replace the file where it exists."""


def config_to_dict(config: Any) -> dict[str, Any]:
    """Turn a config into plain values (paths as strings) for JSON files and checkpoints."""

    def plain(value: Any) -> Any:
        if isinstance(value, Path):
            return str(value)
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [plain(item) for item in value]
        return value

    return {key: plain(value) for key, value in asdict(config).items()}
