"""Finding faces in an ONNX graph: what :mod:`ampnet.detection` does, for one photo and all of its faces.

Photos without a face are not tried again at an angle, and no part is looked at twice: docs/export.md says what that
costs.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ampnet.detection.derotate import MIN_SCORE, NEAR, STEEP_ROLL
from ampnet.detection.landmark_filter import (
    BOX_MARGIN,
    EYES_TO_MOUTH,
    MAX_ROLL,
    MIN_EYE_WIDTH,
    MIN_MOUTH_WIDTH,
    NOSE_HEIGHT,
)
from ampnet.detection.letterbox import CELL
from ampnet.detection.multiscale import (
    MAX_LONG_SIDE,
    MEASURABLE,
    MIN_LONG_SIDE,
    MIN_SMALL_PASS_FACE,
    PIECE,
    SAME_FACE,
    SMALL_PASS_FROM,
    SMALL_PASS_SIDE,
    WHOLE_FACE,
)
from ampnet.detection.overlaps import AVERAGED_OVERLAP
from ampnet.export.graph_values import Value
from ampnet.export.notation import Graph
from ampnet.export.resizing import resized
from ampnet.export.warping import Pixels, Placement, warped
from ampnet.faces.alignment import CANONICAL_LANDMARKS
from ampnet.settings import IMAGE_SIZE, DetectorConfig, FacePolicy

POLICIES: tuple[FacePolicy, ...] = ("all", "largest", "centre", "best")

APART = 8192.0
"""Pixels that keep the boxes of different faces apart while all are compared at once."""


@dataclass(frozen=True)
class Detector:
    """The exported network, and what counts as a face."""

    model: Any
    """From :func:`ampnet.export.writers.detector_onnx`."""
    padding_color: Sequence[int]
    score_threshold: Value
    nms_threshold: Value
    min_face: Value
    """Minimum side in pixels of the whole photo."""
    choice: Value
    """Which faces are wanted: their place in :data:`POLICIES`."""
    max_faces: Value


@dataclass(frozen=True)
class Found:
    """N faces."""

    boxes: Value
    """``(N, 4)``."""
    scores: Value
    """``(N,)``."""
    landmarks: Value
    """``(N, 5, 2)``."""

    def take(self, positions: Value) -> "Found":
        """Choose some of them."""
        return Found(self.boxes.take(positions), self.scores.take(positions), self.landmarks.take(positions))

    @property
    def parts(self) -> list[Value]:
        """Boxes, scores and landmarks."""
        return [self.boxes, self.scores, self.landmarks]


def find(graph: Graph, image: Value, detector: Detector, reduction: Value) -> Found:
    """Find the faces of a photo.

    Args:
        graph: where the nodes go.
        image: ``(H, W, 3)`` uint8.
        detector: the network.
        reduction: pixels of the image per pixel of the whole photo.

    Returns:
        The faces in pixels of the image, best score first.
    """
    height, width = image.side(0).to(np.float64), image.side(1).to(np.float64)
    longest = graph("Max", height, width)
    smallest = graph("Max", detector.min_face * reduction, DetectorConfig.min_face)
    least = smallest.to(np.float64)
    full = longest.clip(float(MIN_LONG_SIDE), float(MAX_LONG_SIDE))
    is_enough = (full > SMALL_PASS_FROM) & (least * full > MEASURABLE * longest)
    side = graph("Where", is_enough, graph("Max", graph("Ceil", MEASURABLE * longest / least), SMALL_PASS_SIDE), full)
    has_small = side > SMALL_PASS_FROM
    large = _scaled(graph, image, (height, width), side)

    def look_again() -> list[Value]:
        return _look(graph, _scaled(graph, large, (height, width), 320.0), detector, (height, width)).parts

    def nothing() -> list[Value]:
        return [graph.constant(np.zeros(shape, dtype=np.float32)) for shape in ((0, 4), (0,), (0, 5, 2))]

    first = _look(graph, large, detector, (height, width))
    second = Found(*graph.choose(has_small, look_again, nothing))
    merged = _merged(graph, first, second, (side / longest).to(np.float32), has_small)
    kept = merged.take(_are_faces(graph, merged, smallest).where())
    return _derotated(graph, image, _chosen(graph, kept, detector, (height, width)), detector)


def _scaled(graph: Graph, image: Value, size_hw: tuple[Value, Value], side: Value | float) -> Value:
    """Scale an image so that the longer side of the original, of ``size_hw``, becomes ``side``."""
    scale = side / graph("Max", *size_hw)
    sides = [graph("Max", graph("Round", own * scale), 1.0).to(np.int64) for own in size_hw]
    return resized(graph, image, *sides)


def _look(graph: Graph, image: Value, detector: Detector, size_hw: tuple[Value, Value]) -> Found:
    """Run the network on an image; faces are in pixels of the original, of ``size_hw``."""
    height, width = image.side(0), image.side(1)
    tall, wide = ((side + (CELL - 1)) // CELL * CELL for side in (height, width))
    color = graph.constant(np.array(detector.padding_color, dtype=np.uint8))

    def padding(rows: Value, columns: Value) -> Value:
        return graph("Expand", color, graph.joined(rows, columns, 3))

    padded = graph("Concat", image, padding(height, wide - width), axis=1)
    padded = graph("Concat", padded, padding(tall - height, wide), axis=0)
    found = graph.inline(detector.model, {"images": padded[None]}, "detector")
    chosen = (found["scores"][0] > detector.score_threshold).where()
    boxes, scores, landmarks = (found[name][0].take(chosen) for name in ("boxes", "scores", "landmarks"))
    one = _without_overlaps(graph, Found(boxes, scores, landmarks), detector.nms_threshold)
    scale = graph.stacked(*(new.to(np.float64) / old for new, old in zip((width, height), size_hw[::-1], strict=True)))
    scale = scale.to(np.float32)
    return Found(one.boxes / graph("Concat", scale, scale, axis=0), one.scores, one.landmarks / scale)


def _without_overlaps(graph: Graph, found: Found, overlap: Value) -> Found:
    """Drop what overlaps a better box, and average each kept face over its candidates, by their squared scores."""
    kept = graph(
        "NonMaxSuppression", found.boxes[None], found.scores[None, None], np.array([1 << 20]), graph.vector(overlap)
    )[:, 2]
    alike = _overlaps(graph, found.boxes.take(kept), found.boxes, is_union=True) > AVERAGED_OVERLAP
    is_itself = graph("Equal", kept[:, None], graph.range(found.scores.side(0)))
    weights = (alike | is_itself).to(np.float32) * (found.scores * found.scores)  # (M, N)
    numbers = graph("Concat", found.boxes, found.landmarks.reshaped(-1, 10), axis=1)
    means = (weights[:, :, None] * numbers).sum(1) / weights.sum(1)[:, None]  # MatMul of none fails in old runtimes
    return Found(means[:, :4], found.scores.take(kept), means[:, 4:].reshaped(-1, 5, 2))


def _overlaps(graph: Graph, ones: Value, others: Value, is_union: bool) -> Value:
    """Return ``(M, N)`` areas shared by two sets of boxes, over their union or over the first one's area."""
    low = graph("Max", ones[:, None, :2], others[None, :, :2])
    high = graph("Min", ones[:, None, 2:], others[None, :, 2:])
    sides = graph("Max", high - low, 0.0)
    shared = sides[:, :, 0] * sides[:, :, 1]
    area, other = (_area(graph, boxes) for boxes in (ones, others))
    whole = area[:, None] + other - shared if is_union else area[:, None]
    return shared / graph("Max", whole, 1e-9)


def _area(graph: Graph, boxes: Value) -> Value:
    sides = graph("Max", boxes[:, 2:] - boxes[:, :2], 0.0)
    return sides[:, 0] * sides[:, 1]


def _merged(graph: Graph, first: Found, second: Found, scale: Value, has_small: Value) -> Found:
    """Merge two looks, as :func:`ampnet.detection.multiscale.merge_passes` does."""
    both = Found(*(graph("Concat", *parts, axis=0) for parts in zip(first.parts, second.parts, strict=True)))
    side = graph("Sqrt", _area(graph, both.boxes))
    is_same = _overlaps(graph, both.boxes, both.boxes, is_union=True) > SAME_FACE
    is_inside = _overlaps(graph, both.boxes, both.boxes, is_union=False) > PIECE
    is_piece = (side[:, None] > side[None] / 4.0) & is_inside

    def of_any(relation: Value, those: Value) -> Value:
        return (relation & those).to(np.float32).sum(1) > 0.0

    is_first = graph.range(side.side(0)) < first.scores.side(0)
    is_small = side * scale <= float(WHOLE_FACE)
    whole = is_first & is_small
    large = ~is_first & (side * scale >= MIN_SMALL_PASS_FACE * WHOLE_FACE) & ~of_any(is_same, whole)
    large = large | (is_first & ~is_small & ~of_any(is_piece | is_same, large))
    kept = large | (whole & ~of_any(is_piece, large)) | ~has_small
    chosen = both.take(kept.where())
    return chosen.take(_first(graph, chosen.scores, chosen.scores.side(0)))


def _first(graph: Graph, keys: Value, count: Value) -> Value:
    """Return the positions of the largest keys, in descending order."""
    return Value(graph, graph.several("TopK", 2, keys, graph.vector(count))[1].name, np.int64)


def _chosen(graph: Graph, found: Found, detector: Detector, size_hw: tuple[Value, Value]) -> Found:
    """Choose the wanted faces, as :func:`ampnet.detection.face.choose_face` does."""
    limits = graph.stacked(*(size_hw[axis].to(np.float32) for axis in (1, 0, 1, 0)))
    area = _area(graph, found.boxes.clip(0.0, limits))
    away = (found.boxes[:, :2] + found.boxes[:, 2:] - limits[:2]) / 2.0
    keys = found.scores
    for policy, key in (("largest", area), ("centre", -(away * away).sum(1))):
        keys = graph("Where", graph("Equal", detector.choice, POLICIES.index(policy)), key, keys)
    most = graph("Where", graph("Equal", detector.choice, 0), detector.max_faces, graph.constant(1))
    return found.take(_first(graph, keys, graph("Min", most, found.scores.side(0))))


def _are_faces(graph: Graph, found: Found, smallest: Value) -> Value:
    """Whether faces are large enough and have possible landmarks: :mod:`ampnet.detection.landmark_filter`."""
    points = found.landmarks
    eyes, mouth = (_middle(points, one) for one in (0, 3))
    down = mouth - eyes  # (N, 2)
    square = (down * down).sum(1)
    length = graph("Sqrt", square)
    sides = found.boxes[:, 2:] - found.boxes[:, :2]

    def across(first: int) -> Value:
        vector = points[:, first + 1] - points[:, first]
        return (vector[:, 0] * down[:, 1] - vector[:, 1] * down[:, 0]) / square

    size = length / graph("Sqrt", sides[:, 0] * sides[:, 1])
    nose = ((points[:, 2] - eyes) * down).sum(1) / square
    within = (points - found.boxes[:, None, :2]) / sides[:, None]
    return (
        (sides.min(1) >= smallest)
        & (length > 0.0)
        & (down[:, 1] >= length * math.cos(math.radians(MAX_ROLL)))
        & (size >= EYES_TO_MOUTH[0])
        & (size <= EYES_TO_MOUTH[1])
        & (nose >= NOSE_HEIGHT[0])
        & (nose <= NOSE_HEIGHT[1])
        & (across(0) >= MIN_EYE_WIDTH)
        & (across(3) >= MIN_MOUTH_WIDTH)
        & (within.min(2).min(1) >= -BOX_MARGIN)
        & (within.max(2).max(1) <= 1 + BOX_MARGIN)
    )


def _middle(points: Value, first: int) -> Value:
    """Return the ``(N, 2)`` middle of two of ``(N, 5, 2)`` landmarks."""
    return (points[:, first] + points[:, first + 1]) / 2.0


def _eyes_to_mouth(graph: Graph, points: Value) -> tuple[Value, Value]:
    down = _middle(points, 3) - _middle(points, 0)
    return down, graph("Sqrt", (down * down).sum(1))


def _derotated(graph: Graph, image: Value, found: Found, detector: Detector) -> Found:
    """Find steeply rolled faces again, upright, for better landmarks: :mod:`ampnet.detection.derotate`."""
    down, length = _eyes_to_mouth(graph, found.landmarks)
    steep = (down[:, 1] < length * math.cos(math.radians(STEEP_ROLL))).where()

    def correct() -> list[Value]:
        old = found.landmarks.take(steep)
        new = _found_upright(graph, image, old, detector)
        return [graph("ScatterND", found.landmarks, steep[:, None], new)]

    (landmarks,) = graph.choose(steep.side(0) > 0, correct, lambda: [found.landmarks])
    return Found(found.boxes, found.scores, landmarks)


def _found_upright(graph: Graph, image: Value, old: Value, detector: Detector) -> Value:
    """Return new landmarks where a face is found again, else the old ones; ``(N, 5, 2)`` in pixels of the image."""
    place = Placement.fitted(graph, old, CANONICAL_LANDMARKS)
    shape = IMAGE_SIZE, IMAGE_SIZE, 3
    (faces,) = graph.repeat(old.side(0), lambda one: [warped(graph, Pixels(image), place.of(one), "rgb")], [shape])
    seen = graph.inline(detector.model, {"images": faces}, "detector")
    where = graph("NonZero", seen["scores"] > MIN_SCORE).transposed(1, 0)  # (C, 2)
    owner = where[:, 0]
    boxes, scores, points = (graph("GatherND", seen[name], where) for name in ("boxes", "scores", "landmarks"))
    shift = owner.to(np.float32)[:, None] * APART
    apart = Found(boxes + shift, scores, points)
    kept = _without_overlaps(graph, apart, detector.nms_threshold)
    whose = graph("Floor", kept.boxes[:, 0] / APART + 0.5).to(np.int64)
    new = place.inverse_of(kept.landmarks, whose)  # (M, 5, 2)
    difference = new[None] - old[:, None]  # (N, M, 5, 2)
    apart_by = graph("Sqrt", (difference * difference).sum(3)).mean(2) / _eyes_to_mouth(graph, old)[1][:, None]
    is_own = graph("Equal", graph.range(old.side(0))[:, None], whose)
    far = graph.constant(np.array([[1e9]], dtype=np.float32))
    distance = graph("Where", is_own, apart_by, far)
    distance = graph("Concat", distance, graph("Expand", far, graph.joined(old.side(0), 1)), axis=1)
    nearest = graph("ArgMin", distance, axis=1, keepdims=0)
    choices = graph("Concat", new, graph.constant(np.zeros((1, 5, 2), dtype=np.float32)), axis=0)
    return graph("Where", (distance.min(1) < NEAR)[:, None, None], choices.take(nearest), old)
