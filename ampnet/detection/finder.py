"""From photos to the faces that are wanted of each: found, retried, measured, chosen."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ampnet.detection.any_size import AnySizeDetector
from ampnet.detection.face import Face, choose_face, moved_face
from ampnet.detection.retries import Status, detect_with_retries
from ampnet.reading.photo import Photo
from ampnet.settings import FacePolicy


@dataclass(frozen=True, eq=False)
class FoundFaces:
    """The faces of a photo, in pixels of the whole upright photo."""

    faces: list[Face]
    """Those that are wanted, best score first."""
    status: Status
    """Whether the first pass found them, a retry, or neither."""
    count: int
    """Number of faces of at least the minimum size, among which they were chosen."""


class FaceFinder:
    """Finds the faces of photos, and chooses those that are wanted.

    Args:
        detector: the network.
        face: which of a photo's faces are wanted: ``all``, ``largest``, ``centre`` or ``best``.
        min_face: leave out faces with a side of fewer pixels of the whole photo.
    """

    def __init__(self, detector: AnySizeDetector, face: FacePolicy = "all", min_face: float = 0.0) -> None:
        self.detector, self.face, self.min_face = detector, face, min_face

    def find(self, photos: Sequence[Photo], most: int | None = None) -> list[FoundFaces]:
        """Find the faces of each photo; results do not depend on the other photos.

        Args:
            photos: photos that can be read.
            most: at most as many faces of a photo, those with the best scores; None: all.
        """
        detections = detect_with_retries(self.detector, [photo.reduced for photo in photos])
        return [
            self._chosen(photo, detection.faces, detection.status, most)
            for photo, detection in zip(photos, detections, strict=True)
        ]

    def _chosen(self, photo: Photo, faces: Sequence[Face], status: Status, most: int | None) -> FoundFaces:
        (height, width), (whole_height, whole_width) = photo.reduced.shape[:2], photo.size_hw
        if photo.is_reduced:
            enlargement = np.diag([whole_width / width, whole_height / height, 1.0])[:2]
            faces = [moved_face(face, enlargement) for face in faces]
        large = [face for face in faces if (face.box[2:] - face.box[:2]).min() >= self.min_face]
        return FoundFaces(choose_face(large[:most], self.face, photo.size_hw), status, len(large))
