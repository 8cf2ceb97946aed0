"""From photos to expressions, whatever runs the networks: detect, frame, classify."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ampnet.detection.any_size import AnySizeDetector
from ampnet.detection.face import Face, moved_face
from ampnet.detection.retries import detect_with_retries
from ampnet.faces.alignment import AlignedFace, Image
from ampnet.faces.framing import Framing, frame_face

NOT_SURE = "not sure"
"""The answer to a face whose most probable class is less probable than the rejection threshold."""


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
    rejection_threshold: float = 0.0
    """Least probability of a sure answer, in [0, 1]; see `ampnet calibrate`."""

    @property
    def is_sure(self) -> bool:
        """Whether the most probable class is as probable as the checkpoint demands of an answer."""
        return self.probability >= self.rejection_threshold

    @property
    def answer(self) -> str:
        """The most probable class, or :data:`NOT_SURE`."""
        return self.label if self.is_sure else NOT_SURE

    def enlarged(self, decoded_hw: tuple[int, int], photo_hw: tuple[int, int]) -> "FacePrediction":
        """Convert from pixels of a photo that was reduced while it was decoded to those of the whole photo."""
        y, x = photo_hw[0] / decoded_hw[0], photo_hw[1] / decoded_hw[1]
        return replace(self, face=moved_face(self.face, np.array([[x, 0.0, 0.0], [0.0, y, 0.0]])))


class PhotoPredictor(ABC):
    """A face detector and a classifier, for photos of any size."""

    detector: AnySizeDetector
    class_names: tuple[str, ...]
    """In the order of all scores."""
    framing: Framing
    """How the classifier's training faces were framed."""
    rejection_threshold: float = 0.0
    """Faces whose most probable class is less probable get the answer "not sure"; 0 never rejects."""

    @abstractmethod
    def classify(self, faces: Sequence[AlignedFace]) -> NDArray[np.float32]:
        """Return ``(N, K)`` class probabilities of N framed faces (224 x 224)."""

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
            frame_face(image, face.landmarks, self.framing)
            for image, faces in zip(images, found, strict=True)
            for face in faces
        ]
        probabilities = iter(self.classify(framed))
        return [[self._prediction(face, next(probabilities)) for face in faces] for faces in found]

    def _prediction(self, face: Face, probabilities: NDArray[np.float32]) -> FacePrediction:
        best = int(probabilities.argmax())
        scores = dict(zip(self.class_names, probabilities.tolist(), strict=True))
        label = self.class_names[best]
        return FacePrediction(face, label, scores[label], scores, self.rejection_threshold)
