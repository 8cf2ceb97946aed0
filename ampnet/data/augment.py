"""Augmentation of one face: colour as one table or matrix, movement as one warp, landmarks moved alike.

Movements are those of the published program, in the 224 x 224 frame: rotation and scale about the middle,
a shift, a mirror; there they were three resamplings, here their maps are joined with the resize to the
network's image size. Coordinates are continuous, as in :mod:`ampnet.framing`.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ampnet.config import IMAGE_SIZE
from ampnet.geometry import Affine, Points, compose, mirror_landmarks, transform_points
from ampnet.recipes import Augmentation

Image = NDArray[np.uint8]
"""``(H, W)`` grey, or ``(H, W, 3)`` BGR as OpenCV decodes it."""

LUMA_BGR = np.array([0.114, 0.587, 0.299])
COLORED, GREYED, LIFTED = np.eye(3, 4), np.tile([*LUMA_BGR, 0.0], (3, 1)), np.tile([0.0, 0.0, 0.0, 1.0], (3, 1))
"""``(3, 4)`` maps of BGR that keep it, replace it by its luma, and set it to 1."""
TONES = ("gamma", "stretch", "equalize", "posterize")
ERASED_AREA = (0.02, 0.2)
"""Least and greatest share of the image that random erasing covers."""
ERASE_TRIES = 5


@dataclass(frozen=True)
class Movement:
    """Where one augmentation moves a face, in pixels of the 224 x 224 frame."""

    angle: float = 0.0
    """Degrees, positive turns the face counter-clockwise on the screen."""
    scale: float = 1.0
    dx: float = 0.0
    dy: float = 0.0
    mirror: bool = False

    def matrix(self) -> Affine:
        """Join rotation and scale about (112, 112), the shift and the mirror into one map."""
        middle = IMAGE_SIZE / 2
        a = self.scale * math.cos(math.radians(self.angle))
        b = self.scale * math.sin(math.radians(self.angle))
        turned = np.array(
            [
                [a, b, (1 - a) * middle - b * middle + self.dx],
                [-b, a, (1 - a) * middle + b * middle + self.dy],
            ]
        )
        return compose(turned, np.array([[-1.0, 0, IMAGE_SIZE], [0, 1.0, 0]])) if self.mirror else turned


def draw_movement(augmentation: Augmentation, rng: np.random.Generator) -> Movement:
    """Draw whole degrees, hundredths of scale and whole pixels, as the published program does."""
    moved, shifted, mirrored, angle, scale, dx, dy = rng.random(7).tolist()
    turn, reach = int(augmentation.rotate), int(augmentation.shift)
    moves = moved < augmentation.move_probability
    shifts = shifted < augmentation.shift_probability
    return Movement(
        angle=int(angle * (2 * turn + 1)) - turn if moves else 0.0,
        scale=round(1 + (2 * scale - 1) * augmentation.scale, 2) if moves else 1.0,
        dx=int(dx * (2 * reach + 1)) - reach if shifts else 0.0,
        dy=int(dy * (2 * reach + 1)) - reach if shifts else 0.0,
        mirror=bool(mirrored < augmentation.mirror_probability),
    )


def move_landmarks(landmarks: Points, movement: Movement, published_mirror: bool = False) -> NDArray[np.float64]:
    """Move landmarks with their face and clip them to the frame.

    Args:
        landmarks: ``(..., 5, 2)`` in the 224 x 224 frame.
        movement: where the face goes.
        published_mirror: mirror as the published program does, which overwrites the row that it reads: right
            eye and right mouth corner keep their unmirrored places.

    Returns:
        ``(..., 5, 2)`` in the frame of the moved face, within [0, 224].
    """
    upright = Movement(movement.angle, movement.scale, movement.dx, movement.dy)
    moved = transform_points(landmarks, upright.matrix()).clip(0, IMAGE_SIZE)
    if not movement.mirror:
        return moved
    mirrored = mirror_landmarks(moved, IMAGE_SIZE)
    if published_mirror:
        mirrored[..., (1, 4), :] = moved[..., (1, 4), :]
    return mirrored


def warp_face(image: Image, matrix: Affine, size: int) -> Image:
    """Show a face in the network's frame, moved, in one resampling; what comes from outside is black.

    Args:
        image: any size; it fills the 224 x 224 frame.
        matrix: map of that frame onto itself, of an augmentation.
        size: side of the result.
    """
    height, width = image.shape[:2]
    whole = matrix * (size / width, size / height, size / IMAGE_SIZE)
    whole[:, 2] += whole[:, :2].sum(axis=1) / 2 - 0.5  # OpenCV counts from pixel centres
    if image.ndim == 2:
        return np.asarray(cv2.warpAffine(image, whole, (size, size), flags=cv2.INTER_LINEAR), dtype=np.uint8)
    # OpenCV 5 warps four channels in half the time of three, to the same pixels.
    warped = cv2.warpAffine(cv2.cvtColor(image, cv2.COLOR_BGR2BGRA), whole, (size, size), flags=cv2.INTER_LINEAR)
    return np.asarray(cv2.cvtColor(warped, cv2.COLOR_BGRA2BGR), dtype=np.uint8)


def resize_face(image: Image, size: int) -> Image:
    """Bring a face to the network's size without augmentation."""
    if image.shape[:2] == (size, size):
        return image
    method = cv2.INTER_AREA if size < min(image.shape[:2]) else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, (size, size), interpolation=method), dtype=np.uint8)


def jitter_colors(image: Image, augmentation: Augmentation, rng: np.random.Generator) -> Image:
    """Change brightness, contrast, saturation and tone, and drop the colour at times.

    Brightness, contrast and saturation are one map ``x -> A x + b``: without rounding in between, their
    order does not matter.
    """
    bright, contrast, saturation, grey, toned, tone, amount = rng.random(7).tolist()
    gain = _factor(augmentation.brightness, bright)
    contrast = _factor(augmentation.contrast, contrast)
    level = (1 - contrast) * gain * _mean_luma(image)
    bend = TONES[int(tone * len(TONES))] if toned < augmentation.tone else None
    if image.ndim == 2:
        affine = np.arange(256) * (gain * contrast) + level
        return _bend_tones(_look_up(image, affine), bend, amount)
    keep = 0.0 if grey < augmentation.grey else _factor(augmentation.saturation, saturation)
    matrix = (gain * contrast * keep) * COLORED + (gain * contrast * (1 - keep)) * GREYED + level * LIFTED
    return _bend_tones(np.asarray(cv2.transform(image, matrix), dtype=np.uint8), bend, amount)


def erase_patch(image: Image, landmarks: Points, probability: float, rng: np.random.Generator) -> Image:
    """Cover a random rectangle with one random colour (Zhong et al. 2020, arXiv:1708.04896).

    A rectangle that hides more than one landmark is drawn again, so that what the landmarks cut out still
    shows the face.

    Args:
        image: changed in place.
        landmarks: ``(5, 2)`` in pixels of the image.
        probability: of erasing at all.
    """
    if rng.random() >= probability:
        return image
    side = image.shape[0]
    for _ in range(ERASE_TRIES):
        area, ratio, left, top, *color = rng.random(7)
        share = ERASED_AREA[0] + area * (ERASED_AREA[1] - ERASED_AREA[0])
        aspect = math.exp((2 * ratio - 1) * math.log(3))
        height = min(side - 1, round(side * math.sqrt(share * aspect)))
        width = min(side - 1, round(side * math.sqrt(share / aspect)))
        start = np.array([int(left * (side - width + 1)), int(top * (side - height + 1))])
        hidden = ((landmarks >= start) & (landmarks < start + np.array([width, height]))).all(axis=1).sum()
        if hidden <= 1:
            fill = (np.array(color) * 256).astype(np.uint8)
            image[start[1] : start[1] + height, start[0] : start[0] + width] = fill if image.ndim == 3 else fill[0]
            break
    return image


def _factor(strength: float, draw: float) -> float:
    return 1 + (2 * draw - 1) * strength


def _mean_luma(image: Image) -> float:
    means = cv2.mean(image)
    return float(means[0]) if image.ndim == 2 else float(LUMA_BGR @ means[:3])


def _look_up(image: Image, table: NDArray[np.floating]) -> Image:
    return np.asarray(cv2.LUT(image, np.rint(table.clip(0, 255)).astype(np.uint8)), dtype=np.uint8)


def _bend_tones(image: Image, name: str | None, amount: float) -> Image:
    """Apply one of :data:`TONES` to an ``amount`` in [0, 1); a colour image's first channel sets the range."""
    if name is None:
        return image
    levels = np.arange(256.0)
    if name == "gamma":
        return _look_up(image, 255 * (levels / 255) ** math.exp((2 * amount - 1) * 0.5))
    if name == "posterize":
        step = 2.0 ** (2 + int(3 * amount))  # 6 to 4 bits
        return _look_up(image, np.floor(levels / step) * step + (step - 1) / 2)
    counts = cv2.calcHist([image], [0], None, [256], [0, 256]).ravel()
    if name == "equalize":
        full = 255 * np.cumsum(counts) / counts.sum()
    else:
        seen = np.flatnonzero(counts)
        full = (levels - seen[0]) * (255 / max(seen[-1] - seen[0], 1))
    return _look_up(image, levels + amount * (full - levels))
