"""From photos to the chosen faces of each: detect, retry, measure, choose."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np

from ampnet.detection.any_size import AnySizeDetector
from ampnet.detection.face import Face, moved_face
from ampnet.detection.retries import Detection, detect_with_retries
from ampnet.reading.photo import Photo
from ampnet.settings import FacePolicy, PredictConfig


class FaceFinder:
    """Finds the faces of photos, and chooses among them.

    Args:
        face: which of a photo's faces are wanted: ``all``, ``largest``, ``centre`` or ``best``.
        min_face: leave out faces with a side of fewer pixels of the whole photo; large photos are reduced as far as
            this allows.
        smallest: the same in pixels of the photos as far as they are reduced; None takes the detector's.

    Raises:
        RangeError: there is no such choice, or ``min_face`` is below 0.
    """

    def __init__(
        self,
        detector: AnySizeDetector,
        face: FacePolicy = "all",
        min_face: float = 0.0,
        smallest: float | None = None,
    ) -> None:
        check_choice(face, min_face)
        self.detector, self.face, self.min_face, self.smallest = detector, face, min_face, smallest

    def find(self, photos: Sequence[Photo], most: int | None = None) -> list[Detection]:
        """Find the faces of each photo, in pixels of the whole upright photo; results do not depend on other photos.

        Args:
            photos: photos that can be read.
            most: at most as many faces of a photo, those with the best scores; None: all.
        """
        reductions = [photo.reduced.shape[1] / photo.size_hw[1] for photo in photos]
        detections = detect_with_retries(
            self.detector,
            [photo.reduced for photo in photos],
            self.face,
            [self.min_face * reduction for reduction in reductions],
            self.smallest,
        )
        return [
            replace(detection, faces=_in_whole(photo, detection.faces[:most]))
            for photo, detection in zip(photos, detections, strict=True)
        ]


@cache  # there is a finder for each few photos
def check_choice(face: FacePolicy, min_face: float) -> None:
    """Raise a RangeError if there is no such choice of faces."""
    PredictConfig(face=face, min_face=min_face)


def _in_whole(photo: Photo, faces: tuple[Face, ...]) -> tuple[Face, ...]:
    if not photo.is_reduced:
        return faces
    (height, width), (whole_height, whole_width) = photo.reduced.shape[:2], photo.size_hw
    enlargement = np.diag([whole_width / width, whole_height / height, 1.0])[:2]
    return tuple(moved_face(face, enlargement) for face in faces)
