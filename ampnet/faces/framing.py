"""Framing: how the faces of a training set are positioned, so that any other face can be framed alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, get_args

import msgspec
import numpy as np
from numpy.typing import NDArray

from ampnet.errors import DataError, ImageError
from ampnet.faces.alignment import CANONICAL_LANDMARKS, AlignedFace, Image, align_face, align_matrix, source_side
from ampnet.faces.colour import Color, to_grey
from ampnet.faces.geometry import Affine, Points
from ampnet.files.printable import describe
from ampnet.reading.photo import Photo
from ampnet.settings import IMAGE_SIZE

Crop = Literal["none", "face"]

CROPPED_FRACTION = 0.4
"""Minimum median fraction of the image that faces fill in a cropped data set (FER-2013: 0.77, scenes: below 0.25)."""

MAX_OFFSET = 4.0
"""Mean distance of the mean landmarks, in pixels (2% of the frame), above which two framings differ."""

MAX_SHARPNESS_RATIO = 1.2
"""Faces whose resolution exceeds the training faces' by more than this factor are reduced to it."""

RESOLUTION_PERCENTILE = 90
"""Percentile of the training faces' resolution to which sharper faces are reduced in prediction."""


MAX_DISTANCE = 1.5 * IMAGE_SIZE
"""Largest distance of a mean landmark from the frame's centre, in pixels along each axis: within one more frame."""

MIN_SPREAD = 1.0
"""Smallest distance between two mean landmarks in pixels; closer ones give no face to align to."""


@dataclass(frozen=True)
class Framing:
    """Position, resolution and colour of a network's training faces; `predict` frames every face alike."""

    mean_landmarks: tuple[tuple[float, float], ...] = tuple((float(x), float(y)) for x, y in CANONICAL_LANDMARKS)
    """Mean of the five landmarks over the training split, in the 224 x 224 frame."""
    crop: Crop = "face"
    """``face``: each face was aligned to the canonical landmarks; ``none``: images were kept whole."""
    color: Color = "rgb"
    face_resolution: float | None = None
    """Source pixels along the frame's side in the sharper training faces; None if 224 or more."""

    def __post_init__(self) -> None:
        points = np.asarray(self.mean_landmarks, dtype=np.float64)
        if points.shape != (5, 2) or not (np.abs(points - IMAGE_SIZE / 2) <= MAX_DISTANCE).all():
            raise DataError("framing: mean_landmarks must be five (x, y) points in or near the image")
        if np.linalg.norm(points[:, None] - points, axis=2)[~np.eye(5, dtype=bool)].min() < MIN_SPREAD:
            raise DataError(f"framing: mean_landmarks must be at least {MIN_SPREAD} px apart")
        if self.crop not in get_args(Crop) or self.color not in get_args(Color):
            raise DataError(f"framing: unknown crop {self.crop!r} or color {self.color!r}")
        if self.face_resolution is not None and not 1 <= self.face_resolution <= IMAGE_SIZE:
            raise DataError(f"framing: face_resolution must be within [1, {IMAGE_SIZE}], got {self.face_resolution}")

    def to_dict(self) -> dict[str, Any]:
        """Return the framing as plain values for JSON and checkpoints."""
        return {
            "mean_landmarks": [list(point) for point in self.mean_landmarks],
            "crop": self.crop,
            "color": self.color,
            "face_resolution": self.face_resolution,
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Framing":
        """Build a framing from the result of :meth:`to_dict`.

        Raises:
            DataError: a field is missing or invalid.
        """
        try:
            if missing := [one.name for one in fields(cls) if one.name not in plain]:
                raise DataError(f"framing: {missing[0]} is missing")
            return msgspec.convert(plain, cls)
        except (TypeError, msgspec.ValidationError) as error:
            raise DataError(f"framing: invalid ({describe(error)})") from error


def measure_framing(landmarks: Points, crop: Crop, grey_fraction: float, source_sides: NDArray[np.floating]) -> Framing:
    """Measure the framing of a training split.

    Args:
        landmarks: ``(N, 5, 2)`` landmarks in the 224 x 224 frame.
        crop: whether images were kept whole or faces aligned.
        grey_fraction: fraction of its images that are grey, see :func:`is_grey`.
        source_sides: ``(N,)`` source pixels along a side of each face's frame, see :func:`source_side`.

    Raises:
        DataError: there are no faces.
    """
    if len(landmarks) == 0:
        raise DataError("framing: the training split holds no faces")
    mean = np.asarray(landmarks, dtype=np.float64).mean(axis=0).round(3)
    resolution = float(np.percentile(source_sides, RESOLUTION_PERCENTILE))
    return Framing(
        mean_landmarks=tuple((float(x), float(y)) for x, y in mean),
        crop=crop,
        color="grey" if grey_fraction > 0.99 else "rgb",
        face_resolution=round(resolution, 1) if resolution < IMAGE_SIZE else None,
    )


def reframing(data: Framing | None, landmarks: Points, trained: Framing) -> Framing | None:
    """Decide whether prepared faces must be reframed for a network.

    Args:
        data: framing of the prepared faces; None for a hand-made index.
        landmarks: ``(N, 5, 2)`` landmarks of the prepared faces in the 224 x 224 frame.
        trained: framing of the network's training faces.

    Returns:
        None if the framings match, else the framing for :func:`frame_face`; its resolution is None unless the faces
        have more detail than the network was trained on.
    """
    mean = np.asarray(landmarks, dtype=np.float64).mean(axis=0)
    moved = float(np.linalg.norm(mean - np.asarray(trained.mean_landmarks), axis=1).mean())
    detail = IMAGE_SIZE if data is None or data.face_resolution is None else data.face_resolution
    sharper = trained.face_resolution is not None and detail > MAX_SHARPNESS_RATIO * trained.face_resolution
    if moved <= MAX_OFFSET and not sharper and (data is None or data.crop == trained.crop):
        return None
    return trained if sharper else replace(trained, face_resolution=None)


def decide_crop(face_fraction: NDArray[np.floating]) -> tuple[Crop, str]:
    """Choose between whole images and aligned faces, from the fraction of the image that faces fill.

    Args:
        face_fraction: area of the chosen face's box over the image's area, for each image with a face.

    Returns:
        The mode, and the reason as text.
    """
    if len(face_fraction) == 0:
        return "none", "no face was found, so images are kept whole"
    median = float(np.median(face_fraction))
    if median >= CROPPED_FRACTION:
        return "none", f"faces fill {median:.0%} of their images (median): already cropped, so images are kept whole"
    return "face", f"faces fill {median:.0%} of their images (median): each face is cropped and aligned"


def frame_face(image: Image, landmarks: Points, framing: Framing) -> AlignedFace:
    """Frame a face like the training faces, in position, resolution and colour, at 224 x 224."""
    face = align_face(image, landmarks, np.array(framing.mean_landmarks), resolution=framing.face_resolution)
    if framing.color == "rgb":
        return face
    return AlignedFace(image=to_grey(face.image), landmarks=face.landmarks, matrix=face.matrix)


def frame_faces(
    photo: Photo, landmarks: Sequence[Points], framing: Framing, image_size: int = IMAGE_SIZE
) -> list[AlignedFace]:
    """Frame the faces of a photo like the training faces, with as much detail as the network sees.

    A face is taken from the reduced photo where that shows it with as many pixels as the network gets, else from the
    whole photo, which is only then decoded.

    Args:
        photo: the photo.
        landmarks: ``(5, 2)`` of each face, in pixels of the whole upright photo.
        framing: of the network's training faces.
        image_size: side of the network's input in pixels.

    Returns:
        The faces at 224 x 224, whose matrices map from pixels of the whole photo.

    Raises:
        ImageError: the photo cannot be read.
        ValueError: all landmarks of a face coincide.
    """
    wanted = min(image_size, framing.face_resolution or image_size)
    height, width = photo.size_hw
    reduction = photo.reduced.shape[1] / width
    framed = []
    for points in map(np.asarray, landmarks):
        is_coarse = photo.is_reduced and source_side(frame_matrix(points, framing)) * reduction < wanted
        image = _sharpest(photo) if is_coarse else photo.reduced
        scale = np.array([image.shape[1] / width, image.shape[0] / height])
        face = frame_face(image, points * scale, framing)
        framed.append(AlignedFace(face.image, face.landmarks, face.matrix * np.append(scale, 1.0)))
    return framed


def _sharpest(photo: Photo) -> Image:
    try:
        return photo.whole
    except ImageError:  # it could be read a moment ago; the reduced photo is still there
        return photo.reduced


def frame_matrix(landmarks: Points, framing: Framing) -> Affine:
    """Return the ``(2, 3)`` map of :func:`frame_face` from the image's pixels to the 224 x 224 frame."""
    return align_matrix(landmarks, np.array(framing.mean_landmarks))
