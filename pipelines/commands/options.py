"""Options that several commands share, the panels of the help, and the way from arguments to settings."""

from collections.abc import Mapping
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from ampnet.settings import MAX_FACES_PER_SHARD, DetectorName, Engine, UsePrecision

input_option = partial(typer.Option, rich_help_panel="Input")
face_option = partial(typer.Option, rich_help_panel="Faces")
model_option = partial(typer.Option, rich_help_panel="Model")
recipe_option = partial(typer.Option, rich_help_panel="Recipe")
recipe_value = partial(recipe_option, show_default="the recipe's")
output_option = partial(typer.Option, rich_help_panel="Output")
service_option = partial(typer.Option, rich_help_panel="Service")
limit_option = partial(typer.Option, rich_help_panel="Limits")
machine_option = partial(typer.Option, rich_help_panel="Machine")

A_MODEL = "A run folder (its best.pt), a checkpoint file, `bundled` or `bundled:NAME`."
WHICH_MODEL = "the newest run in ./checkpoint, else the bundled model"

Checkpoint = Annotated[Path | None, typer.Argument(help=A_MODEL, show_default=WHICH_MODEL)]
CheckpointOption = Annotated[Path | None, model_option("--checkpoint", help=A_MODEL, show_default=WHICH_MODEL)]
DataRoot = Annotated[
    Path,
    input_option("--data", help="Folder written by `ampnet prepare` (holds index/).", exists=True, file_okay=False),
]
AsJson = Annotated[bool, output_option("--json", help="Print the result as JSON, and nothing else on stdout.")]
Quiet = Annotated[bool, output_option("--quiet", "-q", help="Show no progress and no notices.")]
Debug = Annotated[bool, output_option("--debug", help="Show the full traceback of an error.")]
Gpus = Annotated[
    int | None,
    machine_option(min=0, help="GPUs to use, one process each; 0 runs on the CPU.", show_default="all, else the CPU"),
]
OneGpu = Annotated[
    int | None,
    machine_option("--gpus", min=0, help="1 uses the first GPU, 0 the CPU.", show_default="a GPU if there is one"),
]
LoadingThreads = Annotated[int, machine_option(min=1, help="Threads that read and write images.")]
LoadersForGpu = Annotated[
    int, machine_option(min=0, help="Processes that load images for a GPU; on CPUs, each core loads its own.")
]
BatchSize = Annotated[int, machine_option(min=1, help="Batch size: faces classified at once.")]
Mirror = Annotated[bool, model_option("--mirror", help="Average the predictions for each face and its mirror image.")]
Prior = Annotated[
    str | None,
    model_option(
        metavar="training|balanced|FILE",
        help="Expected class frequencies: the training set's, equal ones, or a JSON file of class -> share.",
        show_default="what the checkpoint was tuned for",
    ),
]
UsedPrecision = Annotated[
    UsePrecision,
    machine_option(
        help="Floating-point precision; auto is bf16 if the processor has it and sample labels do not change."
    ),
]
Detector = Annotated[DetectorName, face_option(help="Face detector; resnet50 is downloaded on first use.")]
DetectorWeights = Annotated[
    Path | None, face_option("--weights", help="Weights file for the detector.", exists=True, dir_okay=False)
]
ScoreThreshold = Annotated[float, face_option(min=0.01, max=0.99, help="Minimum detection score.")]
FacesPerShard = Annotated[int, output_option(min=1, max=MAX_FACES_PER_SHARD, help="Faces in each shard.")]
EngineName = Annotated[
    Engine,
    machine_option("--engine", help="ray spreads the work over the cluster at RAY_ADDRESS, or over local processes."),
]
Actors = Annotated[
    int | None,
    machine_option(
        "--actors", min=1, help="Number of processes with --engine ray.", show_default="one per GPU, else per core"
    ),
]


def pick(settings: type[Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Select a command's arguments that have the name of a config's field."""
    names = {field.name for field in fields(settings)}
    return {name: value for name, value in arguments.items() if name in names}
