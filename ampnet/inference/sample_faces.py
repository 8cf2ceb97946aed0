"""Real faces in the package, on which another form of a network is compared with the usual one."""

from pathlib import Path

import numpy as np

from ampnet.detection.detector import FaceDetector
from ampnet.detection.retries import detect_with_retries
from ampnet.faces.alignment import AlignedFace
from ampnet.faces.framing import Framing, frame_face
from ampnet.media.images import Image
from ampnet.reading.image_files import read_image

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
