"""A second look at images in which no face was found: other sizes, turned, smoothed, at lower scores."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from ampnet.config import FacePolicy
from ampnet.detection.derotate import derotate
from ampnet.detection.detector import FaceDetector, Image
from ampnet.detection.face import Face, distance, moved_face
from ampnet.detection.landmark_filter import are_plausible_landmarks
from ampnet.detection.letterbox import SMALLEST_LONG_SIDE, resized
from ampnet.faces.geometry import Affine, inverse

LOWEST_SCORE = 0.25
"""Least confidence of a retried face in an image that should show one."""
LEAST_SUPPORT = 0.55
"""Least sum of the confidences of the views that agree on a face."""
ENOUGH_SUPPORT = 1.8
"""Sum that ends the retries: two views are sure of the same face, or more than two almost."""
FAINTEST_SCORE = 0.05
"""Scores below this support nothing."""
AGREEMENT = 0.2
"""Two views mean the same face when its landmarks lie this near on average, in eyes-to-mouth distances."""
TRUSTED_SHARE = 0.4
"""Side of a face, as a share of the image's shorter side, from which its score is its confidence. Below, confidence
falls in proportion: ears and folds of clothing make small false faces."""
LUMINANCE_TILES = (4, 4)
LUMINANCE_CLIP = 2.0
"""Of the contrast-limited equalisation (CLAHE) that evens a view's light."""


@dataclass(frozen=True)
class View:
    """One way of showing an image to the detector again.

    Attributes:
        side: longer side of the image in working pixels.
        canvas: least side of the black canvas with the image in its top left corner: a face cut by the frame is
            found better with free space below, but not above.
        turn: degrees by which the image is turned counter-clockwise.
        even: even the light out (harsh shadows, faded pictures).
        smoothing: Gaussian blur, as a share of ``side``; takes the steps out of coarse, posterised images.
    """

    side: int
    canvas: int = SMALLEST_LONG_SIDE
    turn: float = 0.0
    even: bool = False
    smoothing: float = 0.0


VIEWS = (
    View(160, even=True),
    View(224, turn=-30),
    View(224, turn=30),
    View(192, canvas=256, even=True, smoothing=0.015),
    View(192, turn=-30, even=True),
    View(192, turn=30, even=True),
    View(160),
    View(320),
    View(320, smoothing=0.02),
    View(192, turn=60, even=True),
    View(192, turn=-60, even=True),
    View(224, turn=-45, even=True),
    View(224, turn=45, even=True),
)
"""Chosen one by one for the most faces found among the 2 % of FER-2013 that the first look misses; these come first."""

Status = Literal["detected", "retried", "none"]


@dataclass(frozen=True)
class Detection:
    """The faces of one image, best first, and whether they were found at the first try, by a retry or not at all."""

    faces: tuple[Face, ...]
    status: Status


@dataclass(frozen=True)
class _Candidate:
    face: Face
    confidence: float
    view: View | None
    """None: the image as the detector shows it itself."""


def detect_with_retries(
    detector: FaceDetector, images: Sequence[Image], lowest_score: float = LOWEST_SCORE
) -> list[Detection]:
    """Find faces; look again, in other views, at the images that show none, and upright at faces that are turned.

    Faces with impossible landmarks or below the config's ``min_face`` do not count. What the views of an image find
    is weighed together: faces on which views agree stand, best supported first. Retries run batched over all images
    still without a face, so give many images at once; an image's result does not depend on the images beside it.

    Args:
        detector: finds the faces; its config says what counts as one.
        images: ``(H, W, 3)`` RGB uint8, of any sizes.
        lowest_score: least confidence of a retried face in its best view: its score, less where it is small in the
            image. The default suits images that are known to show a face; for photos of anything give the config's
            score threshold.

    Returns:
        One detection for each image.
    """
    min_face = detector.config.min_face
    faces_of = [_usable(faces, min_face) for faces in detector.detect(images)]
    candidates: dict[int, list[_Candidate]] = {index: [] for index, faces in enumerate(faces_of) if not faces}
    missing = list(candidates)
    for view in (None, *VIEWS):
        shown = [images[index] for index in missing]
        for index, faces in zip(missing, _detect_in_view(detector, shown, view), strict=True):
            for face in _usable(faces, min_face):
                candidates[index].append(_Candidate(face, _confidence(face, images[index]), view))
        missing = [index for index in missing if _most_support(candidates[index]) < ENOUGH_SUPPORT]

    for index, found in candidates.items():
        faces_of[index] = [
            group[0].face
            for group in _agreeing(found)
            if group[0].confidence > lowest_score and _support(group) > LEAST_SUPPORT
        ]
    return [
        Detection(tuple(faces), "none" if not faces else "retried" if index in candidates else "detected")
        for index, faces in enumerate(derotate(detector, images, faces_of))
    ]


def _usable(faces: Sequence[Face], min_face: float) -> list[Face]:
    def side(face: Face) -> float:
        return float(min(face.box[2] - face.box[0], face.box[3] - face.box[1]))

    return [face for face in faces if side(face) >= min_face and are_plausible_landmarks(face.box, face.landmarks)]


def _confidence(face: Face, image: Image) -> float:
    share = face.side / float(min(image.shape[:2]))
    return face.score * min(1.0, share / TRUSTED_SHARE)


def _agreeing(candidates: Sequence[_Candidate]) -> list[list[_Candidate]]:
    """Gather the candidates that mean the same face, surest first in each group; best supported group first."""
    groups: list[list[_Candidate]] = []
    for candidate in sorted(candidates, key=lambda item: item.confidence, reverse=True):
        for group in groups:
            if distance(group[0].face, candidate.face) < AGREEMENT:
                group.append(candidate)
                break
        else:
            groups.append([candidate])
    return sorted(groups, key=_support, reverse=True)


def _support(group: Sequence[_Candidate]) -> float:
    by_view: dict[View | None, float] = {}
    for candidate in group:  # surest first, so each view counts once, with its best
        by_view.setdefault(candidate.view, candidate.confidence)
    return sum(by_view.values())


def _most_support(candidates: Sequence[_Candidate]) -> float:
    return max((_support(group) for group in _agreeing(candidates)), default=0.0)


def _detect_in_view(detector: FaceDetector, images: Sequence[Image], view: View | None) -> list[list[Face]]:
    """Find faces down to the faintest in the images as a view shows them, in pixels of the images."""
    if view is None:
        return detector.detect(images, score_threshold=FAINTEST_SCORE)
    shown = [show(image, view) for image in images]
    found = detector.detect([canvas for canvas, _ in shown], score_threshold=FAINTEST_SCORE)
    return [
        [moved_face(face, inverse(matrix)) for face in faces] for faces, (_, matrix) in zip(found, shown, strict=True)
    ]


def show(image: Image, view: View) -> tuple[Image, Affine]:
    """Draw an image as a view wants it.

    Returns:
        The canvas, and the ``(2, 3)`` map from the image's pixels to the canvas.
    """
    height, width = image.shape[:2]
    scale = view.side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if view.even:  # in the smaller of the two sizes
        small = resized(_evened(image), size) if scale > 1 else _evened(resized(image, size))
    else:
        small = resized(image, size)
    if view.smoothing:
        small = np.asarray(cv2.GaussianBlur(small, (0, 0), view.smoothing * view.side), dtype=np.uint8)

    new_height, new_width = small.shape[:2]
    angle = math.radians(view.turn)
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    corners = np.array([[0, 0], [new_width, 0], [0, new_height], [new_width, new_height]]) @ turn.T
    shift = -corners.min(axis=0)
    canvas_width, canvas_height = np.maximum(np.ceil(np.ptp(corners, axis=0) - 1e-6), view.canvas).astype(int).tolist()
    from_centres = shift + turn @ (0.5, 0.5) - 0.5  # OpenCV counts from the centre of the first pixel
    canvas = cv2.warpAffine(small, np.column_stack([turn, from_centres]), (canvas_width, canvas_height))
    zoom = np.diag([new_width / width, new_height / height])
    return np.asarray(canvas, dtype=np.uint8), np.column_stack([turn @ zoom, shift])


def _evened(image: Image) -> Image:
    luminance, *colours = cv2.split(cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb))
    evened = cv2.createCLAHE(LUMINANCE_CLIP, LUMINANCE_TILES).apply(luminance)
    return np.asarray(cv2.cvtColor(cv2.merge([evened, *colours]), cv2.COLOR_YCrCb2RGB), dtype=np.uint8)


def choose_face(faces: Sequence[Face], policy: FacePolicy, size_hw: tuple[int, int]) -> list[Face]:
    """Pick the faces that count where an image shows several.

    Args:
        faces: of one image, best first.
        policy: ``largest`` part inside the image, nearest to its ``centre``, ``best`` score, or ``all``.
        size_hw: height and width of the image in pixels.

    Returns:
        One face, or all of them in their order; nothing when there is none. Equals go to the better score.
    """
    if policy == "all" or not faces:
        return list(faces)
    if policy == "best":
        return [max(faces, key=lambda face: face.score)]
    height, width = size_hw

    def visible_area(face: Face) -> float:
        x0, y0, x1, y1 = np.clip(face.box, 0, (width, height, width, height))
        return float((x1 - x0) * (y1 - y0))

    def distance_from_centre(face: Face) -> float:
        return float(np.hypot(*((face.box[:2] + face.box[2:]) / 2 - (width / 2, height / 2))))

    return [max(faces, key=visible_area) if policy == "largest" else min(faces, key=distance_from_centre)]
