"""Upside-down faces, as in photos taken upside down without an EXIF rotation.

The network finds most of them, but seldom correctly: with landmarks in their true places, which the filter drops, or
with those of an upright face, whose eyes are where the mouth is. So doubtful faces are detected again, turned by 180
degrees. If one then has a higher score, the whole image is searched upside down, and of two faces in one place the one
with the higher score counts. Clearly upright faces cost nothing.
"""

from collections.abc import Sequence

import numpy as np

from ampnet.detection.any_size import AnySizeDetector, View
from ampnet.detection.face import Face, is_large, keep_faces, moved_face
from ampnet.detection.multiscale import is_piece, is_same
from ampnet.faces.alignment import CANONICAL_LANDMARKS, align_face
from ampnet.faces.geometry import Points, inverse
from ampnet.media.images import Image, reduce
from ampnet.settings import IMAGE_SIZE

SURE = 0.98
"""Score below which a face is doubtful: 97% of the upright faces of FER-2013 have more, and 5% of those that pass the
filter when they are turned by 180 degrees."""
SHORT = 0.37
"""Distance from the eyes to the mouth, as a fraction of the box's side, below which a face is doubtful: 99% of the
upright ones have more, but less than half of the upside-down ones that are taken for upright."""
DOUBTFUL_SIDE = 128
"""Side in pixels at which a doubtful face is detected again; its box takes half of that."""
MOST = 4
"""Maximum number of doubtful faces of an image: a crowd has many faces of low scores."""
LAST_SIDE = 512
"""Longest side in pixels of an image that is searched upside down because nothing was found in it."""


def right_faces(
    detector: AnySizeDetector, images: Sequence[Image], found: Sequence[Sequence[Face]], min_face: float
) -> list[list[Face]]:
    """Filter faces as :func:`keep_faces` does, but for those that are upside down.

    Args:
        images: ``(H, W, 3)`` RGB uint8.
        found: faces of each image, unfiltered, best score first.
        min_face: minimum side of a face in pixels.

    Returns:
        The faces of each image, best score first.
    """
    kept = [keep_faces(faces, min_face) for faces in found]
    doubtful = [_doubtful(faces, sound, min_face) for faces, sound in zip(found, kept, strict=True)]
    righted = _turned(detector, images, doubtful)
    return _with_whole(detector, images, kept, righted, min_face)


def find_upside_down(detector: AnySizeDetector, images: Sequence[Image], min_face: float) -> list[list[Face]]:
    """Find the upside-down faces in images in which nothing else has been found."""
    small = [reduce(image, LAST_SIDE) for image in images]
    found = []
    for image, less, faces in zip(images, small, _upside_down(detector, small), strict=True):
        zoom = np.array([[image.shape[1] / less.shape[1], 0, 0], [0, image.shape[0] / less.shape[0], 0]])
        found.append([one for one in (moved_face(face, zoom) for face in faces) if is_large(one, min_face)])
    return _with_whole(detector, images, [[] for _ in images], found, min_face)


def _doubtful(faces: Sequence[Face], sound: Sequence[Face], min_face: float) -> list[Face]:
    """Return those that may be upside down, first the ones with impossible landmarks, then by size."""
    dropped = [face for face in faces if is_large(face, min_face) and face not in sound]
    unsure = [face for face in sound if face.score < SURE or face.eyes_to_mouth / max(face.side, 1e-6) < SHORT]
    return [*dropped, *sorted(unsure, key=lambda face: face.side, reverse=True)][:MOST]


def _turned(detector: AnySizeDetector, images: Sequence[Image], doubtful: Sequence[Sequence[Face]]) -> list[list[Face]]:
    """Detect faces again, turned by 180 degrees; return those that have a higher score there."""
    places = [(index, face) for index, faces in enumerate(doubtful) for face in faces]
    turned = [align_face(images[index], _on_its_head(face), size=DOUBTFUL_SIDE) for index, face in places]
    results = detector.look([View(frame.image, DOUBTFUL_SIDE) for frame in turned])
    righted: list[list[Face]] = [[] for _ in images]
    for (index, face), frame, seen in zip(places, turned, results, strict=True):
        back, least = inverse(frame.matrix), face.score if keep_faces([face], 0) else 0.0
        moved = [moved_face(one, back) for one in keep_faces(seen.faces, 0) if one.score > least]
        righted[index] += [one for one in moved if is_same(one, face)][:1]
    return righted


def _on_its_head(face: Face) -> Points:
    """Return where an upside-down face with this box would have its landmarks, for a frame twice as wide."""
    scale = 2 * max(face.side, 1.0) / IMAGE_SIZE
    return np.asarray((face.box[:2] + face.box[2:]) / 2 + (IMAGE_SIZE / 2 - CANONICAL_LANDMARKS) * scale)


def _with_whole(
    detector: AnySizeDetector,
    images: Sequence[Image],
    kept: Sequence[list[Face]],
    righted: Sequence[list[Face]],
    min_face: float,
) -> list[list[Face]]:
    """Search those images upside down in which a face was righted, and merge what was found."""
    places = [index for index, faces in enumerate(righted) if faces]
    merged = list(kept)
    for index, faces in zip(places, _upside_down(detector, [images[index] for index in places]), strict=True):
        large = [face for face in (*righted[index], *faces) if is_large(face, min_face)]
        merged[index] = _without_rivals([*kept[index], *large])
    return merged


def _upside_down(detector: AnySizeDetector, images: Sequence[Image]) -> list[list[Face]]:
    """Detect faces with plausible landmarks in images turned by 180 degrees, in pixels of the upright images."""
    found = detector.detect([np.ascontiguousarray(image[::-1, ::-1]) for image in images])
    backs = [np.array([[-1.0, 0, image.shape[1]], [0, -1.0, image.shape[0]]]) for image in images]
    return [[moved_face(face, back) for face in keep_faces(faces, 0)] for faces, back in zip(found, backs, strict=True)]


def _without_rivals(faces: Sequence[Face]) -> list[Face]:
    """Keep the face with the highest score in each place, best score first."""
    chosen: list[Face] = []
    for face in sorted(faces, key=lambda one: one.score, reverse=True):
        if not any(is_same(face, one) or is_piece(face, one) or is_piece(one, face) for one in chosen):
            chosen.append(face)
    return chosen
