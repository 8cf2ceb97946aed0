"""Batches of prepared faces for the network, identical for any number of loader workers."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from ampnet.dataset.index.face_index import FaceIndex
from ampnet.dataset.loading.augment import (
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
from ampnet.dataset.loading.unreadable import UnreadableImage, describe_unreadable
from ampnet.errors import DataError, ImageError
from ampnet.faces.alignment import resize_face
from ampnet.faces.appearance import Color, to_grey
from ampnet.faces.framing import Framing, place_face
from ampnet.media.prepared import decode_prepared, origin_of
from ampnet.settings import IMAGE_SIZE
from ampnet.settings.recipes import Augmentation


class SampleKey(NamedTuple):
    """One face in one epoch; the dataset's seed, the epoch and the draw decide its augmentation."""

    epoch: int
    draw: int
    """Position in the epoch's order, so that a face drawn twice is augmented differently each time."""
    position: int
    """Position in the dataset's indices."""


class Batch(NamedTuple):
    """Samples for the network, in a compact form until they are on the device."""

    images: Tensor
    """``(B, 1 or 3, S, S)`` uint8, in channels_last order."""
    landmarks: Tensor
    """``(B, 5, 2)`` float32 pixels of those images."""
    labels: Tensor
    """``(B,)`` int64."""
    targets: Tensor | None = None
    """``(B, K)`` float32 target probabilities that replace the labels (votes, distillation); None: the labels."""
    positions: Tensor | None = None
    """``(B,)`` int64 positions of the faces in the dataset's indices."""
    unreadable: Sequence[UnreadableImage] = ()
    """The images of the batch that cannot be read; their faces are left out, or others are in their place."""

    def to(self, device: torch.device) -> "Batch":
        """Move the batch to a device and convert its images to ``(B, 3, S, S)`` float32 in [0, 1]."""
        images = self.images.to(device, non_blocking=True).float().div_(255).expand(-1, 3, -1, -1)
        return self._replace(
            images=images.contiguous(memory_format=torch.channels_last),
            landmarks=self.landmarks.to(device, non_blocking=True),
            labels=self.labels.to(device, non_blocking=True),
            targets=None if self.targets is None else self.targets.to(device, non_blocking=True),
        )


@dataclass(frozen=True, eq=False)
class FaceDataset:
    """Some faces of an index, and the form in which a network needs them; :class:`FaceBatches` loads them.

    Args:
        indices: positions of the faces in it, in order.
        image_size: side S of the images.
        augment: augmentation; None for none.
        color: ``grey`` loads one channel only.
        seed: decides each sample's augmentation, together with epoch and draw.
        targets: ``(len(indices), K)`` target probabilities that replace the labels.
        reframe: framing to warp each face to, as `predict` does (ignored with ``augment``).
        fill_gaps: in batches, whether the next readable face takes the place of one whose image cannot be read, so that
            all batches keep their size; else it is left out.
    """

    index: FaceIndex
    indices: NDArray[np.int64]
    image_size: int
    augment: Augmentation | None = None
    color: Color = "rgb"
    seed: int = 0
    targets: NDArray[np.float32] | None = None
    reframe: Framing | None = None
    fill_gaps: bool = False

    def __len__(self) -> int:
        return len(self.indices)

    def decode(self, position: int) -> Image:
        """Decode a face's image as stored.

        Raises:
            ImageError: the image cannot be read; the message is the reason alone.
        """
        return decode_prepared(self._content(position), self.color == "grey")

    def decode_origin(self, position: int) -> tuple[Image, float]:
        """Decode what a face's image was made from, as far as the file holds it, for another framing.

        Returns:
            ``(H, W, 3)`` BGR, also for ``grey``, since `predict` frames before it drops the colour: the whole source
            image, whose aspect may be another one, or else the image as stored; and the number of source pixels along
            its side, infinite if that is not known.

        Raises:
            ImageError: see :meth:`decode`.
        """
        content = self._content(position)
        side, source = origin_of(content)
        return decode_prepared(source or content, grey=False), math.inf if source else side

    def _content(self, position: int) -> bytes:
        try:
            return self.index.image_bytes(int(self.indices[position]))
        except DataError as error:
            raise ImageError(str(error)) from error

    def name(self, position: int) -> str:
        """Return a face's name in data_label.txt."""
        return self.index.names[int(self.indices[position])]


@dataclass(frozen=True, eq=False)
class FaceBatches(Dataset[Batch]):
    """Whole batches of a dataset, vectorised where possible, without copying samples. A batch's keys share an epoch."""

    faces: FaceDataset

    def __getitem__(self, keys: Sequence[SampleKey]) -> Batch:
        """Return a batch; it says which of its images cannot be read.

        Raises:
            DataError: the dataset fills gaps, and none of its images can be read.
        """
        try:
            return self.load(keys)
        except ImageError:
            readable, unreadable = self._readable(keys)
            return self.load(readable)._replace(unreadable=unreadable)

    def load(self, keys: Sequence[SampleKey]) -> Batch:
        """Return a batch of readable images.

        Raises:
            ImageError: an image cannot be read.
        """
        faces, positions = self.faces, [key.position for key in keys]
        size, channels = faces.image_size, 1 if faces.color == "grey" else 3
        entries = faces.indices[positions]
        images = np.empty((len(keys), size, size, channels), dtype=np.uint8)
        landmarks = faces.index.landmarks[entries].astype(np.float64)
        if faces.augment is None:
            for i, position in enumerate(positions):
                if faces.reframe is None:
                    image = faces.decode(position)
                else:
                    image, side = faces.decode_origin(position)
                    image, landmarks[i] = reframed(image, landmarks[i], faces.reframe, side)
                    image = image if faces.color == "rgb" else to_grey(image[..., ::-1])[..., 0]
                store_face(resize_face(image, size), images[i])
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
                store_face(warped, images[i])
                erase_patch(images[i], landmarks[i], faces.augment.erase, erasing[i])
        return Batch(
            torch.from_numpy(images).permute(0, 3, 1, 2),  # (B, C, S, S), channels last in memory
            torch.from_numpy(landmarks.astype(np.float32)),
            torch.from_numpy(faces.index.labels[entries].astype(np.int64)),
            None if faces.targets is None else torch.from_numpy(faces.targets[positions]),
            torch.tensor(positions, dtype=torch.int64),
        )

    def _readable(self, keys: Sequence[SampleKey]) -> tuple[list[SampleKey], list[UnreadableImage]]:
        """Separate the faces that can be read, or others in their place, from the images that cannot."""
        readable, reasons, faces = list[SampleKey](), dict[int, str](), self.faces
        is_reframed = faces.augment is None and faces.reframe is not None
        decode: Callable[[int], object] = faces.decode_origin if is_reframed else faces.decode  # what load reads
        for key in keys:
            replacements = len(faces) - 1 if faces.fill_gaps else 0
            for place in range(key.position, key.position + 1 + replacements):
                position = place % len(faces)
                if position in reasons:
                    continue
                try:
                    decode(position)
                except ImageError as error:
                    reasons[position] = str(error)
                else:
                    readable.append(key._replace(position=position))
                    break
            if len(reasons) == len(faces) and faces.fill_gaps:
                named = {faces.name(position): reason for position, reason in reasons.items()}
                raise DataError(f"{describe_unreadable(named)}; no image is left to train on; run prepare again")
        return readable, [UnreadableImage(faces.name(position), reason) for position, reason in reasons.items()]


def pictures(index: FaceIndex, positions: Iterable[int]) -> Iterator[tuple[int, Image]]:
    """Decode prepared faces for display: yields position and ``(224, 224, 3)`` RGB of each that can be read."""
    faces = FaceDataset(index, np.arange(len(index)), IMAGE_SIZE)
    for position in map(int, positions):
        with suppress(ImageError):
            bgr = resize_face(faces.decode(position), IMAGE_SIZE)
            yield position, np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def reframed(
    image: Image, landmarks: NDArray[np.float64], framing: Framing, side: float = math.inf
) -> tuple[Image, NDArray[np.float64]]:
    """Warp a prepared face to another framing.

    Args:
        image: ``(H, W)`` or ``(H, W, 3)``, of any size.
        landmarks: ``(5, 2)`` where the image fills the 224 x 224 frame.
        framing: see :func:`ampnet.faces.framing.place_face`.
    """
    in_pixels = landmarks * (image.shape[1] / IMAGE_SIZE, image.shape[0] / IMAGE_SIZE)
    try:
        face = place_face(image, in_pixels, framing, side)
    except ValueError:  # all landmarks coincide
        return image, landmarks
    return face.image, face.landmarks


def store_face(image: Image, shown: NDArray[np.uint8]) -> None:
    """Store a grey or BGR(A) image in its slot of a batch, ``(S, S, 1 or 3)`` grey or RGB."""
    if image.ndim == 2:
        shown[..., 0] = image
    else:
        cv2.cvtColor(image, cv2.COLOR_BGRA2RGB if image.shape[2] == 4 else cv2.COLOR_BGR2RGB, dst=shown)
