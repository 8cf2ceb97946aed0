"""Results of `predict` without any photo or network, for tests of what is done with them."""

from pathlib import Path

import numpy as np

from ampnet.detection.face import Face
from ampnet.results.face_prediction import FacePrediction
from ampnet.results.results import ImagePredictions
from ampnet.settings.labels import EXPRESSIONS


def some_face(label: str = "happiness", shift: float = 0.0) -> FacePrediction:
    """Make a face whose values tell it apart by ``shift``."""
    scores = {name: 0.4 if name == label else 0.1 for name in EXPRESSIONS}
    box, landmarks = np.array([10.0, 20, 30, 40]) + shift, np.arange(10.0).reshape(5, 2) + shift
    return FacePrediction(Face(box=box, landmarks=landmarks, score=0.9), label, 0.4, scores)


def photo(name: str, faces: int = 1, problem: str | None = None) -> ImagePredictions:
    """Make the result of a photo."""
    size_hw = None if problem else (48, 64)
    return ImagePredictions(Path(name), size_hw, [some_face(shift=i) for i in range(faces)], problem)


def frame(name: str, number: int, faces: int = 1) -> ImagePredictions:
    """Make the result of a video's frame, at 25 a second."""
    return ImagePredictions(Path(name), (48, 64), [some_face()] * faces, None, number, number / 25)
