"""Faces that are not upright, in an ONNX graph: :mod:`ampnet.detection.upside_down` and the turns of retries."""

import numpy as np

from ampnet.detection.multiscale import SAME_FACE
from ampnet.detection.retries import RETRY_SIDE, RETRY_TURNS
from ampnet.detection.upside_down import DOUBTFUL_SIDE, LAST_SIDE, MOST, SHORT, SURE
from ampnet.export.notation import END, Graph, Value
from ampnet.export.passes import (
    Detector,
    Found,
    any_of,
    are_plausible,
    areas,
    best,
    detect,
    eyes_to_mouth,
    nothing,
    overlaps,
    relations,
    scaled,
    without_overlaps,
)
from ampnet.export.resizing import rounded
from ampnet.export.warping import Pixels, Placement, warped
from ampnet.faces.alignment import CANONICAL_LANDMARKS
from ampnet.settings import IMAGE_SIZE, DetectorConfig

APART = 8192.0
"""Pixels that keep the boxes of different faces apart while all are compared at once."""

DONE, UPRIGHT, LAST, WHOLE = -1, 0, len(RETRY_TURNS) + 1, len(RETRY_TURNS) + 2
"""What is searched next: nothing; the image; 1, 2: it turned; a reduced one upside down; the image upside down."""

CHAIN = 6
"""Faces in a row that each give way to the one before, up to which the choice among rivals is exact."""


def is_large(found: Found, least: Value | float) -> Value:
    """Return whether faces have no side below so many pixels."""
    return (found.boxes[:, 2:] - found.boxes[:, :2]).min(1) >= least


def righted(graph: Graph, image: Value, found: Found, detector: Detector) -> tuple[Found, Found]:
    """Sort faces out, as :func:`ampnet.detection.upside_down.right_faces` begins.

    Args:
        image: ``(H, W, 3)`` uint8.
        found: its faces, unfiltered, best score first.

    Returns:
        Those with plausible landmarks; and doubtful ones that score higher upside down, as they are detected there.
    """
    enough, plausible = is_large(found, DetectorConfig.min_face), are_plausible(graph, found)
    sound = enough & plausible
    side = graph("Sqrt", areas(graph, found.boxes))
    is_short = eyes_to_mouth(graph, found.landmarks)[1] / graph("Max", side, 1e-6) < SHORT
    dropped = enough & ~plausible
    place = graph.range(side.side(0)).to(np.float32)
    doubtful = (dropped | (sound & ((found.scores < SURE) | is_short))).where()
    keys = graph("Where", dropped, -place + 1e7, side).take(doubtful)  # first those with impossible landmarks
    chosen = doubtful.take(best(graph, keys, graph("Min", doubtful.side(0), MOST)))

    def search() -> list[Value]:
        least = graph("Where", plausible, found.scores, 0.0)
        return _on_their_head(graph, image, found.take(chosen), least.take(chosen), detector).parts

    turned = Found(*graph.choose(chosen.side(0) > 0, search, nothing(graph)))
    return found.take(sound.where()), turned


def _on_their_head(graph: Graph, image: Value, faces: Found, least: Value, detector: Detector) -> Found:
    """Detect faces again, turned by 180 degrees; return those whose score there is above ``least``."""
    side = graph("Max", graph("Sqrt", areas(graph, faces.boxes)), 1.0)
    middle = (faces.boxes[:, :2] + faces.boxes[:, 2:]) / 2.0
    away = (IMAGE_SIZE / 2 - CANONICAL_LANDMARKS).astype(np.float32)
    points = middle[:, None] + (side * (2.0 / IMAGE_SIZE))[:, None, None] * away
    place = Placement.fitted(graph, points, CANONICAL_LANDMARKS, frame=DOUBTFUL_SIDE)
    seen, whose = detect_in_frames(graph, image, place, detector, detector.score_threshold)
    corners = place.inverse_of(seen.boxes.reshaped(-1, 2, 2), whose)  # 180 degrees swap them
    boxes = graph("Concat", corners[:, 1], corners[:, 0], axis=1)
    is_own = graph("Equal", whose[:, None], graph.range(side.side(0)))
    is_same = any_of(is_own & (overlaps(graph, boxes, faces.boxes, is_union=True) > SAME_FACE))
    found = Found(boxes, seen.scores, place.inverse_of(seen.landmarks, whose))
    sure = (are_plausible(graph, seen) & (seen.scores > least.take(whose)) & is_same).where()
    owner = whose.take(sure)
    order = graph.range(owner.side(0))
    is_later = any_of(graph("Equal", owner[:, None], owner[None]) & (order[None] < order[:, None]))
    return found.take(sure).take((~is_later).where())


def detect_in_frames(
    graph: Graph, image: Value, place: Placement, detector: Detector, threshold: Value
) -> tuple[Found, Value]:
    """Detect N faces again in frames around them.

    Returns:
        M faces in pixels of the frames, best score first, and ``(M,)`` whose frame each is in.
    """
    shape = place.frame, place.frame, 3
    count = place.side.side(0)
    (frames,) = graph.repeat(
        count, lambda face: [warped(graph, Pixels(image), place.of(face), "rgb", place.frame)], [shape]
    )
    seen = graph.inline(detector.model, {"images": frames}, "detector")
    where = graph("NonZero", seen["scores"] > threshold).transposed(1, 0)  # (C, 2)
    owner = where[:, 0]
    boxes, scores, points = (graph("GatherND", seen[name], where) for name in ("boxes", "scores", "landmarks"))
    apart = Found(boxes + owner.to(np.float32)[:, None] * APART, scores, points)
    kept = without_overlaps(graph, apart, detector.nms_threshold)
    whose = graph("Floor", kept.boxes[:, 0] / APART + 0.5).to(np.int64)
    return Found(kept.boxes - whose.to(np.float32)[:, None] * APART, kept.scores, kept.landmarks), whose


def found_any_way(graph: Graph, image: Value, detector: Detector, least: Value) -> Found:
    """Search an image; then turned where there is no face, and upside down where a face was righted.

    Each pass is an iteration of one loop, so a file holds the network once and loads quickly.

    Args:
        image: ``(H, W, 3)`` uint8.
        least: minimum side of a face that matters, in its pixels.

    Returns:
        All faces, best score first.
    """

    def step(mode: Value, *parts: Value) -> tuple[Value, list[Value]]:
        upright, righted_before = Found(*parts[:3]), Found(*parts[3:])
        is_turned = mode < LAST
        canvas, matrix, shift = _view(graph, image, mode)
        seen = detect(graph, canvas, detector, graph("Where", mode > UPRIGHT, 0.0, least))
        found = _moved(graph, seen, matrix, shift)

        def of_turned() -> list[Value]:
            one, other = righted(graph, image, found, detector)
            then = graph("Where", one.scores.side(0) > 0, DONE, mode + 1)
            return [graph("Where", other.scores.side(0) > 0, WHOLE, then), *one.parts, *other.parts]

        def of_upside_down() -> list[Value]:
            sound = found.take(are_plausible(graph, seen).where())
            all_found = righted_before.joined(graph, sound)
            large = all_found.take(is_large(all_found, DetectorConfig.min_face).where())
            is_last = graph("Equal", mode, LAST)
            rest = graph("Where", is_last, 0, large.scores.side(0))
            merged = _without_rivals(graph, upright.joined(graph, large.take(graph.range(rest))))
            later = large.take(graph.range(large.scores.side(0) - rest))
            then = graph("Where", is_last & (large.scores.side(0) > 0), graph.constant(WHOLE), DONE)
            return [then, *merged.parts, *later.parts]

        then, *after = graph.choose(is_turned, of_turned, of_upside_down)
        return graph("Not", graph("Equal", then, DONE)), [then, *after]

    none = nothing(graph)()
    start = [graph.constant(UPRIGHT), *none, *none]
    return Found(*graph.loop(graph.constant(np.array(True)), start, step, WHOLE + 1)[1:4])


def _view(graph: Graph, image: Value, mode: Value) -> list[Value]:
    """Return the image to search; the way back to the image is a matrix and a shift."""
    size_hw = image.side(0).to(np.float64), image.side(1).to(np.float64)
    longest = graph("Max", *size_hw)
    last = graph("Where", graph("Equal", mode, LAST), graph("Min", longest, float(LAST_SIDE)), longest)
    is_turned = (mode > UPRIGHT) & (mode < LAST)
    side = graph("Where", is_turned, np.array(float(RETRY_SIDE)), last)
    small = scaled(graph, image, size_hw, side)
    zoom = graph.stacked(*(size_hw[axis] / small.side(axis).to(np.float64) for axis in (1, 0)))
    ends = [-END, -END]

    def upright() -> list[Value]:
        return [small, *(graph.constant(np.array(one, dtype=np.float32)) for one in (np.eye(2), np.zeros(2)))]

    def upside_down() -> list[Value]:
        canvas = graph("Slice", small, [-1, -1], ends, [0, 1], [-1, -1])
        matrix = zoom.to(np.float32) * graph.constant(-np.eye(2, dtype=np.float32))
        return [canvas, matrix, graph.stacked(*(size.to(np.float32) for size in size_hw[::-1]))]

    def untilted() -> list[Value]:
        return graph.choose(mode > UPRIGHT, upside_down, upright)

    return graph.choose(is_turned, lambda: _turned(graph, small, zoom, mode), untilted)


def _turned(graph: Graph, small: Value, zoom: Value, mode: Value) -> list[Value]:
    """Turn an image as :func:`ampnet.detection.retries.turn_image` does."""
    height, width = small.side(0).to(np.float64), small.side(1).to(np.float64)
    angles = np.radians(RETRY_TURNS)
    cos, sin = (graph.constant(values)[mode - 1] for values in (np.cos(angles), np.sin(angles)))
    left = graph("Min", sin * height, 0.0)
    top = graph("Min", -(sin * width), 0.0)
    size = [
        graph("Ceil", one - 1e-6)
        for one in (cos * width + graph("Abs", sin) * height, graph("Abs", sin) * width + cos * height)
    ]
    x, y = (
        graph.range(side.to(np.int64)).to(np.float64) + 0.5 + least
        for side, least in zip(size, (left, top), strict=True)
    )
    x, y = x[None], y[:, None]
    at = [
        ((source / side) * 2.0 - 1.0).to(np.float32)
        for source, side in ((cos * x - sin * y, width), (sin * x + cos * y, height))
    ]
    planes = small.to(np.float32).transposed(2, 0, 1)[None]
    grid = graph.stacked(*at, axis=2)[None]
    canvas = graph("GridSample", planes, grid, mode="bilinear", padding_mode="zeros")[0].transposed(1, 2, 0)
    matrix = graph.stacked(graph.stacked(cos, -sin), graph.stacked(sin, cos)) * zoom[:, None]
    shift = (matrix * graph.stacked(left, top)).sum(1)
    return [rounded(graph, canvas), matrix.to(np.float32), shift.to(np.float32)]


def _moved(graph: Graph, found: Found, matrix: Value, shift: Value) -> Found:
    """Move faces as :func:`ampnet.detection.face.moved_face` does."""

    def moved(points: Value) -> Value:
        return (points[:, :, None] * matrix).sum(3) + shift

    middle = moved(((found.boxes[:, :2] + found.boxes[:, 2:]) / 2.0)[:, None])[:, 0]
    half = ((found.boxes[:, 2:] - found.boxes[:, :2]) / 2.0)[:, None] * matrix
    half = graph("Sqrt", (half * half).sum(2))
    boxes = graph("Concat", middle - half, middle + half, axis=1)
    return Found(boxes, found.scores, moved(found.landmarks))


def _without_rivals(graph: Graph, found: Found) -> Found:
    """Keep the face with the highest score in each place, best score first."""
    ranked = found.take(best(graph, found.scores, found.scores.side(0)))
    is_same, is_piece = relations(graph, ranked.boxes)
    order = graph.range(ranked.scores.side(0))
    rivals = (is_same | is_piece | is_piece.transposed(1, 0)) & (order[None] < order[:, None])
    kept = order >= 0
    for _ in range(CHAIN):  # each time, one more of a chain of rivals is decided
        kept = ~any_of(rivals & kept)
    return ranked.take(kept.where())
