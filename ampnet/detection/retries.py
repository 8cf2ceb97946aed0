"""Detection for data preparation and prediction: a first pass, retries if it finds nothing, and derotation."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from ampnet.detection.any_size import AnySizeDetector
from ampnet.detection.coarse_to_fine import detect_for_choice
from ampnet.detection.face import Face, choose_face, is_large, landmark_distance, moved_face, roll
from ampnet.detection.multiscale import scaled_size
from ampnet.detection.upside_down import find_upside_down, right_faces
from ampnet.faces.alignment import align_face
from ampnet.faces.geometry import Affine, inverse, transform_points
from ampnet.media.images import Image, resize
from ampnet.settings import FacePolicy

RETRY_TURNS = (-30.0, 30.0)
"""Counter-clockwise rotations, in degrees, of an image without a face, tried in this order. Most missed faces are
tilted to one side; see docs/landmarks.md for what each retry finds."""
RETRY_SIDE = 256
"""Longest side of the image in a retry, before rotation; 288 and 320 px find no more faces, 224 px finds fewer."""

UPSIDE_DOWN = 180.0
"""The last retry: the image upside down (:mod:`ampnet.detection.upside_down`)."""

DetectionStatus = Literal["detected", "retried", "none"]


@dataclass(frozen=True)
class Detection:
    """The chosen faces of an image, and whether the first pass found them, a retry, or neither."""

    faces: tuple[Face, ...]
    """Best score first."""
    status: DetectionStatus
    count: int
    """Number of faces that were seen before the choice among them was certain; with ``all`` and ``best``, all faces."""


def detect_with_retries(
    detector: AnySizeDetector,
    images: Sequence[Image],
    policy: FacePolicy = "all",
    min_faces: Sequence[float] | None = None,
    smallest: float | None = None,
) -> list[Detection]:
    """Detect faces, retry rotated images where none is found, and correct the landmarks of steeply rolled faces.

    Retries use the same minimum score as the first pass, and stop at the first one that finds a face. They run in
    batches over all images still without a face, so pass many images at once; results do not depend on the rest of the
    batch.

    Args:
        detector: the detector; its config sets the minimum score and face size.
        images: ``(H, W, 3)`` RGB uint8, of any size.
        policy: which faces of each image are wanted; for one of them, large images are searched from coarse to fine
            (:mod:`ampnet.detection.coarse_to_fine`).
        min_faces: minimum side of a face in each image, in its pixels, if larger than ``smallest``.
        smallest: the same for all images; None takes the detector's.

    Returns:
        A detection for each image, without faces whose landmarks are impossible.
    """
    smallest = detector.config.min_face if smallest is None else smallest
    least = [max(smallest, wanted) for wanted in min_faces or [0.0] * len(images)]
    faces_of: list[list[Face]] = [[] for _ in images]
    status: list[DetectionStatus] = ["none"] * len(images)
    missing = list(range(len(images)))
    for turn in (0.0, *RETRY_TURNS, UPSIDE_DOWN):
        views, sides = [images[index] for index in missing], [least[index] for index in missing]
        if turn == UPSIDE_DOWN:
            found = find_upside_down(detector, views, smallest)
        else:
            seen = _detect_turned(detector, views, turn) if turn else detect_for_choice(detector, views, policy, sides)
            found = right_faces(detector, views, seen, smallest)
        for index, faces in zip(missing, found, strict=True):
            faces_of[index] = faces
            if faces:
                status[index] = "retried" if turn else "detected"
        missing = [index for index in missing if not faces_of[index]]
    large = [[face for face in faces if is_large(face, side)] for faces, side in zip(faces_of, least, strict=True)]
    chosen = [
        choose_face(faces, policy, (image.shape[0], image.shape[1])) for image, faces in zip(images, large, strict=True)
    ]
    derotated = derotate(detector, images, chosen)
    return [Detection(tuple(faces), how, len(seen)) for faces, how, seen in zip(derotated, status, large, strict=True)]


def _detect_turned(detector: AnySizeDetector, images: Sequence[Image], degrees: float) -> list[list[Face]]:
    """Detect the faces in rotated images, in pixels of the original images."""
    turned = [turn_image(image, degrees) for image in images]
    return [
        [moved_face(face, inverse(matrix)) for face in faces]
        for faces, (_, matrix) in zip(detector.detect([canvas for canvas, _ in turned]), turned, strict=True)
    ]


def turn_image(image: Image, degrees: float) -> tuple[Image, Affine]:
    """Resize an image and rotate it counter-clockwise, on a black canvas that contains all of it.

    Returns:
        The canvas, and the ``(2, 3)`` map from image pixels to canvas pixels.
    """
    height, width = scaled_size(image, RETRY_SIDE)
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    turn = np.array([[cos, sin, 0.0], [-sin, cos, 0.0]])
    corners = transform_points(np.array([[0, 0], [width, 0], [0, height], [width, height]]), turn)
    turn[:, 2] = -corners.min(axis=0)
    canvas_wh = np.ceil(np.ptp(corners, axis=0) - 1e-6).astype(int).tolist()

    from_centres = turn.copy()  # OpenCV counts from the centre of the first pixel
    from_centres[:, 2] = transform_points(np.array([0.5, 0.5]), turn) - 0.5
    canvas = cv2.warpAffine(resize(image, (height, width)), from_centres, canvas_wh)
    zoom = np.diag([width / image.shape[1], height / image.shape[0]])
    return np.asarray(canvas, dtype=np.uint8), np.column_stack([turn[:, :2] @ zoom, turn[:, 2]])


STEEP_ROLL = 25.0
"""Degrees of roll above which a face is detected again, upright. On rendered faces this halves the landmark error at
that angle (10 to 5% of the eye distance), and quarters it for faces lying on their side."""
MIN_SCORE = 0.5
"""Minimum score of the upright face: since its position is known, less is needed than for finding one."""
NEAR = 0.6
"""Maximum mean landmark distance, in eye-to-mouth distances, at which the upright face is taken to be the same one."""


def derotate(detector: AnySizeDetector, images: Sequence[Image], found: Sequence[Sequence[Face]]) -> list[list[Face]]:
    """Rotate each steeply rolled face upright, detect it again, and take the new landmarks.

    Args:
        images: ``(H, W, 3)`` RGB uint8.

    Returns:
        The same faces, with new landmarks where a face was found again upright.
    """
    corrected = [list(faces) for faces in found]
    steep = [
        (index, place)
        for index, faces in enumerate(found)
        for place, face in enumerate(faces)
        if abs(roll(face)) > STEEP_ROLL
    ]
    aligned = [align_face(images[index], found[index][place].landmarks) for index, place in steep]
    upright = detector.detect([face.image for face in aligned], score_threshold=MIN_SCORE)
    for (index, place), face, candidates in zip(steep, aligned, upright, strict=True):
        old = found[index][place]
        back = inverse(face.matrix)
        moved = [moved_face(candidate, back) for candidate in candidates]
        near = [new for new in moved if landmark_distance(old, new) < NEAR]
        if near:
            nearest = min(near, key=lambda new: landmark_distance(old, new))
            corrected[index][place] = Face(old.box, old.score, nearest.landmarks)
    return corrected
