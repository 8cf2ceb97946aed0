"""Resizing in an ONNX graph, with the values of :func:`ampnet.media.images.resize`."""

import numpy as np

from ampnet.export.notation import Graph, Value

BLOCK = 32
"""Rows or columns that are averaged at once."""
SPECK = 1e-3
"""Part of a pixel up to which OpenCV leaves it out of an average."""


def resized(graph: Graph, image: Value, height: Value, width: Value) -> Value:
    """Resize ``(H, W, 3)`` uint8, with area averaging on axes that shrink and cubic interpolation on axes that grow."""
    small = [graph("Min", own, new) for own, new in zip((image.side(0), image.side(1)), (height, width), strict=True)]
    return _enlarged(graph, _shrunk(graph, image, *small), height, width)


def _shrunk(graph: Graph, image: Value, height: Value, width: Value) -> Value:
    old_height, old_width = image.side(0), image.side(1)
    times = old_height // height
    is_exact = graph("Equal", old_height, height * times) & graph("Equal", old_width, width * times)
    is_power = graph("Equal", times, 2) | graph("Equal", times, 4) | graph("Equal", times, 8)

    def average() -> list[Value]:
        rows = _averaged(graph, image.transposed(2, 0, 1), 1, height)
        return [rounded(graph, _averaged(graph, rows, 2, width)).transposed(1, 2, 0)]

    def shrink() -> list[Value]:
        return graph.choose(is_exact & is_power, lambda: [_halved(graph, image, times)], average)

    is_smaller = (old_height > height) | (old_width > width)
    return graph.choose(is_smaller, shrink, lambda: [image])[0]


def _halved(graph: Graph, image: Value, times: Value) -> Value:
    """Average squares of two, four or eight pixels; one convolution reads the colours one after the other."""
    flat = image.reshaped(1, 1, image.side(0), -1).to(np.float32)
    kernel = np.zeros((3, 1, 2, 6), dtype=np.float32)
    for color in range(3):
        kernel[color, 0, :, color::3] = 0.25
    half = graph("Conv", flat, kernel, strides=[2, 6])  # (1, 3, H / 2, W / 2)

    def again(planes: Value) -> Value:
        return graph("AveragePool", planes, kernel_shape=[2, 2], strides=[2, 2])

    (quarter,) = graph.choose(times > 2, lambda: [again(half)], lambda: [half])
    (eighth,) = graph.choose(times > 4, lambda: [again(quarter)], lambda: [quarter])
    return rounded(graph, eighth[0], graph("Equal", times, 2)).transposed(1, 2, 0)


def _averaged(graph: Graph, planes: Value, axis: int, count: Value) -> Value:
    """Average ``(3, H, W)`` to so many float32 rows (axis 1) or columns (axis 2), by :data:`BLOCK` of them."""
    old = planes.side(axis)
    share = old.to(np.float64) / count.to(np.float64)
    taps = graph("Min", graph("Ceil", share * float(BLOCK)).to(np.int64) + 2, old)

    def block(number: Value) -> list[Value]:
        start = (graph.range(graph.constant(BLOCK)) + number * BLOCK).to(np.float64) * share
        first = graph("Min", graph("Floor", start[0]).to(np.int64), old - taps)
        cells = (first + graph.range(taps)).to(np.float64)
        covered = graph("Min", (start + share)[:, None], cells + 1.0) - graph("Max", start[:, None], cells)
        weights = graph("Where", covered > SPECK, covered, np.array(0.0)) / share
        weights = weights.to(np.float32)  # (BLOCK, taps)
        if axis == 1:
            return [weights @ planes[:, first : first + taps].to(np.float32)]
        return [planes[:, :, first : first + taps].to(np.float32) @ weights.transposed(1, 0)]

    shape = (3, BLOCK, None) if axis == 1 else (3, None, BLOCK)
    blocks = (count + (BLOCK - 1)) // BLOCK
    stacked = graph.repeat(blocks, block, [shape])[0]
    if axis == 1:
        return stacked.transposed(1, 0, 2, 3).reshaped(3, blocks * BLOCK, -1)[:, :count]
    return stacked.transposed(1, 2, 0, 3).reshaped(3, planes.side(1), -1)[:, :, :count]


def _enlarged(graph: Graph, image: Value, height: Value, width: Value) -> Value:
    def enlarge() -> list[Value]:
        planes = image.to(np.float32).transposed(2, 0, 1)[None]
        sizes = graph.joined(1, 3, height, width)
        none = graph.constant(np.zeros(0, dtype=np.float32))
        large = graph(
            "Resize", planes, none, none, sizes, mode="cubic", coordinate_transformation_mode="half_pixel"
        )  # -0.75 is OpenCV's coefficient, too
        return [rounded(graph, large[0].transposed(1, 2, 0))]

    is_larger = (height > image.side(0)) | (width > image.side(1))
    return graph.choose(is_larger, enlarge, lambda: [image])[0]


def rounded(graph: Graph, pixels: Value, is_half: Value | None = None) -> Value:
    """Round to uint8; halves to even, but upwards where OpenCV averages squares of two by two pixels."""
    if is_half is not None:
        pixels = pixels + graph("Where", is_half, graph.constant(1e-3), 0.0)
    return graph("Round", pixels).clip(0.0, 255.0).to(np.uint8)
