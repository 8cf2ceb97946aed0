"""Agreement of an exported model with its checkpoint, measured on faces."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ampnet.checkpoints.checkpoint import Checkpoint
from ampnet.dataset.index.splits import split_indices
from ampnet.dataset.loading.dataset import Batch, FaceBatches, SampleKey
from ampnet.dataset.open_index import read_index
from ampnet.detection.face import Face
from ampnet.errors import DataError
from ampnet.inference.classifier import Classifier, faces_for, network_input
from ampnet.inference.golden import sample_faces, sample_images
from ampnet.recognition.onnx import open_model
from ampnet.recognition.predictor import Predictor
from ampnet.settings import ExportPixels

TOLERANCE = {"fp32": 1e-4, "fp16": 0.15, "int8": 0.15}
"""Maximum accepted difference of a probability of a framed face, by precision."""

WHOLE_TOLERANCE = 0.01
"""The same from photos, where a face may be framed a grey level differently."""


Inputs = dict[str, NDArray[Any]]
"""``images``: ``(N, S, S, 3)`` uint8 RGB; ``landmarks``: ``(N, 5, 2)`` float32 in their pixels."""

MAX_FACES = 512
"""Faces of a data set that check an export."""


def sample_inputs(checkpoint: Checkpoint) -> Inputs:
    """Return the sample faces in the package as a checkpoint's inputs."""
    return _inputs(network_input(sample_faces(checkpoint.framing), checkpoint.architecture.image_size))


def prepared_inputs(data: Path, checkpoint: Checkpoint) -> Inputs:
    """Return at most ``MAX_FACES`` validation faces of a prepared data set, evenly spread, as a checkpoint's inputs.

    Raises:
        DataError: the data set cannot be read, or has no validation faces.
    """
    index = read_index(data)
    val = split_indices(index)["val"]
    if not len(val):
        raise DataError(f"{data} has no validation faces to check with")
    chosen = val[np.linspace(0, len(val) - 1, min(MAX_FACES, len(val))).astype(int)]
    batches = FaceBatches(faces_for(checkpoint, index.subset(chosen)))
    return _inputs(batches[[SampleKey(0, position, position) for position in range(len(chosen))]])


def largest_difference(checkpoint: Checkpoint, inputs: Inputs, found: NDArray[np.float32]) -> float:
    """Return the largest difference between a checkpoint's probabilities and those of its exported form.

    Args:
        checkpoint: the exported one.
        inputs: N faces.
        found: ``(N, K)`` the exported model's probabilities for them.
    """
    return float(np.abs(run_checkpoint(checkpoint, inputs) - found).max())


def as_pixels(photo: NDArray[np.uint8], pixels: ExportPixels) -> NDArray[np.uint8]:
    """Lay ``(H, W, 3)`` out as a whole graph expects photos."""
    if pixels == "nchw":
        return np.ascontiguousarray(photo.transpose(2, 0, 1)[None])
    return photo if pixels == "rgb" else np.pad(photo, ((0, 0), (0, 0), (0, 1)), constant_values=255)


def largest_photo_difference(checkpoint: Checkpoint, path: Path, pixels: ExportPixels) -> tuple[float, int]:
    """Compare a whole graph with the Recognizer on the photos in the package.

    Returns:
        The largest difference of a probability, infinite if other faces are found; and the number of faces.
    """
    recognizer, model = Predictor(checkpoint), open_model(path, "whole")
    difference, faces = 0.0, 0
    for photo in sample_images():
        expected = np.array([list(face.scores.values()) for face in recognizer.predict(photo)])
        (found,) = model.run(["probabilities"], {"photo": as_pixels(photo, pixels)})
        if found.shape != expected.shape:
            return float("inf"), faces
        difference, faces = max(difference, float(np.abs(found - expected).max())), faces + len(found)
    return difference, faces


def largest_shift(expected: Sequence[Face], found: Sequence[Face]) -> float:
    """Return the largest distance, in pixels, of boxes and landmarks of two detections of one image.

    Infinite if they differ in the number of faces.
    """
    if len(expected) != len(found):
        return float("inf")
    shifts = [np.abs(one.box - other.box).max() for one, other in zip(expected, found, strict=True)]
    shifts += [np.abs(one.landmarks - other.landmarks).max() for one, other in zip(expected, found, strict=True)]
    return float(max(shifts, default=0.0))


@torch.inference_mode()
def run_checkpoint(checkpoint: Checkpoint, inputs: Inputs) -> NDArray[np.float32]:
    """Return ``(N, K)`` probabilities of a checkpoint, in the form that `predict` and `eval` use."""
    cpu = torch.device("cpu")
    images = torch.from_numpy(inputs["images"]).permute(0, 3, 1, 2)
    batch = Batch(images, torch.from_numpy(inputs["landmarks"]), torch.zeros(len(images), dtype=torch.int64))
    classifier = Classifier.from_checkpoint(checkpoint, cpu)
    return classifier.probabilities(*classifier.head_logits(batch.to(cpu)))


def run_torchscript(path: Path, inputs: Inputs) -> NDArray[np.float32]:
    """Return ``(N, K)`` probabilities of a TorchScript file that was just written."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit is deprecated, but is what C++ programs load
        model = torch.jit.load(str(path))  # type: ignore[no-untyped-call]
    return np.asarray(model(*(torch.from_numpy(inputs[name]) for name in ("images", "landmarks")))[0].numpy())


def run_onnx(path: Path, inputs: Inputs) -> NDArray[np.float32]:
    """Return ``(N, K)`` probabilities of an ONNX file."""
    return np.asarray(open_model(path, "classifier").run(["probabilities"], inputs)[0])


def _inputs(batch: Batch) -> Inputs:
    images = batch.images.expand(-1, 3, -1, -1).permute(0, 2, 3, 1)
    return {"images": np.ascontiguousarray(images.numpy()), "landmarks": batch.landmarks.numpy()}
