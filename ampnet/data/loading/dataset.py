"""Faces of a prepared data set as the network takes them, the same for any number of loading processes."""

import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from ampnet.config import IMAGE_SIZE
from ampnet.data.index.face_index import FaceIndex
from ampnet.data.loading.augment import (
    COLORING,
    DEGRADING,
    MOVING,
    Image,
    degrade,
    draw_affine_jitter,
    draw_uniforms,
    erase_patch,
    jitter_colors,
    jitter_landmarks,
    warp_face,
)
from ampnet.errors import DataError, TrainingError
from ampnet.faces.alignment import align_face, resize_face
from ampnet.faces.colour import Color
from ampnet.faces.framing import Framing
from ampnet.recipes import Augmentation


class SampleKey(NamedTuple):
    """One face in one epoch; with the dataset's seed, epoch and draw decide everything random about it."""

    epoch: int
    draw: int
    """Place in the epoch's order, so that a face drawn twice looks different each time."""
    position: int
    """In the dataset's indices."""


class Batch(NamedTuple):
    """Samples on their way to the network, as small as they can be."""

    images: Tensor
    """``(B, 1 or 3, S, S)`` uint8, in channels_last order."""
    landmarks: Tensor
    """``(B, 5, 2)`` float32 pixels of those images."""
    labels: Tensor
    """``(B,)`` int64."""
    targets: Tensor | None = None
    """``(B, K)`` float32 probabilities to learn instead of the labels, where teachers have a say."""

    def to(self, device: torch.device) -> "Batch":
        """Move the batch to a device and turn its images into ``(B, 3, S, S)`` float32 in [0, 1]."""
        images = self.images.to(device, non_blocking=True).float().div_(255).expand(-1, 3, -1, -1)
        return Batch(
            images.contiguous(memory_format=torch.channels_last),
            self.landmarks.to(device, non_blocking=True),
            self.labels.to(device, non_blocking=True),
            None if self.targets is None else self.targets.to(device, non_blocking=True),
        )


@dataclass(frozen=True, eq=False)
class FaceDataset(Dataset[tuple[Tensor, Tensor, int]]):
    """Reads single faces; see :class:`FaceBatches` for training's faster way.

    Args:
        index: the prepared data set.
        indices: which of its faces, in order.
        image_size: side S of the images.
        augment: None shows the faces as they are.
        color: ``grey`` reads one channel only.
        seed: with epoch and draw, decides each sample's augmentation.
        targets: ``(len(indices), K)`` probabilities to learn instead of the labels.
        reframe: brings each face to this framing, as `predict` does (not with ``augment``).
    """

    index: FaceIndex
    indices: NDArray[np.int64]
    image_size: int
    augment: Augmentation | None = None
    color: Color = "rgb"
    seed: int = 0
    targets: NDArray[np.float32] | None = None
    reframe: Framing | None = None

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, position: int) -> tuple[Tensor, Tensor, int]:
        """Give a face of epoch 0: image ``(3, S, S)`` float32 in [0, 1], landmarks ``(5, 2)`` in it, label."""
        images, landmarks, labels, _ = FaceBatches(self)[[SampleKey(0, position, position)]].to(torch.device("cpu"))
        return images[0], landmarks[0], int(labels[0])

    def decode(self, position: int) -> Image:
        """Read a face's image as it is stored.

        Raises:
            DataError: it cannot be read.
        """
        path = self.index.image_path(int(self.indices[position]))
        mode = cv2.IMREAD_GRAYSCALE if self.color == "grey" else cv2.IMREAD_COLOR
        image = cv2.imread(str(path), mode | cv2.IMREAD_IGNORE_ORIENTATION)
        if image is None:
            raise DataError(f"cannot read the prepared image {path}; run prepare again")
        return np.asarray(image, dtype=np.uint8)


@dataclass(frozen=True, eq=False)
class FaceBatches(Dataset[Batch]):
    """Reads whole batches: what can be is computed for all faces at once, and no sample is copied twice.

    A batch's keys are of one epoch.
    """

    faces: FaceDataset

    def __getitem__(self, keys: Sequence[SampleKey]) -> Batch:
        faces, positions = self.faces, [key.position for key in keys]
        size, channels = faces.image_size, 1 if faces.color == "grey" else 3
        entries = faces.indices[positions]
        images = np.empty((len(keys), size, size, channels), dtype=np.uint8)
        landmarks = faces.index.landmarks[entries].astype(np.float64)
        if faces.augment is None:
            for i, position in enumerate(positions):
                image = faces.decode(position)
                if faces.reframe is not None:
                    image, landmarks[i] = _reframed(image, landmarks[i], faces.reframe)
                _store(resize_face(image, size), images[i])
            landmarks = landmarks.clip(0, IMAGE_SIZE) * (size / IMAGE_SIZE)
        else:
            numbers = draw_uniforms(faces.seed, keys[0].epoch, [key.draw for key in keys])
            ends = np.cumsum((MOVING, COLORING, DEGRADING))
            moving, coloring, degrading, erasing = np.split(numbers, ends, axis=1)
            movement = draw_affine_jitter(faces.augment, moving)
            landmarks = jitter_landmarks(landmarks, movement, faces.augment.reference_mirror) * (size / IMAGE_SIZE)
            for i, (position, matrix) in enumerate(zip(positions, movement.matrix(), strict=True)):
                colored = jitter_colors(faces.decode(position), faces.augment, coloring[i])
                warped = degrade(warp_face(colored, matrix, size), faces.augment.degrade, degrading[i])
                _store(warped, images[i])
                erase_patch(images[i], landmarks[i], faces.augment.erase, erasing[i])
        return Batch(
            torch.from_numpy(images).permute(0, 3, 1, 2),  # (B, C, S, S), channels last in memory
            torch.from_numpy(landmarks.astype(np.float32)),
            torch.from_numpy(faces.index.labels[entries].astype(np.int64)),
            None if faces.targets is None else torch.from_numpy(faces.targets[positions]),
        )


def _reframed(image: Image, landmarks: NDArray[np.float64], framing: Framing) -> tuple[Image, NDArray[np.float64]]:
    """Warp a prepared face, ``(H, W)`` or ``(H, W, 3)``, and its landmarks in the 224 x 224 frame."""
    in_pixels = landmarks * (image.shape[1] / IMAGE_SIZE, image.shape[0] / IMAGE_SIZE)
    try:
        face = align_face(image, in_pixels, np.array(framing.mean_landmarks), resolution=framing.face_resolution)
    except ValueError:  # landmarks in one point fit no face
        return image, landmarks
    return face.image, face.landmarks


def _store(image: Image, shown: NDArray[np.uint8]) -> None:
    """Put a grey or BGR(A) image into its place ``(S, S, 1 or 3)`` in a batch."""
    if image.ndim == 2:
        shown[..., 0] = image
    else:
        cv2.cvtColor(image, cv2.COLOR_BGRA2RGB if image.shape[2] == 4 else cv2.COLOR_BGR2RGB, dst=shown)


class ShardedSequentialSampler(Sampler[list[SampleKey]]):
    """Every face of one process's share exactly once, in the dataset's order.

    Args:
        count: faces in the dataset.
        batch_size: of this process.
        rank: number of this process.
        world_size: number of processes.
    """

    def __init__(self, count: int, batch_size: int, rank: int = 0, world_size: int = 1) -> None:
        self.share = range(rank, count, world_size)
        self.batch_size = batch_size

    def __len__(self) -> int:
        return -(-len(self.share) // self.batch_size)

    def __iter__(self) -> Iterator[list[SampleKey]]:
        for start in range(0, len(self.share), self.batch_size):
            yield [SampleKey(0, position, position) for position in self.share[start : start + self.batch_size]]


def batch_loader(
    faces: FaceDataset, order: Sampler[list[SampleKey]], workers: int, device: torch.device
) -> DataLoader[Batch]:
    """Load batches in the order of a sampler.

    Args:
        faces: where they come from.
        order: the keys of each batch.
        workers: loading processes, kept from epoch to epoch; 0 loads in this one.
        device: batches for GPUs are put into pinned memory.
    """
    # More workers than cores are somebody's wish (slow storage can deserve it), and defaults never are that many.
    warnings.filterwarnings("ignore", "This DataLoader will create", UserWarning)
    return DataLoader(
        FaceBatches(faces),
        batch_size=None,
        sampler=order,
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=device.type == "cuda",
        prefetch_factor=4 if workers else None,
        worker_init_fn=_start_worker,
        # The launcher's processes would start theirs anew: seconds of imports, at the mercy of a Ctrl-C.
        multiprocessing_context="fork" if workers and sys.platform == "linux" else None,
    )


def _start_worker(_worker: int) -> None:
    """Keep a loading process on one core, and leave requests to stop to the process that trains.

    Ctrl-C and most schedulers signal a whole process group, so it gets its own. Its failures reach the process that
    trains; what it says besides is that nobody takes its last batches.
    """
    os.setpgid(0, 0)
    sys.excepthook = lambda *_: None
    cv2.setNumThreads(0)


@contextmanager
def loading_failures() -> Iterator[None]:
    """Say in one line what went wrong in a loading process.

    Raises:
        DataError: an image cannot be read.
        TrainingError: a loading process died.
    """
    try:
        yield
    except DataError as error:  # of a loading process: its traceback, our message being the last line
        raise DataError(str(error).strip().splitlines()[-1].removeprefix("ampnet.errors.DataError: ")) from error
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise TrainingError(
            "a process that loads images died, perhaps for lack of memory; go on with --resume and fewer --workers"
        ) from error
