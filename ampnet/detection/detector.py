"""Batched face detection in images of any size."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.ops import batched_nms

from ampnet.config import DetectorConfig
from ampnet.detection.anchors import anchor_boxes, decode_boxes, decode_landmarks
from ampnet.detection.face import Face
from ampnet.detection.letterbox import Letterbox, letterbox, padded_size
from ampnet.detection.multiscale import merge_passes, pass_sizes
from ampnet.detection.networks import load_network
from ampnet.media.images import Image
from ampnet.runtime.progress import ProgressBar, silent

BATCH_PIXELS = 16 * 224 * 224
"""Maximum padded pixels in a batch; bounds memory for images of any size."""


@dataclass(frozen=True)
class _Pass:
    """One pass of an image through the network, at one size."""

    index: int
    long_side: int
    padded_hw: tuple[int, int]


class FaceDetector:
    """The RetinaFace detector (Deng et al. 2020, arXiv:1905.00641).

    Args:
        config: network, weights and thresholds.
        device: where the network runs.
        bar: progress bar for downloading weights that are not in the package.

    Raises:
        DetectorError: the weights are unavailable or do not match the network.

    Attributes:
        name: the network's name, as in the config.
        weights_sha256: hexadecimal SHA-256 of the weights file in use.
    """

    def __init__(
        self, config: DetectorConfig | None = None, device: torch.device | str = "cpu", bar: ProgressBar = silent
    ) -> None:
        self.config = config or DetectorConfig()
        self.device = torch.device(device)
        self.name: str = self.config.name
        network = load_network(self.config, bar)
        self.weights_sha256 = network.weights_sha256
        module = network.module.eval().requires_grad_(False)
        self.network = module.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._mean = torch.tensor(network.mean, device=self.device).view(1, 3, 1, 1)
        self._std = torch.tensor(network.std, device=self.device).view(1, 3, 1, 1)

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
        found: dict[_Pass, list[Face]] = {}
        for batch in _batches_of_like_size(passes):
            letterboxes = [letterbox(images[item.index], item.long_side) for item in batch]
            found.update(zip(batch, self._detect_batch(letterboxes, threshold), strict=True))
        return [
            _faces_of_image(image, [(item.long_side, found[item]) for item in of_image])
            for image, (_, of_image) in zip(images, groupby(passes, key=lambda item: item.index), strict=True)
        ]

    @torch.inference_mode()
    def _detect_batch(self, batch: list[Letterbox], threshold: float) -> list[list[Face]]:
        height, width = batch[0].padded_hw
        pixels = self._network_input(batch)
        box_offsets, logits, landmark_offsets = self.network(pixels)  # (B, A, 4), (B, A, 2), (B, A, 10)
        scores = logits.softmax(dim=-1)[..., 1]
        owner, anchor = torch.nonzero(scores > threshold, as_tuple=True)
        anchors = anchor_boxes(height, width, self.device)[anchor]
        boxes, scores = decode_boxes(box_offsets[owner, anchor], anchors), scores[owner, anchor]
        # float64: batched_nms separates images by adding large offsets to boxes, which must not change any overlap
        kept = batched_nms(boxes.double(), scores.double(), owner, self.config.nms_threshold)  # best first
        landmarks = decode_landmarks(landmark_offsets[owner[kept], anchor[kept]], anchors[kept])
        results = (item.cpu().numpy() for item in (owner[kept], boxes[kept], scores[kept], landmarks))
        return _faces_by_image(batch, *results)

    def _network_input(self, batch: list[Letterbox]) -> Tensor:
        height, width = batch[0].padded_hw
        if all(item.image.shape[:2] == (height, width) for item in batch):
            stacked = torch.from_numpy(np.stack([item.image for item in batch])).to(self.device)
            return (stacked.permute(0, 3, 1, 2).float() - self._mean) / self._std  # (B, 3, H, W), channels last
        padded = torch.zeros(len(batch), height, width, 3, device=self.device).permute(0, 3, 1, 2)
        for row, item in zip(padded, batch, strict=True):
            image = torch.from_numpy(np.ascontiguousarray(item.image)).to(self.device)
            h, w = image.shape[:2]
            row[:, :h, :w] = (image.permute(2, 0, 1).float() - self._mean[0]) / self._std[
                0
            ]  # padding is the mean colour
        return padded


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


def _faces_by_image(
    batch: list[Letterbox],
    owner: NDArray[np.int64],
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    landmarks: NDArray[np.float32],
) -> list[list[Face]]:
    scale = np.array([item.scale_xy for item in batch], dtype=np.float32)
    boxes = boxes / np.tile(scale, 2)[owner]
    landmarks = landmarks / scale[owner, None]
    faces: list[list[Face]] = [[] for _ in batch]
    for image, box, score, points in zip(owner, boxes, scores, landmarks, strict=True):
        faces[image].append(Face(box, float(score), points))
    return faces
