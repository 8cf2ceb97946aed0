"""The answer about one face."""

from dataclasses import dataclass, replace

import numpy as np

from ampnet.detection.face import Face, moved_face
from ampnet.media.drawing import Mark
from ampnet.recognition.face_warnings import face_warnings
from ampnet.results.face_explanation import FaceExplanation

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

    explanation: FaceExplanation | None = None
    """Why, if that was asked for; see `ampnet predict --explain`."""

    track: int | None = None
    """Number of the face in its video, from 1, the same in all frames; None if it was not followed."""

    visible: float = 1.0
    """Share of the box within the photo, in [0, 1]."""

    blurriness: float = 0.0
    """Share of the face's edges that stay when it is blurred once more, in [0, 1]."""

    brightness: int = 255
    """Grey value that a tenth of the face exceeds, 0 to 255."""

    @property
    def warnings(self) -> list[str]:
        """What makes the answer doubtful, in words; empty for most faces."""
        return face_warnings(self.face, self.visible, self.blurriness, self.brightness, self.scores)

    @property
    def is_sure(self) -> bool:
        """Whether the most probable class is as probable as the checkpoint demands of an answer."""
        return self.probability >= self.rejection_threshold

    @property
    def answer(self) -> str:
        """The most probable class, or :data:`NOT_SURE`."""
        return self.label if self.is_sure else NOT_SURE

    @property
    def mark(self) -> Mark:
        """How the face is drawn."""
        text = f"{self.label} {self.probability:.0%}" if self.is_sure else self.answer
        text = text if self.track is None else f"#{self.track} {text}"
        return Mark(self.face.box, self.face.landmarks, self.label, text, self.is_sure, self.probability)

    def enlarged(self, decoded_hw: tuple[int, int], photo_hw: tuple[int, int]) -> "FacePrediction":
        """Convert from pixels of a photo that was reduced while it was decoded to those of the whole photo."""
        y, x = photo_hw[0] / decoded_hw[0], photo_hw[1] / decoded_hw[1]
        matrix = np.array([[x, 0.0, 0.0], [0.0, y, 0.0]])
        explanation = self.explanation and self.explanation.moved(matrix)
        return replace(self, face=moved_face(self.face, matrix), explanation=explanation)
