"""Objects that cover a part of a face, placed and sized by its landmarks.

Sizes are in eye distances: 80 px in the 224 x 224 frame for a frontal face. The unit and the directions *across* and
*down* come from the similarity that fits eyes and mouth, so a face turned sideways gets glasses of the right size.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ampnet.faces.alignment import CANONICAL_LANDMARKS, FITTED, Image
from ampnet.faces.geometry import Points, similarity, transform_points

EYE_DISTANCE = 80.0
"""Distance of the eyes among the canonical landmarks, in pixels."""

FACE_BOX = (40.0, 30.0, 184.0, 214.0)
"""``x0, y0, x1, y1`` of forehead to chin and cheek to cheek, in the frame of the canonical landmarks."""

FINGERS = ((-0.47, 1.10), (-0.16, 1.30), (0.16, 1.22), (0.46, 0.95))
"""Position across the palm and length of each finger; a hand is 2.9 eye distances long, about as long as a face."""

PALM = (0.62, 0.78)
"""Half the width and half the length of a palm."""

FINE, SHIFT = 4, 4
"""Drawn pixels per pixel of the image, and fractional bits of OpenCV's coordinates."""


TEXTURES = ("black", "flat", "skin", "stripes", "noise")
"""Black; one colour; the face's own skin, shaded; striped cloth; cloth with a random print."""

BLACK = 12
SHADING = 0.25
"""Largest relative change of the skin's brightness across the frame."""


def texture(name: str, image: Image, landmarks: Points, rng: np.random.Generator) -> Image:
    """Paint a texture that fills a face's frame.

    Args:
        name: one of :data:`TEXTURES`.
        image: the face, ``(H, W)`` or ``(H, W, 3)``; a grey one gets grey textures, from the same random numbers.
        landmarks: ``(5, 2)`` in its pixels.
        rng: decides colours, directions and prints.

    Returns:
        The shape of ``image``.
    """
    size = image.shape[:2]
    first, second = _colour(image, rng), _colour(image, rng)
    if name == "black":
        return np.full_like(image, BLACK)
    if name == "flat":
        return np.broadcast_to(first, image.shape)
    if name == "skin":
        return _shaded(_skin(image, landmarks), size, rng)
    if name == "stripes":
        period, angle = rng.uniform(10, 26), rng.uniform(0, np.pi)
        rows, columns = np.indices(size, dtype=np.float32)
        in_first = np.sin((columns * np.cos(angle) + rows * np.sin(angle)) * (2 * np.pi / period)) > 0
        return np.where(in_first if image.ndim == 2 else in_first[..., None], first, second)
    cells = int(rng.integers(14, 36))
    print_ = _like(rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8), image)
    return np.asarray(cv2.resize(print_, size[::-1], interpolation=cv2.INTER_NEAREST), dtype=np.uint8)


def _colour(image: Image, rng: np.random.Generator) -> NDArray[np.uint8]:
    return _like(rng.integers(30, 236, 3, dtype=np.uint8), image)


def _like(colours: NDArray[np.uint8], image: Image) -> NDArray[np.uint8]:
    """Reduce ``(..., 3)`` colours to grey levels for a grey image."""
    return colours if image.ndim == 3 else np.rint(colours.mean(axis=-1)).astype(np.uint8)


def _skin(image: Image, landmarks: Points) -> NDArray[np.float64]:
    """Return the median colour of the cheeks, halfway between each eye and the mouth corner below it."""
    cheeks = (np.asarray(landmarks)[[0, 1]] + np.asarray(landmarks)[[3, 4]]) / 2
    radius = max(image.shape[0] // 28, 1)
    height, width = image.shape[:2]
    samples = []
    for x, y in cheeks:
        column = int(np.clip(x, radius, width - radius - 1))
        row = int(np.clip(y, radius, height - radius - 1))
        patch = image[row - radius : row + radius + 1, column - radius : column + radius + 1]
        samples.append(patch.reshape(-1, *image.shape[2:]))
    return np.asarray(np.median(np.concatenate(samples), axis=0), dtype=np.float64)


def _shaded(colour: NDArray[np.float64], size: tuple[int, int], rng: np.random.Generator) -> Image:
    angle, strength = rng.uniform(0, 2 * np.pi), rng.uniform(SHADING / 2, SHADING)
    down, across = np.linspace(-1, 1, size[0])[:, None], np.linspace(-1, 1, size[1])[None, :]
    light = 1 + strength * (np.cos(angle) * across + np.sin(angle) * down)
    shaded = light * colour if colour.ndim == 0 else light[..., None] * colour
    return np.asarray(np.rint(shaded.clip(0, 255)), dtype=np.uint8)


@dataclass(frozen=True)
class FaceFrame:
    """The directions and the unit of one face, in pixels of its image."""

    landmarks: NDArray[np.float64]
    """``(5, 2)``."""
    across: NDArray[np.float64]
    """``(2,)``, one eye distance to the image's right along the face."""
    down: NDArray[np.float64]
    """``(2,)``, one eye distance towards the chin."""
    matrix: NDArray[np.float64]
    """``(2, 3)`` map from the frame of the canonical landmarks."""

    def at(self, origin: Points, offsets: Points) -> NDArray[np.float64]:
        """Return the pixels of ``(..., 2)`` offsets, in eye distances across and down, from an origin in pixels."""
        offsets = np.asarray(offsets, dtype=np.float64)
        return np.asarray(origin) + offsets[..., :1] * self.across + offsets[..., 1:] * self.down

    @property
    def eyes(self) -> NDArray[np.float64]:
        """Midpoint of the eyes."""
        return np.asarray(self.landmarks[:2].mean(axis=0))

    @property
    def mouth(self) -> NDArray[np.float64]:
        """Midpoint of the mouth corners."""
        return np.asarray(self.landmarks[3:].mean(axis=0))


Shape = Callable[[FaceFrame, float, np.random.Generator], list[NDArray[np.float64]]]
"""Polygons, each ``(P, 2)`` in pixels, whose union is an object of a given size."""


def face_frame(landmarks: Points) -> FaceFrame:
    """Find a face's directions and unit; landmarks that coincide are replaced by the canonical ones."""
    points = np.asarray(landmarks, dtype=np.float64)
    fitted = list(FITTED)
    try:
        matrix = similarity(CANONICAL_LANDMARKS[fitted], points[fitted])
        if np.linalg.norm(matrix[:, 0]) < 0.05:
            raise ValueError("too small to cover")
    except ValueError:
        points, matrix = CANONICAL_LANDMARKS, np.eye(2, 3)
    return FaceFrame(points, EYE_DISTANCE * matrix[:, 0], EYE_DISTANCE * matrix[:, 1], matrix)


def occlude(image: Image, landmarks: Points, shape: Shape, level: float, rng: np.random.Generator) -> Image:
    """Cover a part of a face by an object with a random texture.

    Args:
        image: ``(H, W)`` or ``(H, W, 3)``.
        landmarks: ``(5, 2)`` in its pixels.
        level: its size.
        rng: decides texture, then place; with the same state, objects of different levels cover each other.

    Returns:
        The same shape; edges are anti-aliased.
    """
    name = draw_texture(rng)
    polygons = shape(face_frame(landmarks), level, rng)
    cover = texture(name, image, landmarks, rng)
    opacity = _drawn(polygons, (image.shape[0], image.shape[1])).astype(np.uint16)
    opacity = opacity if image.ndim == 2 else opacity[..., None]
    return np.asarray((image * (255 - opacity) + cover * opacity + 127) // 255, dtype=np.uint8)


def _drawn(polygons: list[NDArray[np.float64]], size_hw: tuple[int, int]) -> NDArray[np.uint8]:
    """Draw the union of polygons as opacity, 0 to 255; OpenCV's own smooth edges would make it a pixel larger."""
    height, width = size_hw
    large = np.zeros((height * FINE, width * FINE), dtype=np.uint8)
    for polygon in polygons:
        points = (polygon * FINE - 0.5).clip(-1e4, 1e4)  # OpenCV counts from pixel centres
        cv2.fillPoly(large, [np.rint(points * 2**SHIFT).astype(np.int32)], 255, shift=SHIFT)
    return np.asarray(cv2.resize(large, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def draw_texture(rng: np.random.Generator) -> str:
    """Draw one of :data:`TEXTURES`, each as often; the first number that :func:`occlude` takes."""
    return TEXTURES[int(rng.integers(len(TEXTURES)))]


def sunglasses(face: FaceFrame, level: float, _rng: np.random.Generator) -> list[NDArray[np.float64]]:
    """Cover both eyes by lenses on a band from temple to temple; the level is half the lenses' height."""
    lenses = [face.at(face.landmarks[eye], _rounded((0.44, level))) for eye in (0, 1)]
    return [*lenses, face.at(face.eyes, _rectangle((1.0, 0.4 * level)))]


def mask(face: FaceFrame, level: float, _rng: np.random.Generator) -> list[NDArray[np.float64]]:
    """Cover everything below a line; the level is the part of the way from mouth to eyes that it rises."""
    height = float(np.linalg.norm(face.mouth - face.eyes) / np.linalg.norm(face.down))
    top = -level * height
    outline = [(-0.95, top + 0.12), (-0.4, top), (0, top - 0.08), (0.4, top), (0.95, top + 0.12), (0.85, 0.45)]
    outline += [(0.4, 0.95), (-0.4, 0.95), (-0.85, 0.45)]
    return [face.at(face.mouth, np.array(outline))]


def one_eye(face: FaceFrame, level: float, rng: np.random.Generator) -> list[NDArray[np.float64]]:
    """Cover one eye, chosen at random, by a disc; the level is its radius."""
    return [face.at(face.landmarks[int(rng.integers(2))], _rounded((level, level), power=2))]


def nose(face: FaceFrame, level: float, _rng: np.random.Generator) -> list[NDArray[np.float64]]:
    """Cover the nose by a disc about its tip; the level is its radius."""
    return [face.at(face.landmarks[2], _rounded((level, level), power=2))]


def hand(face: FaceFrame, level: float, rng: np.random.Generator) -> list[NDArray[np.float64]]:
    """Lay a hand of natural size on the face, from the side or from below.

    The level is the distance of the palm's centre from the face's centre: the smaller, the more is covered.
    """
    side, turn = rng.uniform(-0.15, 1.15) * np.pi, rng.uniform(-0.5, 0.5)
    centre = (face.eyes + face.mouth) / 2
    palm_at = np.array([np.cos(side), np.sin(side)]) * level
    up = np.array([np.cos(side + np.pi + turn), np.sin(side + np.pi + turn)])  # the fingers point at the face
    right = np.array([-up[1], up[0]]) * (1 if rng.random() < 0.5 else -1)  # a left or a right hand

    def placed(points: Points) -> NDArray[np.float64]:
        return face.at(centre, palm_at + points[..., :1] * right + points[..., 1:] * up)

    parts = [placed(_rounded(PALM))]
    parts += [placed(_finger((x, 0.6), (1.12 * x, PALM[1] + length))) for x, length in FINGERS]
    parts.append(placed(_finger((-0.4, -0.45), (-1.15, 0.55), 0.17)))  # the thumb
    return parts


def block(face: FaceFrame, level: float, rng: np.random.Generator) -> list[NDArray[np.float64]]:
    """Cover a rectangle within the face; the level is its share of the face's box."""
    left, top, right, bottom = FACE_BOX
    width, height = right - left, bottom - top
    aspect = np.exp(rng.uniform(-np.log(2), np.log(2)))
    across = min(np.sqrt(level * width * height * aspect), width)
    down = min(level * width * height / across, height)
    across = level * width * height / down
    x, y = left + rng.random() * (width - across), top + rng.random() * (height - down)
    corners = np.array([[x, y], [x + across, y], [x + across, y + down], [x, y + down]])
    return [transform_points(corners, face.matrix)]


def _rounded(half: tuple[float, float], power: float = 4) -> NDArray[np.float64]:
    """Outline a superellipse with half its width and half its height: 2 is an ellipse, 4 nearly a rectangle."""
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return np.asarray(np.sign(circle) * np.abs(circle) ** (2 / power) * half)


def _rectangle(half: tuple[float, float]) -> NDArray[np.float64]:
    return np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half


def _finger(base: tuple[float, float], tip: tuple[float, float], radius: float = 0.145) -> NDArray[np.float64]:
    """Outline a line with round ends."""
    start, end = np.array(base), np.array(tip)
    along = np.arctan2(*(end - start)[::-1])
    turn = np.linspace(-np.pi / 2, np.pi / 2, 12)
    far = end + radius * np.stack([np.cos(along + turn), np.sin(along + turn)], axis=1)
    near = start - radius * np.stack([np.cos(along + turn), np.sin(along + turn)], axis=1)
    return np.concatenate([far, near])
