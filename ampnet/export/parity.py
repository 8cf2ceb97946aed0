"""Does an exported model say what the checkpoint says? Measured on real faces."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ampnet.checkpoints.checkpoint import Checkpoint
from ampnet.config import DetectorConfig
from ampnet.detection.detector import FaceDetector
from ampnet.detection.face import Face
from ampnet.detection.retries import detect_with_retries
from ampnet.faces.alignment import AlignedFace
from ampnet.faces.framing import frame_face
from ampnet.inference.classifier import network_input
from ampnet.media.images import Image, read_image
from ampnet.onnx.session import open_model
from ampnet.prediction.predictor import Predictor

SAMPLE = Path(__file__).with_name("faces.jpg")
"""Six rendered faces (MakeHuman, CC0), in the package so that every export can be checked."""

TOLERANCE = {"fp32": 1e-4, "fp16": 0.01, "int8": 0.25}
"""Largest accepted difference of a probability, by precision."""


def sample_image() -> Image:
    """Return the photo that exports are checked with."""
    return read_image(SAMPLE)


def sample_faces(checkpoint: Checkpoint) -> list[AlignedFace]:
    """Return the photo's faces and their mirror images, framed for a checkpoint."""
    image = sample_image()
    faces: list[AlignedFace] = []
    for view in (image, np.ascontiguousarray(image[:, ::-1])):
        (found,) = detect_with_retries(FaceDetector(DetectorConfig()), [view])
        faces += [frame_face(view, face.landmarks, checkpoint.framing) for face in found.faces]
    return faces


def largest_difference(checkpoint: Checkpoint, faces: Sequence[AlignedFace], found: NDArray[np.float32]) -> float:
    """Return the largest difference between a checkpoint's probabilities and those of its exported form.

    Args:
        checkpoint: the exported one.
        faces: N framed faces.
        found: ``(N, K)`` the exported model's probabilities for them.
    """
    return float(np.abs(Predictor(checkpoint).classify(faces) - found).max())


def largest_shift(expected: Sequence[Face], found: Sequence[Face]) -> float:
    """Return the largest distance, in pixels, of boxes and landmarks of two detections of one image.

    Infinite if they differ in the number of faces.
    """
    if len(expected) != len(found):
        return float("inf")
    shifts = [np.abs(one.box - other.box).max() for one, other in zip(expected, found, strict=True)]
    shifts += [np.abs(one.landmarks - other.landmarks).max() for one, other in zip(expected, found, strict=True)]
    return float(max(shifts, default=0.0))


def run_torchscript(path: Path, faces: Sequence[AlignedFace], image_size: int) -> NDArray[np.float32]:
    """Return ``(N, K)`` probabilities of a TorchScript file that was just written."""
    batch = network_input(faces, image_size)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit is deprecated, but is what C++ programs load
        model = torch.jit.load(str(path))  # type: ignore[no-untyped-call]
    return np.asarray(model(batch.images.permute(0, 2, 3, 1), batch.landmarks)[0].numpy())


def run_onnx(path: Path, faces: Sequence[AlignedFace], image_size: int) -> NDArray[np.float32]:
    """Return ``(N, K)`` probabilities of an ONNX file."""
    batch = network_input(faces, image_size)
    inputs = {"images": batch.images.permute(0, 2, 3, 1).numpy(), "landmarks": batch.landmarks.numpy()}
    return np.asarray(open_model(path, "classifier").session.run(["probabilities"], inputs)[0])
