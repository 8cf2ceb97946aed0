"""A predictor whose process is killed once, in the middle of its work."""

import os
import signal
from pathlib import Path
from typing import Any

from ampnet.config import PredictConfig
from ampnet.prediction.photos import PhotoPredictor
from pipelines.predict_ray import load as load_predictor


def load(network: Path, mark: Path) -> PhotoPredictor:
    """Load a predictor that kills its process at the second call of the first process to come so far."""
    predictor = load_predictor(PredictConfig(images=(), checkpoint=network, gpus=0))
    find_faces, calls = predictor.find_faces, iter(range(1_000_000))

    def find_or_die(*given: Any, **options: Any) -> Any:
        if next(calls) == 1:
            try:
                mark.touch(exist_ok=False)
            except FileExistsError:
                pass
            else:
                os.kill(os.getpid(), signal.SIGKILL)
        return find_faces(*given, **options)

    predictor.find_faces = find_or_die  # type: ignore[method-assign]
    return predictor
