"""Photos of 1 to 12 megapixels made of the sample faces, the same each time.

Each has one to four faces, 8 to 45% of its shorter side, on an enlarged, blurred sample with noise like a sensor's;
JPEG files at quality 90 with halved colour, as cameras write them.
"""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.measure import SAMPLES

SIZES_WH = ((1200, 900), (1600, 1200), (1920, 1080), (2048, 1536), (2560, 1920), (3264, 2448), (4000, 3000))
"""Usual sizes of photos, of 1.1 to 12 megapixels; the longer side may be the height."""


def make_photos(folder: Path, count: int, sizes_wh: Sequence[tuple[int, int]] = SIZES_WH) -> list[Path]:
    """Write photos of some sizes into a folder, those that it lacks; returns all their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    photos = [folder / f"{number:04}.jpg" for number in range(count)]
    faces = [_read(path) for path in sorted((SAMPLES / "faces").rglob("*.jpg"))[::3]]
    ground = _read(SAMPLES / "group.jpg")
    for number, photo in enumerate(photos):
        if not photo.exists():
            image = compose(np.random.default_rng((0, number)), faces, ground, sizes_wh)
            cv2.imwrite(str(photo), image, [cv2.IMWRITE_JPEG_QUALITY, 90])
    return photos


def compose(
    draw: np.random.Generator,
    faces: list[NDArray[np.uint8]],
    ground: NDArray[np.uint8],
    sizes_wh: Sequence[tuple[int, int]],
) -> NDArray[np.uint8]:
    """Compose one photo."""
    width, height = sizes_wh[int(draw.integers(len(sizes_wh)))]
    if draw.random() < 0.4:
        width, height = height, width
    photo = cv2.GaussianBlur(ground[:: draw.choice((-1, 1))], (0, 0), 12)
    photo = cv2.resize(photo, (width, height), interpolation=cv2.INTER_CUBIC)
    columns = draw.permutation(4)[: draw.integers(1, 5)]
    for column in columns:
        side = int(min(draw.uniform(0.08, 0.45) * min(width, height), width / 4))
        top, left = int(draw.integers(0, height - side)), column * (width // 4)
        face = cv2.resize(faces[draw.integers(len(faces))], (side, side), interpolation=cv2.INTER_CUBIC)
        photo[top : top + side, left : left + side] = face
    noise = draw.integers(-12, 13, (256, 256, 3), dtype=np.int16)
    tiled = np.tile(noise, (-(-height // 256), -(-width // 256), 1))[:height, :width]
    return np.clip(photo + tiled, 0, 255).astype(np.uint8)


def _read(path: Path) -> NDArray[np.uint8]:
    return np.asarray(cv2.imread(str(path)), np.uint8)
