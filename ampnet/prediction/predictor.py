"""Photos in, expressions out: finds every face, frames it as the network has seen faces, and classifies it."""

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
    """One face of a photo and what it shows."""

    face: Face
    """Box, landmarks and the detector's score, in pixels of the photo."""
    label: str
    """The most probable class."""
    probability: float
    """Of that class, in [0, 1]."""
    scores: dict[str, float]
    """Probability of each class, in the checkpoint's order; they add up to 1."""


class Predictor:
    """A face detector and a trained network, ready for photos of any size.

    Args:
        checkpoint: a loaded checkpoint, its file, a run folder, or the name of a bundled model; None takes the default.
        detector: finds the faces; None takes the embedded one.
        device: where both run.
        batch_size: faces that the network sees at once.
        mirror: average each face with its mirror image: a little surer, at twice the work.
        prior: how often each class is expected; None takes what the checkpoint was tuned for.

    Raises:
        CheckpointError: the checkpoint cannot be used.
        ConfigError: the prior does not fit the checkpoint.
        DetectorError: the detector's weights cannot be had.
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
        """Names of the classes in the order of all scores."""
        return self.checkpoint.class_names

    def predict(self, images: Sequence[Image]) -> list[list[FacePrediction]]:
        """Find and classify the faces of each photo.

        A photo's result does not depend on the photos beside it.

        Args:
            images: ``(H, W, 3)`` RGB uint8, of any sizes.

        Returns:
            For each photo its faces, the one the detector is surest of first; an empty list where there is none.
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
        """Give ``(N, K)`` class probabilities of N faces in the network's frame (224 x 224)."""
        size, step = self.checkpoint.architecture.image_size, self.batch_size
        parts = [np.zeros((0, len(self.class_names)), dtype=np.float32)]
        parts += [self.classifier.classify(faces[start : start + step], size) for start in range(0, len(faces), step)]
        return np.concatenate(parts)

    def _prediction(self, face: Face, probabilities: NDArray[np.float32]) -> FacePrediction:
        best = int(probabilities.argmax())
        scores = dict(zip(self.class_names, probabilities.tolist(), strict=True))
        return FacePrediction(face, self.class_names[best], scores[self.class_names[best]], scores)
