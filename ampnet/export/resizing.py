"""Resizing in an ONNX graph, with the values of :func:`ampnet.media.images.resize`."""

import numpy as np

from ampnet.export.graph_values import Value
from ampnet.export.notation import Graph


def resized(graph: Graph, image: Value, height: Value, width: Value) -> Value:
    """Resize ``(H, W, 3)`` uint8, with area averaging on axes that shrink and cubic interpolation on axes that grow."""
    small = [graph("Min", own, new) for own, new in zip((image.side(0), image.side(1)), (height, width), strict=True)]
    return _enlarged(graph, _shrunk(graph, image, *small), height, width)


def _shrunk(graph: Graph, image: Value, height: Value, width: Value) -> Value:
    old_height, old_width = image.side(0), image.side(1)

    def shrink() -> list[Value]:
        rows = _averaged(graph, image.reshaped(old_height, -1), height)  # (h, W * 3)
        turned = rows.reshaped(height, old_width, 3).transposed(1, 0, 2).reshaped(old_width, -1)
        columns = _averaged(graph, turned, width).reshaped(width, height, 3).transposed(1, 0, 2)
        is_half = graph("Equal", old_height, height * 2) & graph("Equal", old_width, width * 2)
        return [rounded(graph, columns, is_half)]

    is_smaller = (old_height > height) | (old_width > width)
    return graph.choose(is_smaller, shrink, lambda: [image])[0]


def _averaged(graph: Graph, rows: Value, count: Value) -> Value:
    """Average ``(N, M)`` rows to ``(count, M)`` float32, each over its share, the rows at its ends in part."""
    old = rows.side(0)
    share = old.to(np.float64) / count.to(np.float64)
    start = graph.range(count).to(np.float64) * share
    first, whole = graph("Floor", start + 1e-3), graph("Floor", share)
    taps = graph("Where", share > whole, whole + 2.0, whole).to(np.int64)
    cells = first[:, None] + graph.range(taps).to(np.float64)  # (count, taps)
    covered = graph("Min", (start + share)[:, None], cells + 1.0) - graph("Max", start[:, None], cells)
    weights = (graph("Max", covered, 0.0) / share).to(np.float32)
    chosen = graph("Gather", rows, graph("Min", cells.to(np.int64), old - 1), axis=0)  # (count, taps, M)
    return (weights[:, None] @ chosen.to(np.float32))[:, 0]


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
