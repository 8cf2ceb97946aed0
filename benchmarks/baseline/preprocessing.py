"""Baseline loading and augmentation, as in the reference program, written from its description, to compare speed.

The loader decodes with Pillow and jitters colours with torchvision. Then, in the main process, each sample's
landmarks are found by a search through the list of all names, and threads move image after image: one warp for
rotation and scale, one for the shift, one for the mirror, in float32; rectangles are computed in Python.
"""

import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torchvision import transforms

FRAME, GRID, RADIUS = 224, 28, 5
Points = NDArray[np.float64]

LOADER_TRANSFORM = transforms.Compose(
    [
        transforms.ColorJitter(brightness=0.2, contrast=0.2, saturation=0.2),
        transforms.RandomGrayscale(0.2),
        transforms.ToTensor(),
    ]
)


class BaselineBatches:
    """Prepared batches: images, rectangles and labels.

    Args:
        folder: folder of the images.
        names: names of all images, in the landmark file's order.
        landmarks: ``(N, 5, 2)``, in that order.
        labels: labels, in that order.
    """

    def __init__(self, folder: Path, names: list[str], landmarks: Points, labels: list[int]) -> None:
        self.folder, self.names, self.landmarks, self.labels = folder, names, landmarks, labels
        self.pool = ThreadPoolExecutor(2)

    def batch(self, names: list[str]) -> tuple[Tensor, list[list[int]], list[list[int]], Tensor]:
        """Load and augment the images of some names."""
        images = torch.stack([self._load(name) for name in names])
        found = [self.names.index(name) for name in names]
        moved = list(self.pool.map(_augment, images.numpy().transpose(0, 2, 3, 1), self.landmarks[found]))
        pixels = torch.from_numpy(np.stack([image.transpose(2, 0, 1) for image, _ in moved]))
        quadrants = [quadrant_rectangles(points) for _, points in moved]
        salient = [salient_rectangles(points) for _, points in moved]
        return pixels, quadrants, salient, torch.tensor([self.labels[i] for i in found])

    def _load(self, name: str) -> Tensor:
        with Image.open(self.folder / name) as image:
            tensor: Tensor = LOADER_TRANSFORM(image.convert("RGB"))
        return tensor


def _augment(image: NDArray[np.float32], landmarks: Points) -> tuple[NDArray[np.float32], Points]:
    """Rotate and scale, then shift, then mirror, each with a warp of its own."""
    points = landmarks.copy()
    if random.random() < 0.8:
        angle, scale = random.randint(-15, 15), round(random.uniform(0.9, 1.1), 2)
        matrix = cv2.getRotationMatrix2D((FRAME / 2, FRAME / 2), angle, scale)
        image = cv2.warpAffine(image, matrix, (FRAME, FRAME))
        points = np.stack([matrix @ np.append(point, 1) for point in points])
    if random.random() < 0.8:
        dx, dy = random.randint(-20, 20), random.randint(-20, 20)
        image = cv2.warpAffine(image, np.array([[1.0, 0, dx], [0, 1.0, dy]]), (FRAME, FRAME))
        points = np.stack([point + np.array([dx, dy]) for point in points])
    points = points.clip(0, FRAME)
    if random.random() < 0.5:
        image = cv2.warpAffine(image, np.array([[-1.0, 0, FRAME - 1], [0, 1.0, 0]]), (FRAME, FRAME))
        points = points[[1, 0, 2, 4, 3]] * np.array([-1, 1]) + np.array([FRAME, 0])
    return image, points


def quadrant_rectangles(landmarks: Points) -> list[int]:
    """Compute the four patches of one face: outer and inner corner of each."""
    cells = np.around(landmarks * GRID / FRAME).astype(int)
    row = int(cells[2][1])
    rectangles: list[int] = []
    for depth, first, second, down in ((row, 0, 1, -1), (GRID - row, 3, 4, 1)):
        column = int((cells[first][0] + cells[second][0]) / 2)
        left, right = _sides(depth, column, GRID - column)
        rectangles += [column - left, row + down * left, column, row]
        rectangles += [column + right, row + down * right, column, row]
    return rectangles


def _sides(depth: int, left: int, right: int) -> tuple[int, int]:
    least = min(depth, left, right)
    if least >= GRID / 3 or least == depth:
        return least, least
    if least == left:
        return least, min(depth, right, GRID // 2)
    return min(depth, left, GRID // 2), least


def salient_rectangles(landmarks: Points) -> list[int]:
    """Compute the five regions of one face: x0, x1, y0, y1 of each."""
    cells = np.around(landmarks * GRID / FRAME).astype(int)
    middle = [int((cells[0][axis] + cells[1][axis]) / 2) for axis in (0, 1)]
    rectangles: list[int] = []
    for x, y in (cells[0], cells[1], middle, cells[3], cells[4]):
        x, y = (min(max(int(value), RADIUS), GRID - RADIUS) for value in (x, y))
        rectangles += [x - RADIUS, x + RADIUS, y - RADIUS, y + RADIUS]
    return rectangles
