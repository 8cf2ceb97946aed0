"""Golden answers: what the bundled models say about twenty stored faces, to check whether a machine computes correctly.

`golden.png` holds the faces (MakeHuman, CC0; `tools/golden_answers.py` draws it from tests/samples), `golden.json`
their landmarks and, for each bundled model, the probabilities in float32 on the machine that released it.
"""

from pathlib import Path

import cv2
import msgspec
import numpy as np

from ampnet.detection.detector import FaceDetector
from ampnet.detection.retries import detect_with_retries
from ampnet.faces.alignment import AlignedFace
from ampnet.faces.framing import Framing, frame_face
from ampnet.media.images import Image, resize
from ampnet.reading.image_files import read_image
from ampnet.settings import IMAGE_SIZE

SHEET, ANSWERS = Path(__file__).with_name("golden.png"), Path(__file__).with_name("golden.json")

SIDE, COLUMNS = 112, 5
"""Side of a stored face in pixels, and faces in a row of the sheet."""


class ModelAnswers(msgspec.Struct, frozen=True):
    """What one bundled model says."""

    sha256: str
    """Of its file."""
    class_names: list[str]
    probabilities: list[list[float]]
    """``(20, K)``, six decimals."""


class GoldenAnswers(msgspec.Struct, frozen=True):
    """The content of `golden.json`."""

    landmarks: list[list[list[float]]]
    """``(20, 5, 2)`` in the 224 x 224 frame."""
    models: dict[str, ModelAnswers]
    """By the name of the bundled model."""


def golden_answers() -> GoldenAnswers:
    """Read the stored answers."""
    return msgspec.json.decode(ANSWERS.read_bytes(), type=GoldenAnswers)


def golden_faces(landmarks: list[list[list[float]]]) -> list[AlignedFace]:
    """Cut the twenty faces out of the sheet, 224 x 224 as the networks expect them."""
    sheet = read_image(SHEET)
    faces = []
    for number, points in enumerate(landmarks):
        top, left = (place * SIDE for place in divmod(number, COLUMNS))
        face = resize(np.ascontiguousarray(sheet[top : top + SIDE, left : left + SIDE]), (IMAGE_SIZE, IMAGE_SIZE))
        faces.append(AlignedFace(face, np.array(points, dtype=np.float64), np.eye(2, 3)))
    return faces


def draw_sheet(faces: list[AlignedFace]) -> bytes:
    """Draw faces on a sheet as :func:`golden_faces` reads it: a grey PNG."""
    small = [resize(face.image, (SIDE, SIDE)) for face in faces]
    rows = [np.hstack(small[start : start + COLUMNS]) for start in range(0, len(small), COLUMNS)]
    _, data = cv2.imencode(".png", cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2GRAY), [cv2.IMWRITE_PNG_COMPRESSION, 9])
    return data.tobytes()


SAMPLE = Path(__file__).with_name("faces.jpg")
"""Five rendered faces (MakeHuman, CC0)."""


def sample_images() -> list[Image]:
    """Return the photo and its mirror image."""
    image = read_image(SAMPLE)
    return [image, np.ascontiguousarray(image[:, ::-1])]


def sample_faces(framing: Framing) -> list[AlignedFace]:
    """Return the ten faces of both, framed for a network."""
    images = sample_images()
    found = detect_with_retries(FaceDetector(), images)
    return [
        frame_face(image, face.landmarks, framing)
        for image, detection in zip(images, found, strict=True)
        for face in detection.faces
    ]
