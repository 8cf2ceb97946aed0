"""Detection in images of any size: passes, batches, and the way back to image pixels, whatever runs the network."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from ampnet.detection.face import Face
from ampnet.detection.letterbox import Letterbox, letterbox, padded_size, scaled_size
from ampnet.detection.multiscale import MAX_LONG_SIDE, merge_passes, pass_sizes
from ampnet.media.images import Image, resize
from ampnet.settings import DetectorConfig

BATCH_PIXELS = 16 * 224 * 224
"""Maximum padded pixels in a batch; bounds memory for images of any size."""


@dataclass(frozen=True)
class _Pass:
    """One pass of an image through the network, at one size."""

    index: int
    long_side: int
    padded_hw: tuple[int, int]


class AnySizeDetector(ABC):
    """A detection network for images of any size.

    Attributes:
        config: thresholds and the network's name.
        weights_sha256: hexadecimal SHA-256 of the weights file in use.
    """

    config: DetectorConfig
    weights_sha256: str

    @abstractmethod
    def detect_batch(self, batch: list[Letterbox], threshold: float) -> list[list[Face]]:
        """Run the network on letterboxes of one padded size: the faces of each, in pixels of its source image."""

    def detect(self, images: Sequence[Image], score_threshold: float | None = None) -> list[list[Face]]:
        """Detect the faces in each image, without filtering.

        Results do not depend on the rest of the batch: an image's size alone decides how it is scaled and padded (see
        :mod:`ampnet.detection.letterbox`), and whether it gets a second, smaller pass (see
        :mod:`ampnet.detection.multiscale`). For retries, and filtering by size and landmarks, see
        :func:`ampnet.detection.retries.detect_with_retries`.

        Args:
            images: ``(H, W, 3)`` RGB uint8, of any size.
            score_threshold: minimum score; None takes the config's.

        Returns:
            The faces in each image, best score first; empty if there are none.

        Raises:
            ValueError: an image is not ``(H, W, 3)`` uint8 with at least one pixel.
        """
        for image in images:
            if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
                raise ValueError(f"expected (H, W, 3) uint8 images, got {image.shape} {image.dtype}")
        threshold = self.config.score_threshold if score_threshold is None else score_threshold
        passes = [
            _Pass(index, side, padded_size(image, side))
            for index, image in enumerate(images)
            for side in pass_sizes(image)
        ]
        shrunk = [shrink(image) for image in images]
        found: dict[_Pass, list[Face]] = {}
        for batch in _batches_of_like_size(passes):
            letterboxes = [letterbox(images[item.index], item.long_side, shrunk[item.index]) for item in batch]
            found.update(zip(batch, self.detect_batch(letterboxes, threshold), strict=True))
        return [
            _faces_of_image(image, [(item.long_side, found[item]) for item in of_image])
            for image, (_, of_image) in zip(images, groupby(passes, key=lambda item: item.index), strict=True)
        ]


def shrink(image: Image) -> Image:
    """Scale an image to the size of its largest pass, if it is larger: all that detection sees of it."""
    return resize(image, scaled_size(image, MAX_LONG_SIDE)) if max(image.shape[:2]) > MAX_LONG_SIDE else image


def _batches_of_like_size(passes: Sequence[_Pass]) -> Iterator[list[_Pass]]:
    """Group passes by padded size, in batches of at most BATCH_PIXELS."""
    by_size: dict[tuple[int, int], list[_Pass]] = {}
    for item in passes:
        by_size.setdefault(item.padded_hw, []).append(item)
    for (height, width), group in by_size.items():
        count = max(1, BATCH_PIXELS // (height * width))
        for start in range(0, len(group), count):
            yield group[start : start + count]


def _faces_of_image(image: Image, passes: list[tuple[int, list[Face]]]) -> list[Face]:
    (long_side, full), *small = passes
    return merge_passes(full, small[0][1], long_side / max(image.shape[:2])) if small else full


def faces_by_image(
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
