"""Settings of the commands. Every default is defined here, and the command line reads it from here."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from ampnet.errors import require
from ampnet.labels import fault_of_class_names
from ampnet.media.printable import as_text, printable
from ampnet.recipes import Recipe, RecipeName, make_recipe

CropMode = Literal["auto", "none", "face"]
FacePolicy = Literal["largest", "centre", "best", "all"]
NoFacePolicy = Literal["template", "drop"]
ExportFormat = Literal["onnx", "torchscript", "safetensors"]
Engine = Literal["local", "ray"]
Runtime = Literal["torch", "onnx"]
ExportPrecision = Literal["fp32", "fp16", "int8"]
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
DataForm = Literal["files", "shards"]
Split = Literal["train", "val", "test"]
SelectionSplit = Literal["val", "test"]
Module = Literal["gp", "lp", "ap"]
Precision = Literal["fp32", "bf16", "fp16"]
UsePrecision = Literal["fp32", "bf16", "auto"]
Freeze = Literal["none", "stem", "norms"]

MODULES: tuple[Module, ...] = ("gp", "lp", "ap")
"""All perception modules of the network."""


def read_modules(text: str) -> tuple[Module, ...]:
    """Parse a comma-separated list of perception modules, returned in the order of :data:`MODULES`.

    Raises:
        ConfigError: a name is unknown, or the list is empty.
    """
    chosen = {name.strip().lower() for name in text.split(",")}
    require(chosen <= set(MODULES), f"modules must be some of {', '.join(MODULES)}, got {text!r}")
    return tuple(name for name in MODULES if name in chosen)


MAX_CONTENDERS = 8
"""Most checkpoints and files of predictions in one comparison."""

IMAGE_SIZE = 224
"""Side of the prepared images, and of the frame that stored landmarks refer to, in pixels (the paper's)."""

MAX_IMAGE_SIZE = 448
"""Largest input of a network in pixels: twice the prepared images'."""

MAX_WIDTH = 2.0
"""Widest network; it has 228 million parameters, four times the paper's."""

MAX_OUTPUTS = 10_000
"""Most outputs of a network; the reference program's pre-training tells 8,631 people apart."""

FACES_PER_SHARD = 10_000
"""Faces in each shard of a data set in shards: about 150 MB of images in a tar file, 1 MB of index."""

MAX_FACES_PER_SHARD = 100_000

MAX_SEED = 2**63 - 1
"""Largest random seed that every generator takes."""


@dataclass(frozen=True, kw_only=True)
class DetectorConfig:
    """Which face detector runs, and what counts as a face."""

    name: DetectorName = "mobilenet0.25"
    """``mobilenet0.25`` is embedded; ``resnet50`` is retinaface-pytorch's, downloaded on first use."""
    weights: Path | None = None
    """Weights file to use instead of the embedded or downloaded one."""
    score_threshold: float = 0.7
    """Minimum detection score of a face, in (0, 1); 0.7 is the reference program's."""
    nms_threshold: float = 0.4
    """Boxes whose overlap (IoU) with a higher-scoring one exceeds this are dropped."""
    min_face: float = 12.0
    """Minimum side of a face box in image pixels; smaller faces show no readable expression. 0 keeps all."""

    def __post_init__(self) -> None:
        require(0 < self.score_threshold < 1, f"score_threshold must be within (0, 1), got {self.score_threshold}")
        require(0 < self.nms_threshold < 1, f"nms_threshold must be within (0, 1), got {self.nms_threshold}")
        require(self.min_face >= 0, f"min_face must be at least 0, got {self.min_face}")


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
    """Layout of the data set (see :data:`ampnet.data.sources.LAYOUTS`); ``auto`` detects it."""
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


@dataclass(frozen=True, kw_only=True)
class ArchitectureConfig:
    """The size of the network."""

    num_classes: int = 7
    width: float = 1.0
    """Multiplier of all channel counts, at most :data:`MAX_WIDTH`; 1.0 is the paper's."""
    image_size: int = IMAGE_SIZE
    """Side of the input in pixels, a multiple of 8 in [48, :data:`MAX_IMAGE_SIZE`]; 224 is the paper's."""
    dropout: float = 0.5
    """Channel dropout after each one-shot-aggregation stage, in [0, 1)."""
    modules: tuple[Module, ...] = MODULES
    """Perception modules to build: global (gp), local (lp), attentional (ap)."""

    def __post_init__(self) -> None:
        require(
            2 <= self.num_classes <= MAX_OUTPUTS,
            f"num_classes must be within [2, {MAX_OUTPUTS}], got {self.num_classes}",
        )
        require(0 < self.width <= MAX_WIDTH, f"width must be within (0, {MAX_WIDTH}], got {self.width}")
        require(
            48 <= self.image_size <= MAX_IMAGE_SIZE and self.image_size % 8 == 0,
            f"image_size must be a multiple of 8 within [48, {MAX_IMAGE_SIZE}], got {self.image_size}",
        )
        require(0 <= self.dropout < 1, f"dropout must be within [0, 1), got {self.dropout}")
        require(
            0 < len(set(self.modules)) == len(self.modules) and set(self.modules) <= set(MODULES),
            f"modules must be some of {', '.join(MODULES)}, got {', '.join(self.modules) or 'none'}",
        )


VARIANTS: dict[str, dict[str, Any]] = {
    "ampnet": {"width": 1.0, "image_size": 224},
    "ampnet-small": {"width": 0.25, "image_size": 112},
}
"""Named sizes of the network: the paper's, and one that trains on a laptop."""


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Settings of `ampnet train`; :func:`ampnet.training.defaults.resolve_defaults` fills in those that are None."""

    data: Path = Path()
    """Folder from `ampnet prepare` (holds index/ and dataset/)."""
    out: Path = Path("checkpoint")
    """Parent of the run folder."""
    name: str | None = None
    """Name of the run folder; None takes the first free one of ``run1``, ``run2``, ..."""
    variant: Variant | None = None
    """Size of the network; None: ``ampnet`` on GPUs, ``ampnet-small`` on CPUs."""
    width: float | None = None
    """Overrides the variant's width."""
    image_size: int | None = None
    """Overrides the variant's image size."""
    modules: tuple[Module, ...] = MODULES
    """Perception modules of the network."""
    recipe: Recipe | RecipeName | None = None
    """Training recipe; None: ``reference`` on GPUs, ``modern`` on CPUs."""
    recipe_changes: Mapping[str, Any] = field(default_factory=dict)
    """Recipe values to override, as for :func:`ampnet.recipes.make_recipe`."""
    pretrained: Path | None = None
    """Checkpoint to start from, ours or the reference program's."""
    teachers: tuple[Path, ...] = ()
    """Checkpoints to distil from; their mean probabilities are mixed into the targets by ``teacher_weight``."""
    freeze: Freeze = "none"
    """``stem`` freezes the stem; ``norms`` freezes all normalisation statistics."""
    seed: int = 1
    """Random seed."""
    seeds: int = 1
    """Number of runs, with the seeds ``seed``, ``seed + 1``, ...; mean and standard deviation are reported."""
    select_on: SelectionSplit = "val"
    """Split that chooses the best epoch; ``test`` inflates the test score; the checkpoint and every report say so."""
    patience: int = 0
    """Stop after this many epochs without improvement; 0 never stops early."""
    precision: Precision = "fp32"
    """Floating-point precision of the network; weights stay float32."""
    accumulate: int = 1
    """Gradient accumulation: parts that each batch is split into, to save memory."""
    deterministic: bool = False
    """Refuse GPU operations without a deterministic implementation (CPU runs are always deterministic)."""
    sync_bn: bool = False
    """Synchronise batch normalisation over all GPUs."""
    compile: bool = False
    """Compile the network with torch.compile; takes minutes to start, and pays off on GPUs only."""
    gpus: int | None = None
    """Number of GPUs; 0 uses the CPU, None all visible GPUs, or the CPU if there are none."""
    processes: int | None = None
    """Training processes on the CPU, which share its cores; None: one for each core if the batch is large enough.
    On GPUs there is always one for each GPU."""
    workers: int | None = None
    """Data-loading processes of each training process; None: 1 on CPUs, up to 8 on GPUs."""
    save_every: float = 10.0
    """Minutes between saves within an epoch; the end of each epoch is always saved."""
    tensorboard: bool = False
    """Also log to TensorBoard (needs the package tensorboard)."""
    resume: bool = False
    """Resume the named run, or the most recently saved one, from its last save."""

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
        require(self.seed <= MAX_SEED, f"seed must be at most {MAX_SEED}, got {self.seed}")
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
    """Names and groups, comma-separated (:func:`ampnet.faces.corruption.names.read_corruptions`)."""
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
class PredictConfig:
    """Settings of `ampnet predict`."""

    images: tuple[Path | str, ...]
    """Image files, videos, folders of images, patterns such as ``photos/*.jpg``, or ``-`` for a picture on stdin.

    Text is the http(s) address of a photo."""
    face: FacePolicy = "all"
    """Which faces of a photo or frame to classify."""
    min_face: float = DetectorConfig.min_face
    """Leave out faces with a side of fewer pixels of the photo or frame; photos may be reduced for the detector."""
    list_file: Path | None = None
    """Text file that names further inputs, one a line."""
    checkpoint: Path | None = None
    """As for :class:`EvalConfig`."""
    videos: bool = False
    """Read the videos in folders, too."""
    every: int = 5
    """Classify every Nth frame of a video."""
    camera: int | None = None
    """Number of the camera to watch instead of reading files, from 0."""
    track: bool = False
    """Follow the faces of a video from frame to frame, and number them."""
    smooth: float = 0.0
    """Seconds over which probabilities are averaged along a track; 0: not at all."""
    csv: Path | None = None
    """CSV file to write, one row for each face."""
    jsonl: Path | None = None
    """JSON lines file to write, one line for each photo or frame."""
    annotate: Path | None = None
    """Output folder for copies of the images with boxes, landmarks and labels drawn in."""
    explain: bool = False
    """Add what each region of a face contributed to JSON and JSON lines; with ``annotate``, draw it for photos."""
    force: bool = False
    """Replace existing output files."""
    resume: bool = False
    """Continue the CSV and JSON lines files of an interrupted run."""
    detector: DetectorConfig = field(default_factory=DetectorConfig)
    batch_size: int = 32
    gpus: int | None = None
    mirror: bool = False
    """Average the predictions for each face and its mirror image."""
    prior: str | None = None
    """Expected class frequencies: ``training``, ``balanced``, or a JSON file; None: the checkpoint's own prior."""
    precision: UsePrecision = "fp32"
    """Floating-point precision of detector and classifier; ``auto`` is ``fp32`` with the runtime ``onnx``."""
    runtime: Runtime = "torch"
    """What runs the networks; onnx starts sooner and needs less memory."""

    engine: Engine = "local"
    """``ray`` spreads the work over a Ray cluster, and writes parquet files to ``out``."""
    out: Path | None = None
    """Folder (or address) of the parquet files of ``ray``."""
    actors: int | None = None
    """Processes that work with ``ray``; None: one for each GPU, or for each core."""
    part_images: int = 1024
    """Photos in each parquet file of ``ray``; a kill loses at most so many results of each actor."""

    def __post_init__(self) -> None:
        require(self.min_face >= 0, f"min_face must be at least 0, got {self.min_face}")
        require(self.part_images >= 1, f"part_images must be at least 1, got {self.part_images}")
        if self.engine == "ray":
            others = self.csv is None and self.jsonl is None and self.annotate is None
            require(self.out is not None, "--engine ray needs --out DIR: the folder of its parquet files")
            require(others, "--engine ray writes parquet files; leave out --csv, --jsonl and --annotate")
            require(self.list_file is None, "--engine ray takes folders and files, no --list")
        else:
            require(self.out is None and self.actors is None, "--out and --actors need --engine ray")
        is_kept = self.csv is not None or self.jsonl is not None or self.engine == "ray"
        require(is_kept or not self.resume, "--resume needs --csv or --jsonl: what an interrupted run left to continue")
        require(self.csv is None or self.csv != self.jsonl, "--csv and --jsonl need two files")
        if self.camera is not None:
            is_alone = not (self.images or self.list_file or self.videos)
            is_plain = not (self.jsonl or self.annotate or self.explain or self.track or self.resume)
            require(self.camera >= 0, f"camera must be at least 0, got {self.camera}")
            require(is_alone, "--camera watches a camera alone; leave out files, --list and --videos")
            require(is_plain and self.engine == "local", "--camera has a window and --csv only; leave the others out")
        require(self.smooth == 0 or self.track, "--smooth averages along tracks, so it needs --track")
        require(not (self.track and self.resume), "--track cannot be resumed: the faces before the break are unknown")
        require(not (self.smooth and self.explain), "--explain takes single frames apart, not the means of --smooth")
        if self.runtime == "onnx":
            is_plain = not self.mirror and self.prior is None and not self.gpus
            require(is_plain, "--mirror, --prior and --gpus need --runtime torch")
            require(self.precision != "bf16", "--precision bf16 needs --runtime torch")
            require(not self.explain, "--explain needs --runtime torch: an exported network gives its answers only")
            is_default = (self.detector.name, self.detector.weights) == (DetectorConfig.name, DetectorConfig.weights)
            require(is_default, "--detector and --weights need --runtime torch")


@dataclass(frozen=True, kw_only=True)
class ServeConfig:
    """Settings of `ampnet serve`."""

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = 8000
    """Port to listen on; 0 takes a free one."""
    allow_hosts: tuple[str, ...] = ()
    """Further names by which clients may call the service, as in their Host header."""
    token: str | None = None
    """What clients must send as ``Authorization: Bearer TOKEN``; None asks for nothing."""
    checkpoint: Path | None = None
    """As for :class:`EvalConfig`."""
    runtime: Runtime | None = None
    """What runs the networks; None: onnx if the model is exported already, else torch."""
    detector: DetectorConfig = field(default_factory=DetectorConfig)
    batch_size: int = 32
    """Most photos in a batch."""
    batch_wait: float = 5.0
    """Longest time in milliseconds for which a photo waits for others to share its batch."""
    parallel: int | None = None
    """Batches at work side by side, which share the cores; None: one for each core, at most 8, and one on a GPU."""
    queue: int = 128
    """Most photos at work or waiting; requests beyond are answered with 503."""
    decoders: int | None = None
    """Processes that decode photos; None: one for each core, at most 4."""
    max_megabytes: float = 32.0
    """Most megabytes (1,000,000 bytes) in a request."""
    max_megapixels: float = 50.0
    """Most million pixels in a photo."""
    max_files: int = 32
    """Most photos in a request."""
    max_faces: int = 200
    """Most faces that are classified in a photo."""
    max_seconds: float = 30.0
    """Longest time for a request to arrive, and again for its answer."""
    max_decode_seconds: float = 10.0
    """Longest time for decoding a photo."""
    max_connections: int = 256
    """Most connections at once."""
    gpus: int | None = None

    def __post_init__(self) -> None:
        require(0 <= self.port <= 65_535, f"port must be within [0, 65535], got {self.port}")
        require(self.token is None or len(self.token) >= 16, "a token needs at least 16 characters")
        require(
            self.token is None or (self.token.isascii() and self.token.isprintable() and " " not in self.token),
            "a token consists of printable ASCII characters without spaces",
        )
        for name in ("batch_size", "queue", "max_files", "max_faces", "max_connections"):
            require(getattr(self, name) >= 1, f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("max_megabytes", "max_megapixels", "max_seconds", "max_decode_seconds"):
            value = getattr(self, name)
            require(0 < value < float("inf"), f"{name} must be positive, got {value}")
        require(self.max_megapixels <= 150, f"max_megapixels must be at most 150, got {self.max_megapixels}")
        require(self.max_megabytes <= 450, f"max_megabytes must be at most 450, got {self.max_megabytes}")
        require(0 <= self.batch_wait <= 1000, f"batch_wait must be within [0, 1000] ms, got {self.batch_wait}")
        for name in ("decoders", "parallel"):
            value = getattr(self, name)
            require(value is None or value >= 1, f"{name} must be at least 1, got {value}")
        require(self.max_files <= self.queue, f"max_files ({self.max_files}) must fit into the queue ({self.queue})")
        require(self.runtime != "onnx" or not self.gpus, "--gpus needs --runtime torch")


@dataclass(frozen=True, kw_only=True)
class ImportConfig:
    """Settings of `ampnet import`: the reference program's file to convert."""

    source: Path
    out: Path | None = None
    """Checkpoint to write; None: checkpoint/<name of the source>.pt."""
    class_names: tuple[str, ...] = ()
    """Class names in the file's label order; empty: RAF-DB's order for 7 classes, contempt last for 8."""
    force: bool = False
    """Replace an existing checkpoint."""

    def __post_init__(self) -> None:
        if self.class_names:
            fault = fault_of_class_names(self.class_names)
            require(not fault, fault)


@dataclass(frozen=True, kw_only=True)
class ExportConfig:
    """Settings of `ampnet export`: a model in a form that runs without this program."""

    model: Path
    """A checkpoint, the name of a bundled model, or ``detector``."""
    format: ExportFormat = "onnx"
    precision: ExportPrecision = "fp32"
    """Of an ONNX file; int8 is calibrated on the faces in ``data``."""
    data: Path | None = None
    """Prepared data set whose validation faces calibrate int8 and are checked."""
    out: Path | None = None
    """File to write; None: the model's name and the format's extension, in the current folder."""
    licence: str = ""
    """Terms of the weights, for the file's metadata; empty: those of a bundled model, else not stated."""
    force: bool = False
    """Replace an existing file."""

    def __post_init__(self) -> None:
        require(
            self.precision == "fp32" or self.format == "onnx",
            f"precision {self.precision} is for --format onnx; omit it for {self.format}",
        )
        require(
            self.format != "safetensors" or self.out is None or self.out.suffix == ".safetensors",
            "the name of a safetensors file must end in .safetensors",
        )


@dataclass(frozen=True, kw_only=True)
class ExportReferenceConfig:
    """Settings of `ampnet export-reference`: the checkpoint to write in the reference program's format."""

    checkpoint: Path
    out: Path = Path("published.pth")
    data_parallel: bool = False
    """Prefix all parameter names with ``module.``, as DataParallel does in the reference program."""
    force: bool = False
    """Replace an existing file."""


def config_to_dict(config: Any) -> dict[str, Any]:
    """Convert a config to plain values (paths as strings) for JSON files and checkpoints."""

    def plain(value: Any) -> Any:
        if isinstance(value, Path):
            return as_text(value)
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [plain(item) for item in value]
        return value

    return {key: plain(value) for key, value in asdict(config).items()}
