"""Bringing faces into the frame that the network sees: whole images resized, or faces warped onto landmarks.

Coordinates here are continuous: an image w pixels wide spans ``[0, w]`` and pixel ``i`` covers ``[i, i + 1]``,
so resizing sends x to ``x * new / old`` and mirroring to ``width - x``, as the detector and the published
program have it. OpenCV counts from pixel centres; :func:`_warp` makes up for the half pixel.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from ampnet.config import IMAGE_SIZE
from ampnet.errors import DataError
from ampnet.geometry import Affine, Points, compose, inverse, similarity, transform_points

Image = NDArray[np.uint8]
Color = Literal["rgb", "grey"]
Crop = Literal["none", "face"]

CANONICAL_LANDMARKS = np.array([[72, 84], [152, 84], [112, 132], [80, 169], [144, 169]], dtype=np.float64)
"""Where the landmarks of an aligned face land in the 224 x 224 frame: forehead to chin, as RAF-DB's aligned faces.

It is the mean face of FER-2013 (eyes 80 px apart, mouth 85 px below them), made symmetric.
"""

FITTED = (0, 1, 3, 4)
"""Eyes and mouth corners decide the warp; the nose stands out of their plane and would pull turned faces aside."""

CROPPED_SHARE = 0.4
"""Least median share of the frame that faces fill in an already cropped set (FER-2013: 0.77, scenes: below 0.25)."""

SHARPEST = 90
"""Percentile of the training faces' resolution up to which a face in use keeps its detail."""

GREY_TOLERANCE = 2.0
"""Largest mean difference between the colour channels of a grey picture (JPEG leaves some)."""


@dataclass(frozen=True)
class AlignedFace:
    """A face in the network's frame."""

    image: Image
    """``(size, size, 3)`` RGB."""
    landmarks: NDArray[np.float64]
    """``(5, 2)`` in that image."""
    matrix: Affine
    """``(2, 3)`` map from source pixels to that image."""


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

    def to_plain(self) -> dict[str, Any]:
        """Give the framing as numbers, strings and lists, for JSON and checkpoints."""
        return {
            "mean_landmarks": [list(point) for point in self.mean_landmarks],
            "crop": self.crop,
            "color": self.color,
            "face_resolution": self.face_resolution,
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "Framing":
        """Read what :meth:`to_plain` gave.

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


def source_side(matrix: Affine, size: int = IMAGE_SIZE) -> float:
    """Tell how many source pixels a side of the frame spans: the real resolution of a warped face."""
    return float(size / np.sqrt(abs(np.linalg.det(matrix[:, :2]))))


def is_grey(image: Image) -> bool:
    """Tell whether a picture carries no colour, whatever its file format says."""
    channels = image.astype(np.int16)
    return float((channels.max(axis=2) - channels.min(axis=2)).mean()) <= GREY_TOLERANCE


def to_grey(image: Image) -> Image:
    """Drop the colour of an RGB picture, with the luma weights of JPEG; it keeps three equal channels."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return np.repeat(np.asarray(grey, dtype=np.uint8)[..., None], 3, axis=2)


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


def resize_whole(
    image: Image, landmarks: Points | None = None, size: int = IMAGE_SIZE
) -> tuple[Image, NDArray[np.float64] | None]:
    """Resize a whole image to a square, each axis by its own factor; landmarks follow exactly.

    Args:
        image: ``(H, W, 3)``.
        landmarks: ``(..., 2)`` in its pixels, or None.
        size: side of the square.

    Returns:
        The ``(size, size, 3)`` image, averaged over areas where it shrinks and cubic where it grows, and the
        landmarks in it.
    """
    height, width = image.shape[:2]
    middle_hw = (min(height, size), min(width, size))
    shrunk = image if middle_hw == (height, width) else _resize(image, middle_hw, cv2.INTER_AREA)
    resized = shrunk if middle_hw == (size, size) else _resize(shrunk, (size, size), cv2.INTER_CUBIC)
    if landmarks is None:
        return resized, None
    return resized, np.asarray(landmarks, dtype=np.float64) * (size / width, size / height)


def align_face(
    image: Image,
    landmarks: Points,
    target_landmarks: Points = CANONICAL_LANDMARKS,
    size: int = IMAGE_SIZE,
    resolution: float | None = None,
) -> AlignedFace:
    """Warp a face by rotation, uniform scale and shift so that its eyes and mouth land where they should.

    Beyond the photo's edge its last pixels go on: a black border would be an edge that no face has.

    Args:
        image: ``(H, W, 3)`` RGB.
        landmarks: ``(5, 2)`` of the face in its pixels.
        target_landmarks: ``(5, 2)`` where they should land, in the 224 x 224 frame.
        size: side of the result.
        resolution: most detail, in pixels along the frame's side: a sharper face is made this small first, then
            enlarged as `prepare` enlarges. A face with less detail stays as it is.

    Raises:
        ValueError: all landmarks coincide.
    """
    target = np.asarray(target_landmarks, dtype=np.float64)[list(FITTED)] * (size / IMAGE_SIZE)
    matrix = similarity(np.asarray(landmarks)[list(FITTED)], target)
    inner = size if resolution is None else round(resolution)
    if inner < min(size, source_side(matrix, size)):
        small = _warp(image, matrix * (inner / size), inner)
        face = _resize(small, (size, size), cv2.INTER_CUBIC)
    else:
        face = _warp(image, matrix, size)
    return AlignedFace(image=face, landmarks=transform_points(landmarks, matrix), matrix=matrix)


def frame_face(image: Image, landmarks: Points, framing: Framing) -> AlignedFace:
    """Bring a face of any photo to what a network has seen: place, sharpness and colour, at 224 x 224."""
    face = align_face(image, landmarks, np.array(framing.mean_landmarks), resolution=framing.face_resolution)
    if framing.color == "rgb":
        return face
    return AlignedFace(image=to_grey(face.image), landmarks=face.landmarks, matrix=face.matrix)


def _resize(image: Image, size_hw: tuple[int, int], interpolation: int) -> Image:
    return np.asarray(cv2.resize(image, size_hw[::-1], interpolation=interpolation), dtype=np.uint8)


def _warp(image: Image, matrix: Affine, size: int) -> Image:
    """Warp without aliasing: cut out what the result shows, shrink it by areas, then only turn and shift."""
    left, top, right, bottom = _shown(matrix, size, image.shape[1], image.shape[0])
    part = image[top:bottom, left:right]
    matrix = compose(np.array([[1.0, 0, left], [0, 1.0, top]]), matrix)

    scale = size / source_side(matrix, size)
    if scale < 1:
        height, width = part.shape[:2]
        small_hw = (max(round(height * scale), 1), max(round(width * scale), 1))
        part = _resize(part, small_hw, cv2.INTER_AREA)
        enlarge = np.array([[width / small_hw[1], 0, 0], [0, height / small_hw[0], 0]])
        matrix = compose(enlarge, matrix)

    to_corner = np.array([[1.0, 0, 0.5], [0, 1.0, 0.5]])
    centred = compose(compose(to_corner, matrix), inverse(to_corner))
    warped = cv2.warpAffine(part, centred, (size, size), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, dtype=np.uint8)


def _shown(matrix: Affine, size: int, width: int, height: int) -> tuple[int, int, int, int]:
    """Bound the source pixels that a ``size`` square shows, with a rim for the interpolation; never empty."""
    corners = transform_points(np.array([[0, 0], [size, 0], [0, size], [size, size]]), inverse(matrix))
    rim = 3 + 3 * source_side(matrix, size) / size
    left, top = np.floor(corners.min(axis=0) - rim).clip(0, (width - 1, height - 1)).astype(int)
    right, bottom = np.ceil(corners.max(axis=0) + rim).clip((left + 1, top + 1), (width, height)).astype(int)
    return int(left), int(top), int(right), int(bottom)
