"""Detection in images of any size: views, batches, and the way back to image pixels, whatever runs the network."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from ampnet.detection.face import Face
from ampnet.detection.multiscale import (
    MAX_LONG_SIDE,
    Letterbox,
    Region,
    letterbox,
    merge_passes,
    merge_tiles,
    padded_size,
    pass_sizes,
    scaled_size,
    tiles,
)
from ampnet.detection.overlaps import averaged_candidates, without_overlaps
from ampnet.faces.geometry import intersection_over_union
from ampnet.media.images import Image, resize
from ampnet.settings import DetectorConfig

BATCH_PIXELS = 16 * 224 * 224
"""Maximum padded pixels in a batch; bounds memory for images of any size."""

SUSPICION = 0.15
"""Minimum score of a suspect: of the faces of 32 px and more that one view misses, most get this score in it."""


@dataclass(frozen=True, eq=False)
class View:
    """An image, or a part of one, at the size of one pass of the network."""

    image: Image
    """Its pixels."""
    long_side: int
    """Longer side of the network's input, before padding."""
    origin_xy: tuple[int, int] = (0, 0)
    """Where the part's top left corner is in the image."""
    larger: Image | None = None
    """The same pixels at a size in between, which are scaled instead."""

    @property
    def region(self) -> Region:
        """Where the part is in the image."""
        x, y = self.origin_xy
        return x, y, x + self.image.shape[1], y + self.image.shape[0]


@dataclass(frozen=True, eq=False)
class Candidates:
    """What the network takes for faces in a batch of B letterboxes, several times each."""

    owner: NDArray[np.int64]
    """``(N,)`` letterbox of each candidate, ascending."""
    boxes: NDArray[np.float32]
    """``(N, 4)`` x0, y0, x1, y1 in pixels of the letterbox."""
    scores: NDArray[np.float32]
    """``(N,)``."""
    landmarks: NDArray[np.float32]
    """``(N, 5, 2)`` in pixels of the letterbox."""

    def part(self, chosen: NDArray[np.bool_]) -> "Candidates":
        """Return some of them."""
        return Candidates(self.owner[chosen], self.boxes[chosen], self.scores[chosen], self.landmarks[chosen])


@dataclass(frozen=True)
class Seen:
    """What the network saw in a view, in pixels of the image, best score first."""

    faces: list[Face]
    suspects: list[Face]
    """What looks like a face, but not enough to be reported; none of them is at the place of a face."""


class AnySizeDetector(ABC):
    """A detection network for images of any size.

    Attributes:
        config: thresholds and the network's name.
        weights_sha256: hexadecimal SHA-256 of the weights file in use.
    """

    config: DetectorConfig
    weights_sha256: str

    @abstractmethod
    def candidates(self, batch: list[Letterbox], threshold: float) -> Candidates:
        """Run the network on letterboxes of one padded size; what scores more than ``threshold``."""

    def detect(
        self,
        images: Sequence[Image],
        score_threshold: float | None = None,
        min_faces: Sequence[float] | None = None,
    ) -> list[list[Face]]:
        """Detect the faces in each image, without filtering.

        Results do not depend on the rest of the batch: an image's size alone decides how it is scaled and padded (see
        :mod:`ampnet.detection.multiscale`), and whether it gets a second, smaller pass (see
        :mod:`ampnet.detection.multiscale`). For retries, and filtering by size and landmarks, see
        :func:`ampnet.detection.retries.detect_with_retries`.

        Args:
            images: ``(H, W, 3)`` RGB uint8, of any size.
            score_threshold: minimum score; None takes the config's.
            min_faces: side of the smallest face that matters in each image, in its pixels; see :func:`pass_sizes`.

        Returns:
            The faces in each image, best score first; empty if there are none.

        Raises:
            ValueError: an image is not ``(H, W, 3)`` uint8 with at least one pixel.
        """
        require_images(images)
        views = [passes(image, side) for image, side in zip(images, min_faces or [0.0] * len(images), strict=True)]
        seen = iter(self.look([view for of_image in views for view in of_image], score_threshold))
        found = [[next(seen).faces for _ in of_image] for of_image in views]
        return [merged(of_image, faces) for of_image, faces in zip(views, found, strict=True)]

    def look(
        self, views: Sequence[View], score_threshold: float | None = None, suspicion: float | None = None
    ) -> list[Seen]:
        """Run the network once on each view.

        Args:
            score_threshold: minimum score of a face; None takes the config's.
            suspicion: minimum score of a suspect; None returns none.
        """
        threshold = self.config.score_threshold if score_threshold is None else score_threshold
        seen: dict[View, Seen] = {}
        for batch in _batches_of_like_size(views):
            letterboxes = [letterbox(view.image, view.long_side, view.larger) for view in batch]
            seen.update(zip(batch, self._see(letterboxes, threshold, suspicion), strict=True))
        return [_moved(seen[view], view.origin_xy) for view in views]

    def _see(self, batch: list[Letterbox], threshold: float, suspicion: float | None) -> list[Seen]:
        found = self.candidates(batch, threshold if suspicion is None else min(threshold, suspicion))
        is_sure = found.scores > threshold
        faces = self._faces(batch, found if suspicion is None else found.part(is_sure))
        if suspicion is None:
            return [Seen(one, []) for one in faces]
        doubtful = self._faces(batch, found.part(~is_sure))
        return [
            Seen(sure, [face for face in unsure if not any(self._is_same(face, other) for other in sure)])
            for sure, unsure in zip(faces, doubtful, strict=True)
        ]

    def _faces(self, batch: list[Letterbox], found: Candidates) -> list[list[Face]]:
        kept = without_overlaps(found.boxes, found.scores, found.owner, self.config.nms_threshold)
        boxes, landmarks = averaged_candidates(found.boxes, found.landmarks, found.scores, found.owner, kept)
        return _by_letterbox(batch, found.owner[kept], boxes, found.scores[kept], landmarks)

    def _is_same(self, one: Face, other: Face) -> bool:
        return intersection_over_union(one.box, other.box) > self.config.nms_threshold


def require_images(images: Sequence[Image]) -> None:
    """Check the form of images.

    Raises:
        ValueError: one is not ``(H, W, 3)`` uint8 with at least one pixel.
    """
    if isinstance(images, np.ndarray) and images.ndim < 4:
        raise ValueError("expected a list of images, got one; put it into a list")
    for image in images:
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
            raise ValueError(f"expected (H, W, 3) uint8 images, got {image.shape} {image.dtype}")


def passes(image: Image, min_face: float = 0.0) -> list[View]:
    """Return the full view of an image and, if it is large, the small one; see :func:`pass_sizes`.

    Those of its tiles follow, if it has any and its smallest face needs them.
    """
    views = _passes(image, min_face, (0, 0))
    if views[0].long_side == MAX_LONG_SIDE:
        for x0, y0, x1, y1 in tiles(image):
            views += _passes(image[y0:y1, x0:x1], min_face, (x0, y0))
    return views


def _passes(image: Image, min_face: float, origin_xy: tuple[int, int]) -> list[View]:
    sizes = pass_sizes(image, min_face)
    larger = resize(image, scaled_size(image, sizes[0])) if max(image.shape[:2]) > sizes[0] else image
    return [View(image, side, origin_xy, larger) for side in sizes]


def merged(views: Sequence[View], found: Sequence[list[Face]]) -> list[Face]:
    """Merge what was found in the views of :func:`passes`."""
    of_parts = [list(part) for _, part in groupby(zip(views, found, strict=True), key=lambda one: id(one[0].image))]
    whole, *others = (_merged_passes([view for view, _ in part], [faces for _, faces in part]) for part in of_parts)
    if not others:
        return whole
    regions = [part[0][0].region for part in of_parts[1:]]
    return merge_tiles(whole, list(zip(regions, others, strict=True)), views[0].image)


def _merged_passes(views: Sequence[View], found: Sequence[list[Face]]) -> list[Face]:
    if len(found) == 1:
        return found[0]
    full, small = found
    return merge_passes(full, small, views[0].long_side / max(views[0].image.shape[:2]))


def _batches_of_like_size(views: Sequence[View]) -> Iterator[list[View]]:
    """Group views by padded size, in batches of at most BATCH_PIXELS."""
    by_size: dict[tuple[int, int], list[View]] = {}
    for view in views:
        by_size.setdefault(padded_size(view.image, view.long_side), []).append(view)
    for (height, width), group in by_size.items():
        count = max(1, BATCH_PIXELS // (height * width))
        for start in range(0, len(group), count):
            yield group[start : start + count]


def _moved(seen: Seen, origin_xy: tuple[int, int]) -> Seen:
    if origin_xy == (0, 0):
        return seen
    shift = np.array(origin_xy, dtype=np.float32)

    def moved(faces: list[Face]) -> list[Face]:
        return [Face(face.box + np.tile(shift, 2), face.score, face.landmarks + shift) for face in faces]

    return Seen(moved(seen.faces), moved(seen.suspects))


def _by_letterbox(
    batch: list[Letterbox],
    owner: NDArray[np.int64],
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    landmarks: NDArray[np.float32],
) -> list[list[Face]]:
    """Sort detections by image, and scale them to its pixels.

    Args:
        batch: the B letterboxes.
        owner: ``(N,)`` letterbox of each detection.
        boxes: ``(N, 4)`` x0, y0, x1, y1 in pixels of the letterbox.
        scores: ``(N,)``, descending within each image.
        landmarks: ``(N, 5, 2)`` in pixels of the letterbox.
    """
    scale = np.array([item.scale_xy for item in batch], dtype=np.float32)
    boxes = boxes / np.tile(scale, 2)[owner]
    landmarks = landmarks / scale[owner, None]
    faces: list[list[Face]] = [[] for _ in batch]
    for image, box, score, points in zip(owner, boxes, scores, landmarks, strict=True):
        faces[image].append(Face(box, float(score), points))
    return faces
