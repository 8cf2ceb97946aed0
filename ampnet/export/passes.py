"""Detection in one image in an ONNX graph: passes at one size or two, overlaps, plausible landmarks."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ampnet.detection.face import (
    BOX_MARGIN,
    EYES_TO_MOUTH,
    MAX_ROLL,
    MIN_EYE_WIDTH,
    MIN_MOUTH_WIDTH,
    NOSE_HEIGHT,
)
from ampnet.detection.multiscale import (
    CELL,
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
from ampnet.export.notation import Graph, Value
from ampnet.export.resizing import resized


@dataclass(frozen=True)
class Detector:
    """The exported network, and what counts as a face."""

    model: Any
    """From :func:`ampnet.export.writers.write_detector_onnx`."""
    padding_color: Sequence[int]
    score_threshold: Value
    nms_threshold: Value
    min_face: Value
    """Minimum side in pixels of the whole photo."""
    choice: Value
    """Which faces to choose: the position in :data:`ampnet.export.whole.POLICIES`."""
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

    def joined(self, graph: Graph, other: "Found") -> "Found":
        """Append others."""
        return Found(*(graph("Concat", *parts, axis=0) for parts in zip(self.parts, other.parts, strict=True)))

    @property
    def parts(self) -> list[Value]:
        """Boxes, scores and landmarks."""
        return [self.boxes, self.scores, self.landmarks]


def detect(graph: Graph, image: Value, detector: Detector, least: Value) -> Found:
    """Look at an image as :meth:`ampnet.detection.any_size.AnySizeDetector.detect` does, but for tiles.

    Args:
        image: ``(H, W, 3)`` uint8.
        least: minimum side of a face that matters, in its pixels; 0: any.

    Returns:
        The faces in its pixels, unfiltered, best score first.
    """
    size_hw = image.side(0).to(np.float64), image.side(1).to(np.float64)
    longest = graph("Max", *size_hw)
    side = longest.clip(float(MIN_LONG_SIDE), float(MAX_LONG_SIDE))
    wanted = least.to(np.float64)
    is_enough = (side > SMALL_PASS_FROM) & (wanted * side > MEASURABLE * longest)
    enough = graph("Max", graph("Ceil", MEASURABLE * longest / wanted), SMALL_PASS_SIDE)
    side = graph("Where", is_enough, enough, side)
    has_small = side > SMALL_PASS_FROM

    def step(now: Value, larger: Value, *before: Value) -> tuple[Value, list[Value]]:
        seen = scaled(graph, larger, size_hw, now)
        found = _run_pass(graph, seen, detector, size_hw)
        small = graph.constant(np.array(float(SMALL_PASS_SIDE)))
        return (now > SMALL_PASS_FROM), [small, seen, *before[3:], *found.parts]

    none = nothing(graph)()
    start = [side, image, *none, *none]
    found = graph.loop(graph.constant(np.array(True)), start, step, 2)[2:]  # one body, so that a file opens soon
    both = graph.choose(has_small, lambda: found, lambda: [*found[3:], *none])
    return _merged(graph, Found(*both[:3]), Found(*both[3:]), (side / longest).to(np.float32), has_small)


def nothing(graph: Graph) -> Callable[[], list[Value]]:
    """Return what computes the parts of no faces."""
    return lambda: [graph.constant(np.zeros(shape, dtype=np.float32)) for shape in ((0, 4), (0,), (0, 5, 2))]


def scaled(graph: Graph, image: Value, size_hw: tuple[Value, Value], side: Value | float) -> Value:
    """Scale an image so that the longer side of the original, of ``size_hw``, becomes ``side``."""
    scale = side / graph("Max", *size_hw)
    sides = [graph("Max", graph("Round", own * scale), 1.0).to(np.int64) for own in size_hw]
    return resized(graph, image, *sides)


def _run_pass(graph: Graph, image: Value, detector: Detector, size_hw: tuple[Value, Value]) -> Found:
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
    one = without_overlaps(graph, Found(boxes, scores, landmarks), detector.nms_threshold)
    scale = graph.stacked(*(new.to(np.float64) / old for new, old in zip((width, height), size_hw[::-1], strict=True)))
    scale = scale.to(np.float32)
    return Found(one.boxes / graph("Concat", scale, scale, axis=0), one.scores, one.landmarks / scale)


def without_overlaps(graph: Graph, found: Found, overlap: Value) -> Found:
    """Drop what overlaps a better box, and average each kept face over its candidates, by their squared scores."""
    kept = graph(
        "NonMaxSuppression", found.boxes[None], found.scores[None, None], np.array([1 << 20]), graph.vector(overlap)
    )[:, 2]
    alike = overlaps(graph, found.boxes.take(kept), found.boxes, is_union=True) > AVERAGED_OVERLAP
    is_itself = graph("Equal", kept[:, None], graph.range(found.scores.side(0)))
    weights = (alike | is_itself).to(np.float32) * (found.scores * found.scores)  # (M, N)
    numbers = graph("Concat", found.boxes, found.landmarks.reshaped(-1, 10), axis=1)
    means = (weights[:, :, None] * numbers).sum(1) / weights.sum(1)[:, None]  # MatMul of none fails in old runtimes
    return Found(means[:, :4], found.scores.take(kept), means[:, 4:].reshaped(-1, 5, 2))


def overlaps(graph: Graph, ones: Value, others: Value, is_union: bool) -> Value:
    """Return ``(M, N)`` areas shared by two sets of boxes, over their union or over the first one's area."""
    low = graph("Max", ones[:, None, :2], others[None, :, :2])
    high = graph("Min", ones[:, None, 2:], others[None, :, 2:])
    sides = graph("Max", high - low, 0.0)
    shared = sides[:, :, 0] * sides[:, :, 1]
    area, other = (areas(graph, boxes) for boxes in (ones, others))
    whole = area[:, None] + other - shared if is_union else area[:, None]
    return shared / graph("Max", whole, 1e-9)


def areas(graph: Graph, boxes: Value) -> Value:
    """Return the ``(N,)`` areas of boxes."""
    sides = graph("Max", boxes[:, 2:] - boxes[:, :2], 0.0)
    return sides[:, 0] * sides[:, 1]


def _merged(graph: Graph, first: Found, second: Found, scale: Value, has_small: Value) -> Found:
    """Merge two passes, as :func:`ampnet.detection.multiscale.merge_passes` does."""
    both = first.joined(graph, second)
    side = graph("Sqrt", areas(graph, both.boxes))
    is_same, is_piece = relations(graph, both.boxes)

    is_first = graph.range(side.side(0)) < first.scores.side(0)
    is_small = side * scale <= float(WHOLE_FACE)
    whole = is_first & is_small
    large = ~is_first & (side * scale >= MIN_SMALL_PASS_FACE * WHOLE_FACE) & ~any_of(is_same & whole)
    large = large | (is_first & ~is_small & ~any_of((is_piece | is_same) & large))
    kept = large | (whole & ~any_of(is_piece & large)) | ~has_small
    chosen = both.take(kept.where())
    return chosen.take(best(graph, chosen.scores, chosen.scores.side(0)))


def relations(graph: Graph, boxes: Value) -> tuple[Value, Value]:
    """Return ``(N, N)`` whether each box is the same face as each other one, and whether it is a fragment of it."""
    side = graph("Sqrt", areas(graph, boxes))
    is_inside = overlaps(graph, boxes, boxes, is_union=False) > PIECE
    is_piece = (side[:, None] > side[None] / 4.0) & is_inside
    return overlaps(graph, boxes, boxes, is_union=True) > SAME_FACE, is_piece


def any_of(relation: Value) -> Value:
    """Return ``(N,)`` whether any of ``(N, M)`` holds."""
    return relation.to(np.float32).sum(1) > 0.0


def best(graph: Graph, keys: Value, count: Value) -> Value:
    """Return the positions of the largest keys, in descending order."""
    return Value(graph, graph.several("TopK", 2, keys, graph.vector(count))[1].name, np.int64)


def are_plausible(graph: Graph, found: Found) -> Value:
    """Whether landmarks are plausible: :func:`ampnet.detection.face.are_plausible_landmarks`."""
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
        (sides.min(1) > 0.0)
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


def eyes_to_mouth(graph: Graph, points: Value) -> tuple[Value, Value]:
    """Return ``(N, 2)`` ways from the eyes' middle to the mouth's, and their ``(N,)`` lengths."""
    down = _middle(points, 3) - _middle(points, 0)
    return down, graph("Sqrt", (down * down).sum(1))
