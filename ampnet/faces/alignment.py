"""Aligning faces by their landmarks, and resizing whole images to the network's frame.

Coordinates are continuous: an image w pixels wide spans ``[0, w]`` and pixel ``i`` covers ``[i, i + 1]``, so resizing
maps x to ``x * new / old`` and mirroring to ``width - x``, as in the detector and the reference program. OpenCV
measures from pixel centres; :func:`_warp` compensates for the half pixel.
"""

import math
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from ampnet.faces.geometry import Affine, Points, compose, inverse, similarity, transform_points
from ampnet.media.images import resize
from ampnet.settings import IMAGE_SIZE

Image: TypeAlias = NDArray[np.uint8]

CANONICAL_LANDMARKS = np.array([[72, 84], [152, 84], [112, 132], [80, 169], [144, 169]], dtype=np.float64)
"""Landmarks of an aligned face in the 224 x 224 frame, which spans forehead to chin, like RAF-DB's aligned faces.

They are the mean of FER-2013 (eyes 80 px apart, mouth 85 px below them), made symmetric.
"""

FITTED = (0, 1, 3, 4)
"""Eyes and mouth corners decide the warp; the nose is not in their plane and would shift faces turned sideways."""


ALIKE = 1.001
"""Ratio of scales up to which two are the same: that of a stored frame to itself is 1, but for rounding."""

MIN_SAMPLES = 3
"""Pixels that a pixel of the allowed detail keeps along each axis when a large face is reduced before it is blurred."""


@dataclass(frozen=True)
class AlignedFace:
    """A face in the network's frame."""

    image: Image
    """``(size, size, 3)`` RGB."""
    landmarks: NDArray[np.float64]
    """``(5, 2)`` in that image."""
    matrix: Affine
    """``(2, 3)`` map from source pixels to that image."""


def align_face(
    image: Image,
    landmarks: Points,
    target_landmarks: Points = CANONICAL_LANDMARKS,
    size: int = IMAGE_SIZE,
    resolution: float | None = None,
    side: float = math.inf,
) -> AlignedFace:
    """Warp a face by rotation, uniform scaling and a shift that bring its eyes and mouth to target positions.

    Border pixels are repeated outside the image: a black border would add edges that no face has.

    Args:
        image: ``(H, W, 3)`` RGB.
        landmarks: ``(5, 2)`` landmarks of the face in its pixels.
        target_landmarks: ``(5, 2)`` target positions in the 224 x 224 frame.
        resolution: maximum detail, in source pixels along the frame's side: sharper faces are blurred as if each of
            so many pixels had averaged its share of the source. Faces with less detail are unaffected.
        side: source pixels along the frame's side, where the image is itself such a frame, made from fewer than it has.

    Raises:
        ValueError: all landmarks coincide.
    """
    matrix = align_matrix(landmarks, target_landmarks, size)
    whole, detail = source_side(matrix, size), size if resolution is None else min(resolution, size)
    if whole > size * ALIKE:
        face = _warp(image, matrix, size, detail)
    else:  # enlarged first, as `prepare` stores it: a blur of less than a pixel is not what its name says
        face = _blurred(_warp(image, matrix, size, size), size / detail, size / min(whole, side, size))
    return AlignedFace(image=face, landmarks=transform_points(landmarks, matrix), matrix=matrix)


def align_matrix(landmarks: Points, target_landmarks: Points = CANONICAL_LANDMARKS, size: int = IMAGE_SIZE) -> Affine:
    """Return the ``(2, 3)`` map of :func:`align_face` from source pixels to the frame.

    Raises:
        ValueError: all landmarks coincide.
    """
    target = np.asarray(target_landmarks, dtype=np.float64)[list(FITTED)] * (size / IMAGE_SIZE)
    return similarity(np.asarray(landmarks)[list(FITTED)], target)


def resize_face(image: Image, size: int) -> Image:
    """Resize a face to a network's input size without augmentation, or a whole image to a square, each axis by itself.

    Area averaging shrinks, cubic interpolation enlarges.
    """
    return resize(image, (size, size))


def source_side(matrix: Affine, size: int = IMAGE_SIZE) -> float:
    """Return how many source pixels a side of the frame spans: the real resolution of an aligned face."""
    return float(size / np.sqrt(abs(np.linalg.det(matrix[:, :2]))))


def _blurred(image: Image, spacing: float, averaged: float = 1.0) -> Image:
    """Blur as if each pixel, an average over ``averaged`` of them along each axis, averaged over ``spacing``."""
    if spacing <= averaged:
        return image
    deviation = math.sqrt((spacing**2 - averaged**2) / 12)  # the variance of an average over a side a is a * a / 12
    return np.asarray(cv2.GaussianBlur(image, (0, 0), deviation, borderType=cv2.BORDER_REPLICATE), dtype=np.uint8)


def _warp(image: Image, matrix: Affine, size: int, detail: float) -> Image:
    """Warp without aliasing: crop the visible part, blur what is finer than ``detail`` pixels, and interpolate once.

    Averaging over a grid of larger pixels would remove the same detail, but what such a grid shows depends on where it
    lies, so that a face moved by a fraction of its pixels would look different.
    """
    spacing = source_side(matrix, size) / detail  # source pixels along one pixel of the allowed detail
    step = max(int(spacing / MIN_SAMPLES), 1)
    left, top, right, bottom = _shown(matrix, size, image.shape[1], image.shape[0], 3 + 2 * max(spacing, 1), step)
    part = image[top:bottom, left:right]
    matrix = compose(np.array([[1.0, 0, left], [0, 1.0, top]]), matrix)
    if step > 1:
        height, width = (-(-side // step) for side in part.shape[:2])
        missing = height * step - part.shape[0], width * step - part.shape[1]
        padded = cv2.copyMakeBorder(part, 0, missing[0], 0, missing[1], cv2.BORDER_REPLICATE)
        part = np.asarray(cv2.resize(padded, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)
        matrix = matrix * (step, step, 1)
    part = _blurred(part, spacing / step)

    to_corner = np.array([[1.0, 0, 0.5], [0, 1.0, 0.5]])
    centred = compose(compose(to_corner, matrix), inverse(to_corner))
    warped = cv2.warpAffine(part, centred, (size, size), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, dtype=np.uint8)


def _shown(matrix: Affine, size: int, width: int, height: int, margin: float, step: int) -> tuple[int, int, int, int]:
    """Return the bounds of the source pixels visible in the result, with a margin for interpolation; never empty.

    Left and top are multiples of ``step``, so that averages over as many pixels are the same for every face of a photo.
    """
    corners = transform_points(np.array([[0, 0], [size, 0], [0, size], [size, size]]), inverse(matrix))
    left, top = np.floor(corners.min(axis=0) - margin).clip(0, (width - 1, height - 1)).astype(int) // step * step
    right, bottom = np.ceil(corners.max(axis=0) + margin).clip((left + 1, top + 1), (width, height)).astype(int)
    return int(left), int(top), int(right), int(bottom)
