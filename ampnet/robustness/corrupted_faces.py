"""Batches of corrupted faces, the same for any number of loader workers and any order."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from ampnet.dataset.loading.augment import Image
from ampnet.dataset.loading.dataset import Batch, FaceBatches, FaceDataset, SampleKey, reframed, store_face
from ampnet.faces.alignment import resize_face
from ampnet.robustness.suite import corrupt
from ampnet.settings import IMAGE_SIZE


class Condition(NamedTuple):
    """One change of all faces; the clean condition changes nothing."""

    corruption: str
    """Name in :data:`ampnet.robustness.suite.SUITE`; empty if clean."""
    severity: int
    """1 to 5; 0 if clean."""

    def __str__(self) -> str:
        return f"{self.corruption} {self.severity}" if self.corruption else "clean"


CLEAN = Condition("", 0)


class ChunkKey(NamedTuple):
    """Some faces under one condition."""

    condition: Condition
    positions: tuple[int, ...]
    """Positions in the datasets' indices."""


class CorruptedBatches(Dataset[list[Batch]]):
    """Corrupts faces once, and frames them for each of several networks.

    A corruption is applied in the prepared 224 x 224 frame, whatever the network; the frame is then adapted to it, as
    `eval` does. Clean batches are those of :class:`FaceBatches`. The landmarks are those of the clean face: what a
    detector would find on the corrupted one is left out of the measurement.

    Args:
        networks: the faces as each network needs them, with the same index and indices, and without augmentation.
    """

    def __init__(self, networks: Sequence[FaceDataset], seed: int) -> None:
        self.networks, self.seed = tuple(networks), seed
        self._chunk: tuple[int, ...] = ()
        self._images: list[Image] = []

    def __getitem__(self, key: ChunkKey) -> list[Batch]:
        """Return a batch for each network."""
        if key.condition == CLEAN:
            keys = [SampleKey(0, position, position) for position in key.positions]
            return [FaceBatches(faces).load(keys) for faces in self.networks]
        faces = self.networks[0]
        entries = faces.indices[list(key.positions)]
        landmarks = faces.index.landmarks[entries].astype(np.float64)
        corrupted = [
            corrupt(image, points, *key.condition, self.seed, faces.index.names[entry])
            for image, points, entry in zip(self._decoded(key.positions), landmarks, entries, strict=True)
        ]
        labels = torch.from_numpy(faces.index.labels[entries].astype(np.int64))
        return [_framed(network, corrupted, landmarks, labels) for network in self.networks]

    def _decoded(self, positions: tuple[int, ...]) -> list[Image]:
        """Decode faces to 224 x 224, grey ones to one channel; those of the last call are kept."""
        if positions != self._chunk:
            self._images = [read_prepared(self.networks[0], i) for i in positions]
            self._chunk = positions
        return self._images


def read_prepared(faces: FaceDataset, position: int) -> Image:
    """Decode a face as the corruptions take it: ``(224, 224, 3)`` BGR, or ``(224, 224)`` if it has no colour.

    Raises:
        DataError: the image cannot be read.
    """
    image = resize_face(replace(faces, color="rgb").decode(position), IMAGE_SIZE)
    first = image[..., 0]
    if np.array_equal(first, image[..., 1]) and np.array_equal(first, image[..., 2]):
        return np.ascontiguousarray(first)
    return image


def _framed(
    network: FaceDataset, images: Sequence[Image], landmarks: NDArray[np.float64], labels: torch.Tensor
) -> Batch:
    size, channels = network.image_size, 1 if network.color == "grey" else 3
    pixels = np.empty((len(images), size, size, channels), dtype=np.uint8)
    points = landmarks.copy()
    for i, image in enumerate(images):
        if network.reframe is not None:
            image, points[i] = reframed(image, landmarks[i], network.reframe)
        image = resize_face(image, size)
        if image.ndim == 3 and channels == 1:
            image = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), dtype=np.uint8)
        store_face(image, pixels[i])
    return Batch(
        torch.from_numpy(pixels).permute(0, 3, 1, 2),  # (B, C, S, S), channels last in memory
        torch.from_numpy((points.clip(0, IMAGE_SIZE) * (size / IMAGE_SIZE)).astype(np.float32)),
        labels,
    )
