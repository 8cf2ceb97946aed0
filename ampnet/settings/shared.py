"""Settings that several commands have: options, the detector, and the size of the network."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from ampnet.errors import require
from ampnet.settings.choices import MODULES, DetectorName, EngineName, Module, Network, Placement, UsePrecision
from ampnet.settings.fields import Option, Settings, existing

MAX_FACES_PER_SHARD = 100_000

IMAGE_SIZE = 224
"""Side of the prepared images, and of the frame that stored landmarks refer to, in pixels (the paper's)."""

MAX_IMAGE_SIZE = 448
"""Maximum side of a network's input in pixels: twice the prepared images'."""

MAX_WIDTH = 2
"""Widest network; it has 228 million parameters, four times the paper's."""

MODELS = "a run folder (its best.pt), a checkpoint file, `bundled`, `bundled:NAME`"
NEWEST = "the newest run in ./checkpoint, else the bundled model"

CheckpointArgument = Annotated[Path | None, Option(f"Model to use: {MODELS}.", "Model", positional=True, unset=NEWEST)]
CheckpointOption = Annotated[Path | None, Option(f"Model to use: {MODELS}.", "Model", unset=NEWEST)]
DataFolder = Annotated[Path, existing("folder", "Folder written by `ampnet prepare` (holds index/).")]
Mirror = Annotated[bool, Option("Average the predictions for each face and its mirror image.", "Model")]
PriorOption = Annotated[
    str | None,
    Option(
        "Expected class frequencies: those of the training set, equal ones, or a JSON file of class -> share.",
        "Model",
        metavar="training|balanced|FILE",
        unset="what the checkpoint was tuned for",
    ),
]
OneGpu = Annotated[
    int | None, Option("1 uses the first GPU, 0 the CPU.", "Machine", min=0, unset="a GPU if there is one")
]
BatchSize = Annotated[int, Option("Batch size: faces classified at once.", "Machine", min=1)]
LoaderProcesses = Annotated[
    int, Option("Processes that load images for a GPU; on CPUs, each core loads its own.", "Machine", min=0)
]


@dataclass(frozen=True, kw_only=True)
class FaceClassifier(Settings):
    """Base of the settings of commands that classify prepared faces: where, and how many at once."""

    gpus: OneGpu = None
    batch_size: BatchSize = 64
    workers: LoaderProcesses = 2


ImageThreads = Annotated[int, Option("Threads that read and write images.", "Machine", min=1)]
PrecisionOption = Annotated[
    UsePrecision,
    Option("Floating-point precision; auto uses bf16 if the processor has it and no sample label changes.", "Machine"),
]
EngineOption = Annotated[
    EngineName, Option("ray distributes the work over the cluster at RAY_ADDRESS, or over local processes.", "Machine")
]
Actors = Annotated[
    int | None,
    Option("Number of processes with --engine ray.", "Machine", min=1, unset="one per GPU, else per core"),
]
FacesPerShard = Annotated[int, Option("Faces in each shard.", "Output", min=1, max=MAX_FACES_PER_SHARD)]
ReplaceFile = Annotated[bool, Option("Replace an existing file.", "Output")]
Resume = Annotated[bool, Option("Resume an interrupted run.", "Output")]
RESUME_OR_FORCE = "--resume continues a run and --force discards it; use only one"

WIDTH = Option(
    "Multiplier of all channel counts; 1 is the paper's.", "Model", above=0, max=MAX_WIDTH, unset="the variant's"
)
INPUT_SIZE = Option(
    "Input size in pixels, a multiple of 8; 224 is the paper's.",
    "Model",
    min=48,
    max=MAX_IMAGE_SIZE,
    step=8,
    unset="the variant's",
)
PLACEMENT = Option(
    "Place regions on whole cells of the feature map, as in the paper, or between cells.",
    "Model",
    unset="the variant's",
)
STANDARDISE = Option(
    "Normalise each face's brightness and contrast to FER-2013's; the paper's network does not.",
    "Model",
    unset="the variant's",
)
Modules = Annotated[
    tuple[Module, ...],
    Option("Perception modules to use, for ablations: global, local, attentional.", "Model", separated=True),
]
Dropout = Annotated[float, Option("Channel dropout after each stage of global perception.", min=0, below=1)]
ClassesOption = Annotated[
    str,
    Option(
        "Map labels to classes: a JSON file of label -> class, or keep for the labels as they are.",
        "Input",
        metavar="FILE|keep",
        unset="known expressions get ampnet's names (happy -> happiness)",
    ),
]


ScoreThreshold = Annotated[
    float, Option("Minimum detection score; 0.7 is the reference program's.", "Faces", above=0, below=1)
]


@dataclass(frozen=True, kw_only=True)
class DetectorConfig(Settings):
    """Which face detector runs, and what counts as a face."""

    name: Annotated[
        DetectorName, Option("Face detector; resnet50 is downloaded on first use.", "Faces", flag="--detector")
    ] = "mobilenet0.25"
    weights: Annotated[
        Path | None, existing("file", "Weights file for the detector.", "Faces", unset="the detector's own")
    ] = None
    score_threshold: ScoreThreshold = 0.7
    nms_threshold: Annotated[
        float, Option("Drop boxes whose overlap (IoU) with a higher-scoring one exceeds this.", above=0, below=1)
    ] = 0.4
    min_face: Annotated[
        float, Option("Minimum side of a face in pixels; smaller faces are ignored.", "Faces", min=0)
    ] = 12.0


MAX_OUTPUTS = 10_000
"""Maximum number of a network's outputs; the reference program's pre-training distinguishes 8,631 people."""


@dataclass(frozen=True, kw_only=True)
class ArchitectureConfig(Settings):
    """The size of the network."""

    num_classes: Annotated[int, Option("Number of classes.", min=2, max=MAX_OUTPUTS)] = 7
    width: Annotated[float, WIDTH] = 1.0
    image_size: Annotated[int, INPUT_SIZE] = IMAGE_SIZE
    dropout: Dropout = 0.5
    modules: Modules = MODULES
    placement: Annotated[Placement, PLACEMENT] = "cells"
    standardise: Annotated[bool, STANDARDISE] = False
    network: Annotated[Network, Option("AMP-Net, or a network of torchvision that reads the whole face.")] = "ampnet"

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            0 < len(set(self.modules)) == len(self.modules),
            f"modules must be some of {', '.join(MODULES)}, each once, got {', '.join(self.modules) or 'none'}",
        )
        require(
            self.network == "ampnet" or (self.modules == ("gp",) and self.width == 1 and self.placement == "cells"),
            f"{self.network} has no --width, --modules or --placement: these are AMP-Net's",
        )


VARIANTS: dict[str, dict[str, Any]] = {
    "ampnet": {"width": 1.0, "image_size": 224},
    "ampnet-small": {"width": 0.25, "image_size": 112, "placement": "continuous", "standardise": True},
    "resnet18": {"network": "resnet18", "image_size": 112, "standardise": True, "modules": ("gp",)},
    "mobilenet_v3_small": {"network": "mobilenet_v3_small", "image_size": 112, "standardise": True, "modules": ("gp",)},
}
"""Named networks: the paper's, one that trains on a laptop and answers more steadily, and two to compare them with."""
