"""Settings of `ampnet train`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ampnet.errors import require
from ampnet.settings.choices import MODULES, Freeze, Module, Precision, SelectionSplit, Variant
from ampnet.settings.recipes import Recipe, RecipeName, make_recipe

MAX_SEED = 2**63 - 1
"""Largest random seed that every generator takes."""


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
    """Recipe values to override, as for :func:`ampnet.settings.recipes.make_recipe`."""
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
