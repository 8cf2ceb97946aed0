"""Predictor: detects, frames and classifies every face in a photo."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ampnet.checkpoints.bundled import named_model
from ampnet.checkpoints.checkpoint import Checkpoint, load_checkpoint
from ampnet.detection import Face, FaceDetector
from ampnet.detection.retries import detect_with_retries
from ampnet.faces.alignment import AlignedFace, Image
from ampnet.faces.framing import frame_face
from ampnet.inference.classifier import Classifier
from ampnet.inference.prior import Prior


@dataclass(frozen=True, eq=False)
class FacePrediction:
    """A face in a photo and its expression."""

    face: Face
    """Box and landmarks in pixels of the photo, and the detection score."""
    label: str
    """The most probable class."""
    probability: float
    """Probability of that class, in [0, 1]."""
    scores: dict[str, float]
    """Probability of each class, in the checkpoint's order; they sum to 1."""


class Predictor:
    """A face detector and a trained network, for photos of any size.

    Args:
        checkpoint: a loaded checkpoint, its file, a run folder, or the name of a bundled model; None takes the default.
        detector: finds the faces; None takes the embedded one.
        device: where both run.
        batch_size: batch size of the network, in faces.
        mirror: average the predictions for each face and its mirror image; slightly more accurate, at twice the cost.
        prior: expected class frequencies; None takes the checkpoint's own prior.

    Raises:
        CheckpointError: the checkpoint cannot be used.
        ConfigError: the prior does not match the checkpoint.
        DetectorError: the detector's weights are unavailable.
    """

    def __init__(
        self,
        checkpoint: Checkpoint | Path | None = None,
        detector: FaceDetector | None = None,
        device: torch.device | str = "cpu",
        batch_size: int = 32,
        mirror: bool = False,
        prior: Prior | None = None,
    ) -> None:
        if not isinstance(checkpoint, Checkpoint):
            checkpoint = load_checkpoint(named_model(checkpoint))
        self.checkpoint = checkpoint
        self.device = torch.device(device)
        self.detector = detector or FaceDetector(device=self.device)
        self.batch_size = batch_size
        self.classifier = Classifier.from_checkpoint(self.checkpoint, self.device, mirror, prior)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Class names, in the order of all scores."""
        return self.checkpoint.class_names

    def predict(self, images: Sequence[Image]) -> list[list[FacePrediction]]:
        """Detect and classify the faces in each photo.

        Results do not depend on the rest of the batch.

        Args:
            images: ``(H, W, 3)`` RGB uint8, of any size.

        Returns:
            The faces in each photo, best detection score first; empty if there are none.
        """
        found = [list(detection.faces) for detection in detect_with_retries(self.detector, images)]
        framed = [
            frame_face(image, face.landmarks, self.checkpoint.framing)
            for image, faces in zip(images, found, strict=True)
            for face in faces
        ]
        probabilities = iter(self.classify(framed))
        return [[self._prediction(face, next(probabilities)) for face in faces] for faces in found]

    def classify(self, faces: Sequence[AlignedFace]) -> NDArray[np.float32]:
        """Return ``(N, K)`` class probabilities of N framed faces (224 x 224)."""
        size, step = self.checkpoint.architecture.image_size, self.batch_size
        parts = [np.zeros((0, len(self.class_names)), dtype=np.float32)]
        parts += [self.classifier.classify(faces[start : start + step], size) for start in range(0, len(faces), step)]
        return np.concatenate(parts)

    def _prediction(self, face: Face, probabilities: NDArray[np.float32]) -> FacePrediction:
        best = int(probabilities.argmax())
        scores = dict(zip(self.class_names, probabilities.tolist(), strict=True))
        return FacePrediction(face, self.class_names[best], scores[self.class_names[best]], scores)
