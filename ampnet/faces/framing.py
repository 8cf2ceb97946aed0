"""Framing: how the faces of a training set are positioned, so that any other face can be framed alike."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from ampnet.errors import DataError, ImageError
from ampnet.faces.alignment import (
    CANONICAL_LANDMARKS,
    AlignedFace,
    Image,
    align_face,
    align_matrix,
    resize_face,
    source_side,
)
from ampnet.faces.appearance import Color, to_grey
from ampnet.faces.geometry import Affine, Points, transform_points
from ampnet.files.printable import describe
from ampnet.reading.photo import Photo
from ampnet.settings import IMAGE_SIZE

Crop = Literal["none", "face"]

CROPPED_FRACTION = 0.4
"""Minimum median fraction of the image that faces fill in a cropped data set (FER-2013: 0.77, scenes: below 0.25)."""

MAX_OFFSET = 4.0
"""Mean distance of the mean landmarks, in pixels (2% of the frame), above which two framings differ."""

MAX_SHARPNESS_RATIO = 1.5
"""Faces whose resolution exceeds the training faces' by more than this factor are reduced to it."""

USUAL_PERCENTILE = 99.7
"""Percentile of the training faces up to which a resolution, or a place in the image, counts as seen in training."""

FEW_FACES = 1000
"""Below so many training faces, spread and size are at least as wide as the defaults, since few faces vary less."""

LATER_FIELDS = ("spread", "size")
"""Not in the files of earlier versions."""

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
    """``face``: each face was aligned to the canonical landmarks, and every other face is; ``none``: images were kept
    whole. An image whose face has the same place in it is then shown whole, too, and the faces of all others are
    aligned to the mean landmarks."""
    color: Color = "rgb"
    face_resolution: float | None = None
    """Source pixels along the frame's side in the sharpest training faces; None if 224 or more."""
    spread: float = 60.0
    """With whole images, the largest usual distance of a face's landmarks from the mean ones (mean of five), in the
    frame's pixels."""
    size: float = 0.55
    """With whole images, the smallest usual size of a face, as a fraction of that of the mean landmarks (their distance
    from the eyes to the mouth)."""

    def __post_init__(self) -> None:
        points = np.asarray(self.mean_landmarks, dtype=np.float64)
        if points.shape != (5, 2) or not (np.abs(points - IMAGE_SIZE / 2) <= MAX_DISTANCE).all():
            raise DataError("framing: mean_landmarks must be five (x, y) points in or near the image")
        if np.linalg.norm(points[:, None] - points, axis=2)[~np.eye(5, dtype=bool)].min() < MIN_SPREAD:
            raise DataError(f"framing: mean_landmarks must be at least {MIN_SPREAD} px apart")
        if self.face_resolution is not None and not 1 <= self.face_resolution <= IMAGE_SIZE:
            raise DataError(f"framing: face_resolution must be within [1, {IMAGE_SIZE}], got {self.face_resolution}")
        if not (self.spread >= 0 and self.size >= 0):
            raise DataError(f"framing: spread and size must be at least 0, got {self.spread} and {self.size}")

    def to_dict(self) -> dict[str, Any]:
        """Return the framing as plain values for JSON and checkpoints."""
        return {**asdict(self), "mean_landmarks": [list(point) for point in self.mean_landmarks]}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Framing":
        """Build a framing from the result of :meth:`to_dict`.

        Raises:
            DataError: a field is missing or invalid.
        """
        try:
            if missing := [one.name for one in fields(cls) if one.name not in (*plain, *LATER_FIELDS)]:
                raise DataError(f"framing: {missing[0]} is missing")
            return msgspec.convert(plain, cls)
        except (TypeError, msgspec.ValidationError) as error:
            raise DataError(f"framing: invalid ({describe(error)})") from error


def measure_framing(landmarks: Points, crop: Crop, grey_fraction: float, source_sides: NDArray[np.floating]) -> Framing:
    """Measure the framing of a training split.

    Args:
        landmarks: ``(N, 5, 2)`` landmarks in the 224 x 224 frame.
        grey_fraction: fraction of its images that are grey, see :func:`is_grey`.
        source_sides: ``(N,)`` source pixels along a side of each face's frame, see :func:`source_side`.

    Raises:
        DataError: there are no faces.
    """
    if len(landmarks) == 0:
        raise DataError("framing: the training split holds no faces")
    points = np.asarray(landmarks, dtype=np.float64)
    mean = points.mean(axis=0).round(3)
    resolution = float(np.percentile(source_sides, USUAL_PERCENTILE))
    spread = float(np.percentile(_distances(points, mean), USUAL_PERCENTILE))
    size = float(np.percentile(_sizes(points), 100 - USUAL_PERCENTILE)) / float(_sizes(mean[None])[0])
    return Framing(
        mean_landmarks=tuple((float(x), float(y)) for x, y in mean),
        crop=crop,
        color="grey" if grey_fraction > 0.99 else "rgb",
        face_resolution=round(resolution, 1) if resolution < IMAGE_SIZE else None,
        spread=round(max(spread, Framing.spread) if len(points) < FEW_FACES else spread, 1),
        size=round(min(size, Framing.size) if len(points) < FEW_FACES else size, 3),
    )


def reframing(data: Framing | None, landmarks: Points, trained: Framing) -> Framing | None:
    """Decide whether prepared faces must be reframed for a network.

    Args:
        data: framing of the prepared faces; None for a hand-made index.
        landmarks: ``(N, 5, 2)`` landmarks of the prepared faces in the 224 x 224 frame.
        trained: framing of the network's training faces.

    Returns:
        None if the framings match, else the framing for :func:`place_face`; its resolution is None unless the faces
        have more detail than the network was trained on.
    """
    mean = np.asarray(landmarks, dtype=np.float64).mean(axis=0)
    moved = float(np.linalg.norm(mean - np.asarray(trained.mean_landmarks), axis=1).mean())
    detail = IMAGE_SIZE if data is None or data.face_resolution is None else data.face_resolution
    is_sharper = trained.face_resolution is not None and detail > MAX_SHARPNESS_RATIO * trained.face_resolution
    if moved <= MAX_OFFSET and not is_sharper and (data is None or data.crop == trained.crop):
        return None
    framing = trained if is_sharper else replace(trained, face_resolution=None)
    is_aligned = data is not None and data.crop == "face"  # so that it is not a whole image
    return replace(framing, spread=0.0) if is_aligned and trained.crop == "none" else framing


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


def is_crop_clear(face_fraction: NDArray[np.floating]) -> bool:
    """Say if more images could hardly move the median across the limit of :func:`decide_crop`: by five deviations.

    Args:
        face_fraction: as there, of images drawn evenly from the set; at least 25 are needed.
    """
    count = len(face_fraction)
    filled = int((face_fraction >= CROPPED_FRACTION).sum())
    return count > 0 and abs(2 * filled - count) >= 5 * math.sqrt(count)


def place_face(image: Image, landmarks: Points, framing: Framing, side: float = math.inf) -> AlignedFace:
    """Align a face with the training faces, at their resolution, at 224 x 224.

    Args:
        image: ``(H, W, 3)`` RGB.
        landmarks: ``(5, 2)`` of the face, in its pixels.
        side: see :func:`align_face`.

    Raises:
        ValueError: all landmarks coincide.
    """
    size_hw = image.shape[0], image.shape[1]
    matrix = frame_matrix(landmarks, framing, size_hw)
    limit, detail = framing.face_resolution, min(source_side(matrix), side)
    resolution = limit if limit is not None and detail > MAX_SHARPNESS_RATIO * limit else None
    if not is_shown_whole(landmarks, framing, size_hw):
        return align_face(image, landmarks, _targets(framing), resolution=resolution, side=side)
    inner = image if resolution is None else resize_face(image, round(resolution))
    return AlignedFace(resize_face(inner, IMAGE_SIZE), transform_points(landmarks, matrix), matrix)


def frame_face(image: Image, landmarks: Points, framing: Framing) -> AlignedFace:
    """Frame a face like the training faces, in position, resolution and colour; see :func:`place_face`."""
    face = place_face(image, landmarks, framing)
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
        landmarks: ``(5, 2)`` of each face, in pixels of the whole upright photo.

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
        is_coarse = photo.is_reduced and source_side(frame_matrix(points, framing, photo.size_hw)) * reduction < wanted
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


def frame_matrix(landmarks: Points, framing: Framing, size_hw: tuple[int, int]) -> Affine:
    """Return the ``(2, 3)`` map of :func:`frame_face` from the image's pixels to the 224 x 224 frame.

    Args:
        landmarks: ``(5, 2)`` of the face, in the image's pixels.

    Raises:
        ValueError: all landmarks coincide.
    """
    if is_shown_whole(landmarks, framing, size_hw):
        return np.array([[IMAGE_SIZE / size_hw[1], 0, 0], [0, IMAGE_SIZE / size_hw[0], 0]])
    return align_matrix(landmarks, _targets(framing))


def is_shown_whole(landmarks: Points, framing: Framing, size_hw: tuple[int, int]) -> bool:
    """Return whether an image is a crop like the training images, which were kept whole.

    Then its face has their place and size. Otherwise it is a photo, whose face is aligned to the mean landmarks.

    Args:
        landmarks: ``(5, 2)`` of the face, in the image's pixels.
    """
    if framing.crop == "face":
        return False
    mean = np.array(framing.mean_landmarks)
    in_frame = np.asarray(landmarks, dtype=np.float64)[None] * (IMAGE_SIZE / size_hw[1], IMAGE_SIZE / size_hw[0])
    is_near = _distances(in_frame, mean)[0] <= framing.spread
    return bool(is_near and _sizes(in_frame)[0] >= framing.size * _sizes(mean[None])[0])


def _targets(framing: Framing) -> Points:
    return CANONICAL_LANDMARKS if framing.crop == "face" else np.array(framing.mean_landmarks)


def _distances(landmarks: Points, mean: Points) -> NDArray[np.float64]:
    """Return ``(N,)`` distances of ``(N, 5, 2)`` landmarks from the mean ones."""
    return np.asarray(np.linalg.norm(landmarks - mean, axis=2).mean(axis=1), dtype=np.float64)


def _sizes(landmarks: Points) -> NDArray[np.float64]:
    """Return ``(N,)`` distances from the eyes to the mouth of ``(N, 5, 2)`` landmarks; a turned head keeps its own."""
    down = landmarks[:, 3:].mean(axis=1) - landmarks[:, :2].mean(axis=1)
    return np.asarray(np.linalg.norm(down, axis=1), dtype=np.float64)
