"""Settings of the face detector, which several commands share."""

from dataclasses import dataclass
from pathlib import Path

from ampnet.errors import require
from ampnet.settings.choices import DetectorName


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
