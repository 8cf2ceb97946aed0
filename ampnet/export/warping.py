"""Aligning faces in an ONNX graph: what :mod:`ampnet.faces.alignment` does, face by face without aliasing."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ampnet.export.notation import Graph, Operand, Value
from ampnet.export.resizing import rounded
from ampnet.faces.alignment import ALIKE, FITTED, MIN_SAMPLES
from ampnet.faces.appearance import Color
from ampnet.settings import IMAGE_SIZE

RADIUS = 5
"""Of the blur in pixels; its widest deviation is 1.7."""
LUMA = np.array([9798, 19235, 3735], dtype=np.float32).reshape(3, 1, 1) / 32768
"""OpenCV's."""


@dataclass(frozen=True)
class Pixels:
    """An image, or one of two: a reduced photo and, for faces that need more detail, the whole one."""

    image: Value
    """``(H, W, 3)`` uint8."""
    whole: Value | None = None
    is_whole: Value | None = None
    """Which of them is meant, a boolean."""

    def side(self, axis: int) -> Value:
        """Return height or width."""
        side = self.image.side(axis)
        if self.whole is None or self.is_whole is None:
            return side
        return self.image.graph("Where", self.is_whole, self.whole.side(axis), side)

    def computed(self, what: Callable[[Value], Value]) -> Value:
        """Compute something from the image that is meant."""
        whole = self.whole
        if whole is None or self.is_whole is None:
            return what(self.image)
        return self.image.graph.choose(self.is_whole, lambda: [what(whole)], lambda: [what(self.image)])[0]


@dataclass(frozen=True)
class Placement:
    """Maps from an image to a square frame: ``x' = a x - b y + c``, ``y' = b x + a y + d``."""

    a: Value
    b: Value
    c: Value
    d: Value
    side: Value
    """Pixels of the image along the frame's side."""
    detail: Value
    """Of so many pixels along the frame's side."""
    frame: int = IMAGE_SIZE
    """That side."""

    @classmethod
    def fitted(
        cls,
        graph: Graph,
        landmarks: Value,
        targets: NDArray[np.floating],
        limit: tuple[float, float] | None = None,
        frame: int = IMAGE_SIZE,
    ) -> "Placement":
        """Fit eyes and mouth of N faces to their targets.

        Args:
            landmarks: ``(N, 5, 2)``.
            targets: ``(5, 2)`` in a frame of 224 pixels.
            limit: detail of a face that is shown with more pixels than the second number; None: all of the frame's.
            frame: side of the frame in pixels.
        """
        goal = np.asarray(targets, dtype=np.float64)[list(FITTED)] * (frame / IMAGE_SIZE)
        middle, t = goal.mean(axis=0), goal - goal.mean(axis=0)
        points = graph("Gather", landmarks.to(np.float64), np.array(FITTED), axis=1)
        mean = points.mean(1)  # (N, 2)
        s = points - mean[:, None]
        spread = (s * s).sum(2).sum(1)
        a = (s * t).sum(2).sum(1) / spread
        b = (s[:, :, 0] * t[:, 1] - s[:, :, 1] * t[:, 0]).sum(1) / spread
        x, y = mean[:, 0], mean[:, 1]
        side = float(frame) / graph("Sqrt", a * a + b * b)
        most, above = limit or (frame, np.inf)
        detail = graph("Where", side > above, np.array(float(most)), np.array(float(frame)))
        return cls(a, b, middle[0] - a * x + b * y, middle[1] - b * x - a * y, side, detail, frame)

    def of(self, face: Value) -> "Placement":
        """Return the map of one face."""
        return self._each(lambda value: value[face])

    def _each(self, what: Callable[[Value], Value]) -> "Placement":
        a, b, c, d, side, detail = (what(one) for one in (self.a, self.b, self.c, self.d, self.side, self.detail))
        return Placement(a, b, c, d, side, detail, self.frame)

    def moved(self, points: Value) -> Value:
        """Map ``(N, P, 2)`` points of N faces to their frames."""
        a, b, c, d = (one[:, None] for one in (self.a, self.b, self.c, self.d))
        x, y = (points[:, :, axis].to(np.float64) for axis in (0, 1))
        return points.graph.stacked(a * x - b * y + c, b * x + a * y + d, axis=2).to(np.float32)

    def inverse(self, x: Value, y: Value) -> tuple[Value, Value]:
        """Map a point of the frame to the image."""
        square = self.a * self.a + self.b * self.b
        x, y = x - self.c, y - self.d
        return (self.a * x + self.b * y) / square, (self.a * y - self.b * x) / square

    def inverse_of(self, points: Value, whose: Value) -> Value:
        """Map ``(M, P, 2)`` points of the frames of faces ``(M,)`` to the image."""
        chosen = self._each(lambda value: value.take(whose)[:, None])
        x, y = (points[:, :, axis].to(np.float64) for axis in (0, 1))
        return points.graph.stacked(*chosen.inverse(x, y), axis=2).to(np.float32)


def warped(graph: Graph, image: Pixels, place: Placement, color: Color, size: int, limit: float | None = None) -> Value:
    """Warp one face into its frame, ``(size, size, 3)`` uint8; what is finer than the detail is blurred first.

    Args:
        place: of this face, on that image.
        size: side of the result, to which the frame is averaged.
        limit: the smallest detail that a place has, by which faces that are enlarged are blurred in the frame; None:
            none is.
    """
    is_enlarged = place.side <= place.frame * ALIKE
    spacing = place.side / graph("Where", is_enlarged, np.array(float(place.frame)), place.detail)
    step = graph("Max", graph("Floor", spacing / float(MIN_SAMPLES)), 1.0)
    corners = graph.constant(np.array([[0.0, 0, 1, 1], [0, 1, 0, 1]]) * place.frame)
    margin = 3.0 + 2.0 * graph("Max", spacing, 1.0)
    starts, ends = [], []
    for points, axis in zip(place.inverse(corners[0], corners[1]), (1, 0), strict=True):
        length = image.side(axis).to(np.float64)
        start = graph("Floor", points.min(0) - margin).clip(0.0, length - 1.0)
        start = graph("Floor", start / step) * step
        starts.append(start)
        ends.append(graph("Ceil", points.max(0) + margin).clip(start + 1.0, length))
    bounds = [one.to(np.int64) for one in (starts[1], ends[1], starts[0], ends[0])]
    part = image.computed(lambda one: one[bounds[0] : bounds[1], bounds[2] : bounds[3]]).to(np.float32)
    planes = part.transposed(2, 0, 1)  # (3, h, w)
    planes = _blurred(graph, _thinned(graph, planes, step), spacing / step, np.array(1.0), RADIUS)
    face = _sampled(graph, planes, place, starts, step)
    if limit is not None:
        averaged = float(place.frame) / graph("Min", place.side, float(place.frame))
        after = graph("Where", is_enlarged, float(place.frame) / place.detail, averaged)
        radius = math.ceil(3 * place.frame / limit / math.sqrt(12)) + 1
        face = _blurred(graph, face, after, averaged, radius)
    return _finished(graph, face, color, place.frame, size)


def gathered(graph: Graph, frame: Value, color: Color, size: int) -> Value:
    """Bring a face at ``(224, 224, 3)`` uint8 to the network's colour and size."""
    return _finished(graph, frame.to(np.float32).transposed(2, 0, 1), color, IMAGE_SIZE, size)


def _finished(graph: Graph, planes: Value, color: Color, frame: int, size: int) -> Value:
    if color == "grey":
        planes = graph("Floor", (planes * LUMA).sum(0) + 0.5)[None]
    if size != frame:
        mean = _averaging(size)
        planes = graph("MatMul", mean, planes) @ mean.T.copy()
    pixels = rounded(graph, planes, graph.constant(np.array(2 * size == frame))).transposed(1, 2, 0)
    return graph("Expand", pixels, np.array([size, size, 3])) if color == "grey" else pixels


def _thinned(graph: Graph, planes: Value, step: Value) -> Value:
    """Average squares of ``step`` pixels of ``(C, H, W)``, which begin at its corner; the border is repeated."""
    count = step.to(np.int64)
    for axis in (1, 2):
        length = planes.side(axis)
        firsts = graph.range((length + count - 1) // count) * count
        taken = graph("Min", firsts[:, None] + graph.range(count), length - 1)  # (n, step)
        planes = graph("Gather", planes, taken, axis=axis).sum(axis + 1)
    halves = graph("Where", graph("Equal", count, 2), graph.constant(1e-3), 0.0)
    return graph("Round", planes / (step * step).to(np.float32) + halves)


def _blurred(graph: Graph, planes: Value, spacing: Value, averaged: Operand, limit: int) -> Value:
    """Blur ``(C, H, W)`` as :func:`ampnet.faces.alignment._blurred` does, with OpenCV's weights, which are 256ths.

    Args:
        spacing: side of the square that a pixel shall average, in pixels.
        averaged: side of the one that it averages already.
        limit: largest radius of the blur in pixels.
    """
    variance = graph("Max", (spacing * spacing - graph("Mul", averaged, averaged)) / 12.0, 1e-6)
    places = np.arange(limit + 1, dtype=np.float64) - limit  # up to the middle
    radius = graph("Floor", graph("Round", graph("Sqrt", variance) * 6.0 + 1.0) / 2.0)  # OpenCV cuts it off
    weights = graph("Exp", graph.constant(-places * places) / (2.0 * variance))
    weights = weights * (graph.constant(-places) <= radius).to(np.float64)
    side = weights[:limit] / (weights[:limit].sum(0) * 2.0 + 1.0)
    before = np.tril(np.ones((limit, limit)))
    sums = graph("Round", (side * before).sum(1) * 256.0)  # its rounding errors are passed on to the next weight
    side = sums - graph("Concat", graph.constant(np.zeros(1)), sums[: limit - 1], axis=0)
    middle = 256.0 - 2.0 * sums[limit - 1 :]
    back = side.take(graph.constant(np.arange(limit)[::-1].copy()))
    kernel = (graph("Concat", side, middle, back, axis=0) / 256.0).to(np.float32)
    planes = graph("Pad", planes, np.array([0, limit, limit] * 2), mode="edge")[:, None]
    planes = graph("Conv", graph("Conv", planes, kernel.reshaped(1, 1, 1, -1)), kernel.reshaped(1, 1, -1, 1))
    return graph("Floor", planes[:, 0] + 0.5)


def _sampled(graph: Graph, planes: Value, place: Placement, starts: list[Value], step: Value) -> Value:
    """Interpolate ``(C, H, W)`` planes at the places of the frame's pixels: ``(C, S, S)``, whole numbers."""
    pixels = graph.range(graph.constant(place.frame)).to(np.float64) + 0.5
    places = place.inverse(pixels[None], pixels[:, None])
    at = [
        ((source - start) / (step * planes.side(2 - axis).to(np.float64)) * 2.0 - 1.0).to(np.float32)
        for axis, (source, start) in enumerate(zip(places, starts, strict=True))
    ]
    grid = graph.stacked(*at, axis=2)[None]
    face = graph("GridSample", planes[None], grid, mode="bicubic", padding_mode="border")[0]
    return graph("Round", face).clip(0.0, 255.0)


def _averaging(size: int) -> NDArray[np.float32]:
    """Return the ``(size, 224)`` weights of area averaging."""
    edges = np.arange(size + 1) * (IMAGE_SIZE / size)
    cells = np.arange(IMAGE_SIZE)
    shared = np.minimum(edges[1:, None], cells + 1) - np.maximum(edges[:-1, None], cells)
    return np.asarray(shared.clip(0) * (size / IMAGE_SIZE), dtype=np.float32)
