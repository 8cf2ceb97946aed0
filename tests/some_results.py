"""Results of `predict` without any photo or network, for tests of what is done with them."""

import numpy as np

from ampnet.detection.face import Face
from ampnet.files.printable import one_line
from ampnet.reading.contents import PixelContent
from ampnet.reading.photo import Photo
from ampnet.results.face_prediction import FacePrediction
from ampnet.results.photo_result import PhotoResult
from ampnet.settings.labels import EXPRESSIONS

GREY = np.full((48, 64, 3), 90, np.uint8)
MODEL = "small@1234abcd"


def some_face(label: str = "happiness", shift: float = 0.0) -> FacePrediction:
    """Make a face whose values tell it apart by ``shift``."""
    scores = {name: 0.4 if name == label else 0.1 for name in EXPRESSIONS}
    box = np.array([10, 20, 30, 40], np.float32) + shift
    landmarks = np.arange(10, dtype=np.float32).reshape(5, 2) + shift
    return FacePrediction(Face(box=box, landmarks=landmarks, score=0.9), label, 0.4, scores)


def photo(name: str, faces: int = 1, problem: str | None = None) -> PhotoResult:
    """Make the result of a photo."""
    content = None if problem else PixelContent(GREY)
    found = [some_face(shift=i) for i in range(faces)]
    return PhotoResult(Photo(one_line(name), content, problem), found, EXPRESSIONS, MODEL)


def frame(name: str, number: int, faces: int = 1) -> PhotoResult:
    """Make the result of a video's frame, at 25 a second."""
    shown = Photo(one_line(name), PixelContent(GREY), frame=number, seconds=number / 25)
    return PhotoResult(shown, [some_face()] * faces, EXPRESSIONS, MODEL)
