"""Settings of `ampnet train`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from ampnet.errors import require
from ampnet.files.printable import printable
from ampnet.settings.choices import MODULES, Freeze, Placement, Precision, SelectionSplit, TrackerName, Variant, YesNo
from ampnet.settings.fields import Option, Settings, written
from ampnet.settings.recipes import Recipe, RecipeName, make_recipe
from ampnet.settings.shared import INPUT_SIZE, MODELS, PLACEMENT, STANDARDISE, WIDTH, DataFolder, Modules

MAX_SEED = 2**63 - 1
"""Maximum random seed: every generator takes it."""

MAX_FOLDS = 1000


@dataclass(frozen=True, kw_only=True)
class TrainConfig(Settings):
    """Settings of `ampnet train`; :func:`ampnet.training.defaults.resolve_defaults` fills in those that are None."""

    data: DataFolder = Path()
    variant: Annotated[
        Variant | None,
        Option(
            "The paper's network, a small one for CPUs, or a plain network of torchvision without landmarks.",
            "Model",
            unset="ampnet with a GPU, else ampnet-small",
        ),
    ] = None
    width: Annotated[float | None, WIDTH] = None
    image_size: Annotated[int | None, INPUT_SIZE] = None
    modules: Modules = MODULES
    placement: Annotated[Placement | None, PLACEMENT] = None
    standardise: Annotated[YesNo | None, STANDARDISE] = None
    pretrained: Annotated[
        Path | None,
        Option(f"Initial weights: {MODELS}, or a .pth file of the reference program.", "Model"),
    ] = None
    freeze: Annotated[
        Freeze, Option("Freeze the stem, or the statistics of all normalisation layers (norms).", "Model")
    ] = "none"
    recipe: Annotated[
        Recipe | RecipeName | None,
        Option(
            "reference follows the paper's program; modern follows current practice.",
            "Recipe",
            unset="reference with a GPU, else modern",
        ),
    ] = None
    recipe_changes: Annotated[
        Mapping[str, Any],
        Option(
            "Change any other value of the recipe, e.g. erase=0.5.",
            "Recipe",
            flag="--set",
            metavar="NAME=VALUE",
            changes=Recipe,
        ),
    ] = field(default_factory=dict)
    teachers: Annotated[
        tuple[Path, ...],
        Option("Distil from this checkpoint, or from `bundled`; repeatable.", "Recipe", flag="--teacher"),
    ] = ()
    seed: Annotated[int, Option("Random seed.", "Recipe", min=0)] = 1
    seeds: Annotated[
        int, Option("Train with this many seeds, counted from --seed, and report the spread.", "Recipe", min=1)
    ] = 1
    folds: Annotated[
        str,
        Option(
            "Cross-validate: train a run for each of K folds, or for each person; `eval RUN` tests every face with "
            "the run that has not seen it.",
            "Recipe",
            metavar="K|subjects",
            unset="one run on the data set's own splits",
        ),
    ] = ""
    subjects: Annotated[
        str,
        Option(
            "Who is shown: a column of index/faces.csv, or a CSV with name and subject; no person is in two folds.",
            "Recipe",
            metavar="COLUMN|FILE",
            unset="subject",
        ),
    ] = ""
    select_on: Annotated[
        SelectionSplit,
        Option("Split that picks the best epoch; test inflates the test score, and every report notes it.", "Recipe"),
    ] = "val"
    patience: Annotated[
        int, Option("Stop after this many epochs without improvement; 0 never stops early.", "Recipe", min=0)
    ] = 0
    out: Annotated[Path, written("folder", "Folder for all runs.")] = Path("checkpoint")
    name: Annotated[str | None, Option("Name of the run's folder.", "Output", unset="run1, run2, ...")] = None
    resume: Annotated[bool, Option("Resume the run given by --name, or the one saved last.", "Output")] = False
    save_every: Annotated[float, Option("Minutes between saves within an epoch.", "Output", min=0)] = 10.0
    tensorboard: Annotated[bool, Option("Also log to TensorBoard.", "Output")] = False
    mlflow: Annotated[bool, Option("Also log to MLflow's file store, in the folder of all runs.", "Output")] = False
    gpus: Annotated[
        int | None,
        Option("GPUs to use, one process each; 0 runs on the CPU.", "Machine", min=0, unset="all, else the CPU"),
    ] = None
    processes: Annotated[
        int | None, Option("CPU processes that train together.", "Machine", min=1, unset="one per core")
    ] = None
    workers: Annotated[
        int | None,
        Option("Image-loading processes per training process.", "Machine", min=0, unset="1, up to 8 with GPUs"),
    ] = None
    precision: Annotated[Precision, Option("Floating-point precision; weights stay fp32.", "Machine")] = "fp32"
    accumulate: Annotated[int, Option("Split each batch into this many parts to save memory.", "Machine", min=1)] = 1
    deterministic: Annotated[bool, Option("Allow only deterministic operations; on CPUs, all are.", "Machine")] = False
    sync_bn: Annotated[bool, Option("Synchronise batch norm across GPUs.", "Machine")] = False
    compile: Annotated[bool, Option("Compile the network; pays off in long runs on GPUs.", "Machine")] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.seed <= MAX_SEED, f"seed must be at most {MAX_SEED}, got {self.seed}")
        is_inside = self.name is None or not (Path(self.name).is_absolute() or ".." in Path(self.name).parts)
        require(is_inside, f"--name must name a folder inside --out, got {self.name}")
        recipe = make_recipe(self.recipe or "reference", self.recipe_changes)
        require(
            recipe.targets == "mix" or self.recipe_changes.get("vote_weight") is None,
            f"--vote-weight needs --targets mix, got --targets {recipe.targets}",
        )
        has_teacher_weight = self.recipe_changes.get("teacher_weight") is not None
        require(bool(self.teachers) or not has_teacher_weight, "teacher_weight needs --teacher")
        minimum = 2 * self.accumulate * (self.processes or 1)
        require(
            recipe.batch_size >= minimum,
            f"batch_size must be at least 2 x accumulate x processes = {minimum}, got {recipe.batch_size}",
        )

        number = int(self.folds) if self.folds.isdecimal() and len(self.folds) < 5 else 0
        require(
            self.folds in ("", "subjects") or 2 <= number <= MAX_FOLDS,
            f"--folds must be a number from 2 to {MAX_FOLDS:,}, or subjects, got {printable(self.folds, 40)}",
        )
        require(bool(self.folds) or not self.subjects, "--subjects needs --folds")
        require(
            not self.folds or self.select_on == "val", "--folds tests on the held-out fold; leave out --select-on test"
        )

    @property
    def trackers(self) -> tuple[TrackerName, ...]:
        """The experiment trackers to log to."""
        return (*(("tensorboard",) if self.tensorboard else ()), *(("mlflow",) if self.mlflow else ()))

    @property
    def has_several_runs(self) -> bool:
        """Return whether there is a run for each seed or fold."""
        return self.seeds > 1 or bool(self.folds)
