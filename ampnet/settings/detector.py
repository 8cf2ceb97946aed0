"""Settings of the face detector, which several commands share."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from ampnet.settings.choices import DetectorName
from ampnet.settings.fields import Option, Settings, existing

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
        float, Option("Minimum side of a face in pixels; smaller ones show no readable expression.", "Faces", min=0)
    ] = 12.0
