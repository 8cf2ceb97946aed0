"""The size of the network, and its limits."""

from dataclasses import dataclass
from typing import Any

from ampnet.errors import require
from ampnet.settings.choices import MODULES, Module

IMAGE_SIZE = 224
"""Side of the prepared images, and of the frame that stored landmarks refer to, in pixels (the paper's)."""

MAX_IMAGE_SIZE = 448
"""Largest input of a network in pixels: twice the prepared images'."""

MAX_WIDTH = 2.0
"""Widest network; it has 228 million parameters, four times the paper's."""

MAX_OUTPUTS = 10_000
"""Most outputs of a network; the reference program's pre-training tells 8,631 people apart."""


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
