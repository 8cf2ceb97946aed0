"""The size of the network, and its limits."""

from dataclasses import dataclass
from typing import Annotated, Any

from ampnet.errors import require
from ampnet.settings.choices import MODULES, Network, Placement
from ampnet.settings.fields import Option, Settings
from ampnet.settings.shared import IMAGE_SIZE, INPUT_SIZE, PLACEMENT, STANDARDISE, WIDTH, Dropout, Modules

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
