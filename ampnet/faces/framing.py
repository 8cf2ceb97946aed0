"""How the faces of a training set sit in their frames, so that any other face can be brought to the same look."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ampnet.config import IMAGE_SIZE
from ampnet.errors import DataError
from ampnet.faces.alignment import CANONICAL_LANDMARKS, AlignedFace, Image, align_face
from ampnet.faces.colour import Color, to_grey
from ampnet.faces.geometry import Points

Crop = Literal["none", "face"]

CROPPED_SHARE = 0.4
"""Least median share of the frame that faces fill in an already cropped set (FER-2013: 0.77, scenes: below 0.25)."""

MOVED_PIXELS = 4.0
"""Mean landmarks further apart than this on average (2 % of the frame) are another framing."""

SHARPER = 1.2
"""Faces with more than this times the detail that a network has seen are brought to its detail."""

SHARPEST = 90
"""Percentile of the training faces' resolution up to which a face in use keeps its detail."""


@dataclass(frozen=True)
class Framing:
    """How the faces that a network was trained on look; `predict` brings every face to it."""

    mean_landmarks: tuple[tuple[float, float], ...] = tuple((float(x), float(y)) for x, y in CANONICAL_LANDMARKS)
    """Mean of the five landmarks over the training split, in the 224 x 224 frame."""
    crop: Crop = "face"
    """``face``: each face was warped to the canonical landmarks; ``none``: images were kept whole."""
    color: Color = "rgb"
    face_resolution: float | None = None
    """Side in source pixels of the sharper training faces' frames; None where it reaches 224 or more."""

    def __post_init__(self) -> None:
        points = np.asarray(self.mean_landmarks, dtype=np.float64)
        if points.shape != (5, 2) or not np.isfinite(points).all():
            raise DataError("framing: mean_landmarks must be five finite (x, y) points")
        if self.crop not in get_args(Crop) or self.color not in get_args(Color):
            raise DataError(f"framing: unknown crop {self.crop!r} or color {self.color!r}")
        if self.face_resolution is not None and not self.face_resolution >= 1:
            raise DataError(f"framing: face_resolution must be at least 1 px, got {self.face_resolution}")

    def to_dict(self) -> dict[str, Any]:
        """Give the framing as numbers, strings and lists, for JSON and checkpoints."""
        return {
            "mean_landmarks": [list(point) for point in self.mean_landmarks],
            "crop": self.crop,
            "color": self.color,
            "face_resolution": self.face_resolution,
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Framing":
        """Read what :meth:`to_dict` gave.

        Raises:
            DataError: a field is missing or holds something else.
        """
        try:
            resolution = plain["face_resolution"]
            return cls(
                mean_landmarks=tuple((float(x), float(y)) for x, y in plain["mean_landmarks"]),
                crop=plain["crop"],
                color=plain["color"],
                face_resolution=None if resolution is None else float(resolution),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"framing: cannot be read ({type(error).__name__}: {error})") from error


def measure_framing(landmarks: Points, crop: Crop, grey_share: float, source_sides: NDArray[np.floating]) -> Framing:
    """Describe the framing of a training split.

    Args:
        landmarks: ``(N, 5, 2)`` of its images in the 224 x 224 frame.
        crop: how the images were made.
        grey_share: share of its images that are grey, see :func:`is_grey`.
        source_sides: ``(N,)`` source pixels along a side of each image's frame, see :func:`source_side`.

    Raises:
        DataError: there are no images.
    """
    if len(landmarks) == 0:
        raise DataError("framing: the training split holds no face to measure")
    mean = np.asarray(landmarks, dtype=np.float64).mean(axis=0).round(3)
    resolution = float(np.percentile(source_sides, SHARPEST))
    return Framing(
        mean_landmarks=tuple((float(x), float(y)) for x, y in mean),
        crop=crop,
        color="grey" if grey_share > 0.99 else "rgb",
        face_resolution=round(resolution, 1) if resolution < IMAGE_SIZE else None,
    )


def reframing(data: Framing | None, landmarks: Points, trained: Framing) -> Framing | None:
    """Decide whether prepared faces must be brought to the framing that a network was trained on.

    Args:
        data: of the prepared faces; None where they were prepared by hand.
        landmarks: ``(N, 5, 2)`` of the prepared faces in the 224 x 224 frame.
        trained: of the network.

    Returns:
        None where the faces fit as they are; else what :func:`frame_face` is to be given. Its resolution is None where
        the faces have no more detail than the network has seen.
    """
    mean = np.asarray(landmarks, dtype=np.float64).mean(axis=0)
    moved = float(np.linalg.norm(mean - np.asarray(trained.mean_landmarks), axis=1).mean())
    detail = IMAGE_SIZE if data is None or data.face_resolution is None else data.face_resolution
    sharper = trained.face_resolution is not None and detail > SHARPER * trained.face_resolution
    if moved <= MOVED_PIXELS and not sharper and (data is None or data.crop == trained.crop):
        return None
    return trained if sharper else replace(trained, face_resolution=None)


def decide_crop(face_share: NDArray[np.floating]) -> tuple[Crop, str]:
    """Choose between whole images and warped faces, from how much of their frames the faces fill.

    Args:
        face_share: area of the chosen face's box over the image's area, one for each image with a face.

    Returns:
        The mode, and the reason for people.
    """
    if len(face_share) == 0:
        return "none", "no face was found, so the images stay whole"
    share = float(np.median(face_share))
    if share >= CROPPED_SHARE:
        return "none", f"faces fill {share:.0%} of their images (median): already cropped, so the images stay whole"
    return "face", f"faces fill {share:.0%} of their images (median): each face is cut out and aligned"


def frame_face(image: Image, landmarks: Points, framing: Framing) -> AlignedFace:
    """Bring a face of any photo to what a network has seen: place, sharpness and colour, at 224 x 224."""
    face = align_face(image, landmarks, np.array(framing.mean_landmarks), resolution=framing.face_resolution)
    if framing.color == "rgb":
        return face
    return AlignedFace(image=to_grey(face.image), landmarks=face.landmarks, matrix=face.matrix)
