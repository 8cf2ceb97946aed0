"""The answer about one face, and its explanation."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ampnet.detection.face import Face, moved_face
from ampnet.faces.appearance import blurriness, brightness
from ampnet.faces.geometry import Affine, transform_points
from ampnet.media.drawing import Mark
from ampnet.media.images import Image
from ampnet.results.face_warnings import face_warnings, visible_share
from ampnet.settings.labels import NOT_SURE


@dataclass(frozen=True, eq=False)
class FaceExplanation:
    """The logits of one face as a sum: the softmax of the summands' sum is the face's ``scores``, within 1e-4."""

    label: str
    """The most probable class."""
    class_names: tuple[str, ...]
    """The K classes."""
    names: tuple[str, ...]
    """Names of the S summands: the regions first, then the constant, the whole face and the prior."""
    summands: NDArray[np.float32]
    """``(S, K)`` what each adds to the logit of each class."""
    corners: NDArray[np.float64]
    """``(R, 4, 2)`` corners of the R regions in pixels of the photo, clockwise; an empty region's coincide."""

    @property
    def added(self) -> dict[str, float]:
        """What each summand added to the logit of ``label``, relative to the mean over all classes.

        The softmax ignores what is added to all classes alike, so only this difference counts.
        """
        relative = self.summands[:, self.class_names.index(self.label)] - self.summands.mean(axis=1)
        return dict(zip(self.names, relative.tolist(), strict=True))

    def moved(self, matrix: Affine) -> "FaceExplanation":
        """Return it with the corners mapped by an affine map."""
        return replace(self, corners=transform_points(self.corners.reshape(-1, 2), matrix).reshape(-1, 4, 2))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; logits with six decimals, pixels with one."""
        rows = [[round(value, 6) for value in row] for row in self.summands.tolist()]
        return {
            "added": {name: round(value, 6) for name, value in self.added.items()},
            "summands": {
                name: dict(zip(self.class_names, row, strict=True)) for name, row in zip(self.names, rows, strict=True)
            },
            "regions": dict(zip(self.names, np.round(self.corners, 1).tolist(), strict=False)),
        }


@dataclass(frozen=True, eq=False)
class FacePrediction:
    """A face in a photo and its expression."""

    detection: Face
    """Box and landmarks in pixels of the whole upright photo, and the detection score."""
    label: str
    """The most probable class."""
    probability: float
    """Probability of that class, in [0, 1]."""
    scores: dict[str, float]
    """Probability of each class, in the checkpoint's order; they sum to 1."""
    rejection_threshold: float = 0.0
    """Minimum probability of an answer other than "not sure", in [0, 1]; see `ampnet calibrate`."""

    explanation: FaceExplanation | None = None
    """The explanation, if requested; see `ampnet predict --explain`."""

    track: int | None = None
    """Number of the face in its video, from 1, the same in all frames; None if it was not followed."""

    person: int | None = None
    """Number of the person to whom the track belongs, from 1; None if there is none, or without ``people``."""

    visible: float = 1.0
    """Share of the box within the photo, in [0, 1]."""

    blurriness: float = 0.0
    """Share of the energy of the face's edges that remains when it is blurred again, in [0, 1]."""

    brightness: int = 255
    """Grey value that a tenth of the face exceeds, 0 to 255."""

    @property
    def box(self) -> NDArray[np.float32]:
        """``(4,)`` x0, y0, x1, y1 in pixels of the whole upright photo; may extend beyond it."""
        return self.detection.box

    @property
    def landmarks(self) -> NDArray[np.float32]:
        """``(5, 2)`` (x, y) in the same pixels: left eye, right eye, nose tip, left and right mouth corner.

        Left is the image's left: an upright face's own right.
        """
        return self.detection.landmarks

    @property
    def face_score(self) -> float:
        """The detector's confidence that this is a face, in [0, 1]."""
        return self.detection.score

    @property
    def face(self) -> Face:
        """Former name of :attr:`detection`, deprecated since 1.0; use :attr:`box` and :attr:`landmarks`."""
        warnings.warn(
            "face.face is deprecated since ampnet 1.0: use face.box, face.landmarks and face.face_score",
            DeprecationWarning,
            stacklevel=2,
        )
        return self.detection

    @property
    def warnings(self) -> list[str]:
        """Reasons to doubt the answer; empty for most faces."""
        return face_warnings(self.detection, self.visible, self.blurriness, self.brightness, self.scores)

    @property
    def is_sure(self) -> bool:
        """Whether the most probable class reaches the rejection threshold."""
        return self.probability >= self.rejection_threshold

    @property
    def answer(self) -> str:
        """The most probable class, or :data:`NOT_SURE`."""
        return self.label if self.is_sure else NOT_SURE

    @property
    def mark(self) -> Mark:
        """How the face is drawn."""
        text = f"{self.label} {self.probability:.0%}" if self.is_sure else self.answer
        if self.track is not None:  # a face that is no person's may have the track of that number
            text = f"#{self.track} {text}" if self.person is None else f"P{self.person} {text}"
        return Mark(self.box, self.landmarks, self.label, text, self.is_sure, self.probability, tuple(self.scores))

    def moved(self, matrix: Affine) -> "FacePrediction":
        """Return it with box, landmarks and explanation mapped by an affine map, to pixels of another image."""
        explanation = self.explanation and self.explanation.moved(matrix)
        return replace(self, detection=moved_face(self.detection, matrix), explanation=explanation)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON: pixels with one decimal, probabilities with six."""
        explanation = {} if self.explanation is None else {"explanation": self.explanation.to_dict()}
        return {
            "box": np.round(self.box.astype(float), 1).tolist(),
            "face_score": round(self.face_score, 4),
            "landmarks": np.round(self.landmarks.astype(float), 1).tolist(),
            "label": self.label,
            "probability": round(self.probability, 6),
            "answer": self.answer,
            "scores": {name: round(score, 6) for name, score in self.scores.items()},
            "warnings": self.warnings,
            **({} if self.track is None else {"track": self.track}),
            **({} if self.person is None else {"person": self.person}),
            **explanation,
        }


def prediction_of(
    face: Face,
    framed: Image,
    size_hw: tuple[int, int],
    class_names: Sequence[str],
    shares: NDArray[np.float32],
    rejection_threshold: float,
) -> FacePrediction:
    """Return the answer about a face.

    Args:
        face: in pixels of the whole upright photo.
        framed: what the network saw of it.
        size_hw: of the photo.
        shares: ``(K,)`` probability of each class.
    """
    scores = dict(zip(class_names, shares.tolist(), strict=True))
    label = class_names[int(shares.argmax())]
    return FacePrediction(
        face,
        label,
        scores[label],
        scores,
        rejection_threshold,
        visible=visible_share(face, size_hw),
        blurriness=blurriness(framed),
        brightness=brightness(framed),
    )
