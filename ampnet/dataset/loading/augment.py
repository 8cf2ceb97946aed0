"""Augmentation of faces: colour changes as one table or matrix, geometric ones as one warp that landmarks follow.

The geometric transforms are the reference program's, in the 224 x 224 frame: rotation and scaling about the centre, a
shift, and mirroring. The reference program resamples three times; here the maps are composed with the resize to the
network's image size. Coordinates are continuous, as in :mod:`ampnet.faces.alignment`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from ampnet.faces.geometry import Affine, Points, mirror_landmarks, transform_points
from ampnet.media.images import look_up
from ampnet.settings import IMAGE_SIZE
from ampnet.settings.recipes import Augmentation

Image = NDArray[np.uint8]
"""``(H, W)`` grey, or ``(H, W, 3)`` BGR as OpenCV decodes it."""

Number: TypeAlias = float | NDArray[np.float64]
"""One number, or one for each face of a batch."""

LUMA_BGR = np.array([0.114, 0.587, 0.299])
COLORED, GREYED, LIFTED = np.eye(3, 4), np.tile([*LUMA_BGR, 0.0], (3, 1)), np.tile([0.0, 0.0, 0.0, 1.0], (3, 1))
"""``(3, 4)`` maps of BGR: identity, replacement by luma, and the constant 1."""
TONES = ("gamma", "stretch", "equalize", "posterize")
DEGRADATIONS = ("blur", "resolution", "noise", "jpeg", "shade")
ERASED_AREA = (0.02, 0.2)
"""Minimum and maximum fraction of the image that random erasing covers."""
ERASE_TRIES = 5

MOVING, COLORING, DEGRADING, ERASING = 7, 7, 4, 1 + 7 * ERASE_TRIES
"""Random numbers used by a face's geometric transform, colour jitter, degradation and erased patch."""

NUMBERS = -(-(MOVING + COLORING + DEGRADING + ERASING) // 4) * 4
"""Random numbers drawn for each face: a multiple of the generator's block of four."""


def draw_uniforms(seed: int, epoch: int, draws: Sequence[int]) -> NDArray[np.float64]:
    """Draw the random numbers of a whole batch; each face's depend only on its position in the epoch.

    A counter-based generator (Philox, Salmon et al. 2011, doi:10.1145/2063384.2063405) can start anywhere at no cost,
    so a face's numbers do not depend on the rest of the batch.

    Args:
        draws: positions of the faces in the epoch's order; should be close together, since all numbers in between are
            generated as well.

    Returns:
        ``(B, NUMBERS)`` uniform in [0, 1).
    """
    first, last = min(draws), max(draws)
    key = np.random.SeedSequence((seed, epoch)).generate_state(2, np.uint64)
    generator = np.random.Generator(np.random.Philox(key=key, counter=first * NUMBERS // 4))
    numbers: NDArray[np.float64] = generator.random((last - first + 1, NUMBERS))
    return np.take(numbers, np.asarray(draws) - first, axis=0)


@dataclass(frozen=True)
class AffineJitter:
    """Geometric augmentation of a face, or of each face of a batch, in pixels of the 224 x 224 frame."""

    angle: Number = 0.0
    """Degrees; positive rotates the face counter-clockwise on the screen."""
    scale: Number = 1.0
    dx: Number = 0.0
    dy: Number = 0.0
    mirror: bool | NDArray[np.bool_] = False

    def upright(self) -> Affine:
        """Compose rotation and scaling about (112, 112) with the shift: ``(2, 3)`` or ``(B, 2, 3)``."""
        middle, angle = IMAGE_SIZE / 2, np.radians(self.angle)
        a, b = self.scale * np.cos(angle), self.scale * np.sin(angle)
        x = (1 - a) * middle - b * middle + self.dx
        y = (1 - a) * middle + b * middle + self.dy
        return np.stack([np.stack([a, b, x], axis=-1), np.stack([-b, a, y], axis=-1)], axis=-2)

    def matrix(self) -> Affine:
        """Compose all transforms, mirroring last: ``(2, 3)`` or ``(B, 2, 3)``."""
        whole = self.upright()
        whole[..., 0, :] *= np.where(self.mirror, -1.0, 1.0)[..., None]
        whole[..., 0, 2] += np.where(self.mirror, IMAGE_SIZE, 0.0)
        return whole


def draw_affine_jitter(augmentation: Augmentation, numbers: NDArray[np.float64]) -> AffineJitter:
    """Draw transforms in whole degrees, hundredths of scale and whole pixels, as the reference program does.

    Args:
        numbers: ``(B, MOVING)`` uniform in [0, 1).
    """
    moved, shifted, mirrored, angle, scale, dx, dy = numbers.T
    turn, reach = augmentation.rotate, augmentation.shift
    moves = moved < augmentation.move_probability
    shifts = shifted < augmentation.shift_probability
    return AffineJitter(
        angle=np.where(moves, np.floor(angle * (2 * turn + 1)) - turn, 0.0),
        scale=np.where(moves, np.round(1 + (2 * scale - 1) * augmentation.scale, 2), 1.0),
        dx=np.where(shifts, np.floor(dx * (2 * reach + 1)) - reach, 0.0),
        dy=np.where(shifts, np.floor(dy * (2 * reach + 1)) - reach, 0.0),
        mirror=mirrored < augmentation.mirror_probability,
    )


def jitter_landmarks(landmarks: Points, movement: AffineJitter, reference_mirror: bool = False) -> NDArray[np.float64]:
    """Transform landmarks with their faces, and clip them to the frame.

    Args:
        landmarks: ``(5, 2)`` or ``(B, 5, 2)`` in the 224 x 224 frame.
        movement: transform of the face, or of each face.
        reference_mirror: mirror as the reference program does, which overwrites rows before reading them: the right
            eye and the right mouth corner keep their unmirrored positions.

    Returns:
        The same shape, in the frame of the transformed face, within [0, 224].
    """
    moved = transform_points(landmarks, movement.upright()).clip(0, IMAGE_SIZE)
    mirrored = mirror_landmarks(moved, IMAGE_SIZE)
    if reference_mirror:
        mirrored[..., (1, 4), :] = moved[..., (1, 4), :]
    return np.where(np.asarray(movement.mirror)[..., None, None], mirrored, moved)


def warp_face(image: Image, matrix: Affine, size: int) -> Image:
    """Warp a face into the network's frame with a single resampling; areas outside the image are black.

    Args:
        image: any size; it fills the 224 x 224 frame.
        matrix: ``(2, 3)`` map of that frame onto itself, from :meth:`AffineJitter.matrix`.
        size: side S of the result.

    Returns:
        ``(S, S)`` grey, or ``(S, S, 4)`` BGR and an unused channel: OpenCV 5 warps four channels in half the time of
        three, with the same pixels.
    """
    height, width = image.shape[:2]
    whole = matrix * (size / width, size / height, size / IMAGE_SIZE)
    whole[:, 2] += whole[:, :2].sum(axis=1) / 2 - 0.5  # OpenCV counts from pixel centres
    if image.ndim == 3:
        image = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2BGRA), dtype=np.uint8)
    return np.asarray(cv2.warpAffine(image, whole, (size, size), flags=cv2.INTER_LINEAR), dtype=np.uint8)


def jitter_colors(image: Image, augmentation: Augmentation, numbers: NDArray[np.float64]) -> Image:
    """Randomly change brightness, contrast, saturation and tone, or convert to grey.

    Brightness, contrast and saturation are one map ``x -> A x + b``: without intermediate rounding, their order does
    not matter.

    Args:
        numbers: ``(COLORING,)`` uniform in [0, 1).
    """
    bright, contrast, saturation, grey, toned, tone, amount = numbers.tolist()
    gain = _factor(augmentation.brightness, bright)
    contrast = _factor(augmentation.contrast, contrast)
    level = (1 - contrast) * gain * _mean_luma(image)
    bend = TONES[int(tone * len(TONES))] if toned < augmentation.tone else None
    if image.ndim == 2:
        affine = np.arange(256) * (gain * contrast) + level
        return _bend_tones(look_up(image, affine), bend, amount)
    keep = 0.0 if grey < augmentation.grey else _factor(augmentation.saturation, saturation)
    matrix = (gain * contrast * keep) * COLORED + (gain * contrast * (1 - keep)) * GREYED + level * LIFTED
    return _bend_tones(np.asarray(cv2.transform(image, matrix), dtype=np.uint8), bend, amount)


def degrade(image: Image, probability: float, numbers: NDArray[np.float64]) -> Image:
    """Apply one of :data:`DEGRADATIONS` with random strength, to simulate photos of lower quality.

    After the corruptions of ImageNet-C (Hendrycks and Dietterich 2019, arXiv:1903.12261).

    Args:
        image: a face at the network's size, ``(S, S)`` or ``(S, S, C)``.
        probability: of any degradation.
        numbers: ``(DEGRADING,)`` uniform in [0, 1).

    Returns:
        The same shape.
    """
    chance, which, amount, detail = numbers.tolist()
    if chance >= probability:
        return image
    side, kind = image.shape[0], DEGRADATIONS[int(which * len(DEGRADATIONS))]
    if kind == "blur":
        return np.asarray(cv2.GaussianBlur(image, (0, 0), side / 112 * (0.5 + 2.5 * amount)), dtype=np.uint8)
    if kind == "resolution":
        small = round(side * (0.18 + 0.5 * amount))
        shrunk = cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA)
        enlarge = cv2.INTER_CUBIC if detail < 0.5 else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(shrunk, (side, side), interpolation=enlarge), dtype=np.uint8)
    if kind == "jpeg":
        quality = [cv2.IMWRITE_JPEG_QUALITY, 10 + int(60 * amount)]
        _, data = cv2.imencode(".jpg", image if image.ndim == 2 else image[..., :3], quality)
        return np.asarray(cv2.imdecode(data, cv2.IMREAD_UNCHANGED), dtype=np.uint8)
    if kind == "noise":
        noise = np.random.Generator(np.random.SFC64(int(detail * 2**32))).standard_normal(image.shape, np.float32)
        noise *= 3 + 22 * amount
    else:  # shade: a brightness gradient across the face
        angle = 2 * np.pi * detail
        x = np.linspace(-1, 1, side, dtype=np.float32)
        slope = 1 + (0.2 + 0.6 * amount) * (np.cos(angle) * x[None, :] + np.sin(angle) * x[:, None])
        slope = slope if image.ndim == 2 else slope[..., None]
        noise = image * (slope - 1)
    noise += image
    return np.rint(noise, out=noise).clip(0, 255).astype(np.uint8)


def erase_patch(image: NDArray[np.uint8], landmarks: Points, probability: float, numbers: NDArray[np.float64]) -> None:
    """Fill a random rectangle with one colour (random erasing, Zhong et al. 2020, arXiv:1708.04896).

    Rectangles that hide more than one landmark are rejected, so that the regions around landmarks still show the face.

    Args:
        image: ``(S, S, C)``, changed in place.
        landmarks: ``(5, 2)`` in pixels of the image.
        probability: of erasing.
        numbers: at least ``ERASING``, uniform in [0, 1).
    """
    if numbers[0] >= probability:
        return
    side = image.shape[0]
    for area, ratio, left, top, *color in numbers[1:ERASING].reshape(ERASE_TRIES, -1):
        fraction = ERASED_AREA[0] + area * (ERASED_AREA[1] - ERASED_AREA[0])
        aspect = math.exp((2 * ratio - 1) * math.log(3))
        height = min(side - 1, round(side * math.sqrt(fraction * aspect)))
        width = min(side - 1, round(side * math.sqrt(fraction / aspect)))
        start = np.array([int(left * (side - width + 1)), int(top * (side - height + 1))])
        hidden = ((landmarks >= start) & (landmarks < start + np.array([width, height]))).all(axis=1).sum()
        if hidden <= 1:
            fill = (np.array(color[: image.shape[2]]) * 256).astype(np.uint8)
            image[start[1] : start[1] + height, start[0] : start[0] + width] = fill
            break


def _factor(strength: float, draw: float) -> float:
    return 1 + (2 * draw - 1) * strength


def _mean_luma(image: Image) -> float:
    means = cv2.mean(image)
    return float(means[0]) if image.ndim == 2 else float(LUMA_BGR @ means[:3])


def _bend_tones(image: Image, name: str | None, amount: float) -> Image:
    """Apply one of :data:`TONES` by an ``amount`` in [0, 1); in colour images, the first channel sets the range."""
    if name is None:
        return image
    levels = np.arange(256.0)
    if name == "gamma":
        return look_up(image, 255 * (levels / 255) ** math.exp((2 * amount - 1) * 0.5))
    if name == "posterize":
        step = 2.0 ** (2 + int(3 * amount))  # 6 to 4 bits
        return look_up(image, np.floor(levels / step) * step + (step - 1) / 2)
    counts = cv2.calcHist([image], [0], None, [256], [0, 256]).ravel()
    if name == "equalize":
        full = 255 * np.cumsum(counts) / counts.sum()
    else:
        seen = np.flatnonzero(counts)
        full = (levels - seen[0]) * (255 / max(seen[-1] - seen[0], 1))
    return look_up(image, levels + amount * (full - levels))
