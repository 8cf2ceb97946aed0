"""One ONNX graph from a photo to the answers for its faces: reduced, searched, framed, classified.

The networks are the exported detector and classifier; what lies between them is written node by node, because it
depends on what is found. Its steps are those of the Recognizer, module by module: :mod:`ampnet.export.passes` and
:mod:`ampnet.export.turned_faces` for detection, :mod:`ampnet.export.warping` for alignment; the choice of faces,
reduction and framing are here.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ampnet.detection.multiscale import MAX_LONG_SIDE
from ampnet.detection.retries import MIN_SCORE, NEAR, STEEP_ROLL
from ampnet.export.graphs import decode
from ampnet.export.notation import END, Graph, Value
from ampnet.export.passes import Detector, Found, areas, best, eyes_to_mouth
from ampnet.export.resizing import resized, rounded
from ampnet.export.turned_faces import detect_in_frames, found_any_way, is_large
from ampnet.export.warping import Pixels, Placement, gathered, warped
from ampnet.faces.alignment import CANONICAL_LANDMARKS
from ampnet.faces.framing import MAX_SHARPNESS_RATIO, Framing
from ampnet.settings import IMAGE_SIZE, DetectorConfig, ExportPixels, FacePolicy

POLICIES: tuple[FacePolicy, ...] = ("all", "largest", "centre", "best")


def find(graph: Graph, image: Value, detector: Detector, reduction: Value) -> Found:
    """Find the faces of a photo.

    Args:
        image: ``(H, W, 3)`` uint8.
        reduction: pixels of the image per pixel of the whole photo.

    Returns:
        The faces in pixels of the image, best score first.
    """
    smallest = graph("Max", detector.min_face * reduction, DetectorConfig.min_face)
    found = found_any_way(graph, image, detector, smallest)
    large = found.take(is_large(found, smallest).where())
    return _derotated(graph, image, _chosen(graph, large, detector, image), detector)


def _chosen(graph: Graph, found: Found, detector: Detector, image: Value) -> Found:
    """Choose the wanted faces, as :func:`ampnet.detection.face.choose_face` does."""
    limits = graph.stacked(*(image.side(axis).to(np.float32) for axis in (1, 0, 1, 0)))
    area = areas(graph, found.boxes.clip(0.0, limits))
    away = (found.boxes[:, :2] + found.boxes[:, 2:] - limits[:2]) / 2.0
    keys = found.scores
    for policy, key in (("largest", area), ("centre", -(away * away).sum(1))):
        keys = graph("Where", graph("Equal", detector.choice, POLICIES.index(policy)), key, keys)
    most = graph("Where", graph("Equal", detector.choice, 0), detector.max_faces, graph.constant(1))
    return found.take(best(graph, keys, graph("Min", most, found.scores.side(0))))


def _derotated(graph: Graph, image: Value, found: Found, detector: Detector) -> Found:
    """Find steeply rolled faces again, upright, for better landmarks: :mod:`ampnet.detection.retries`."""
    down, length = eyes_to_mouth(graph, found.landmarks)
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
    kept, whose = detect_in_frames(graph, image, place, detector, graph.constant(np.array(MIN_SCORE, dtype=np.float32)))
    new = place.inverse_of(kept.landmarks, whose)  # (M, 5, 2)
    difference = new[None] - old[:, None]  # (N, M, 5, 2)
    apart_by = graph("Sqrt", (difference * difference).sum(3)).mean(2) / eyes_to_mouth(graph, old)[1][:, None]
    is_own = graph("Equal", graph.range(old.side(0))[:, None], whose)
    far = graph.constant(np.array([[1e9]], dtype=np.float32))
    distance = graph("Where", is_own, apart_by, far)
    distance = graph("Concat", distance, graph("Expand", far, graph.joined(old.side(0), 1)), axis=1)
    nearest = graph("ArgMin", distance, axis=1, keepdims=0)
    choices = graph("Concat", new, graph.constant(np.zeros((1, 5, 2), dtype=np.float32)), axis=0)
    return graph("Where", (distance.min(1) < NEAR)[:, None, None], choices.take(nearest), old)


def whole_graph(classifier: Any, detector_model: Any, pixels: ExportPixels = "rgb") -> Any:
    """Join exported networks to one ONNX model; see docs/export.md for its inputs and outputs.

    Args:
        classifier: the ONNX model of a classifier, with its metadata.
        detector_model: that of a detector.
        pixels: how photos are laid out.
    """
    about = decode(classifier)
    graph = Graph()
    photo = _upright_rgb(graph, pixels)
    config = DetectorConfig()
    detector = Detector(
        detector_model,
        decode(detector_model)["padding_color"],
        graph.input("score_threshold", np.float32, [], config.score_threshold),
        graph.input("nms_threshold", np.float32, [], config.nms_threshold),
        graph.input("min_face", np.float32, [], 0.0),
        graph.input("choice", np.int64, [], 0),
        graph.input("max_faces", np.int64, [], END),
    )
    reduced = _reduced(graph, photo)
    scale = graph.stacked(*(_ratio(reduced.side(axis), photo.side(axis)) for axis in (1, 0)))
    found = find(graph, reduced, detector, scale[0])
    boxes = found.boxes / graph("Concat", scale, scale, axis=0)
    framed = _framed(graph, photo, reduced, found, scale, about)
    faces, landmarks = framed.faces, framed.landmarks
    answers = graph.inline(classifier, {"images": faces, "landmarks": landmarks}, "classifier")
    names = graph.constant(np.array(about["class_names"], dtype=object))
    count, classes, regions = "faces", len(about["class_names"]), len(about["region_names"])
    return graph.model(
        {
            "boxes": (boxes, [count, 4]),
            "landmarks": (found.landmarks / scale, [count, 5, 2]),
            "detection_scores": (found.scores, [count]),
            "probabilities": (answers["probabilities"], [count, classes]),
            "class_names": (names, [classes]),
            "region_contributions": (answers["region_contributions"], [count, regions, classes]),
            "region_corners": (framed.in_photo(graph, answers["region_boxes"], regions), [count, regions, 4, 2]),
        }
    )


def _upright_rgb(graph: Graph, pixels: ExportPixels) -> Value:
    """Add the photo to the inputs, and return it as ``(H, W, 3)``; what is transparent is shown on white."""
    sides: list[int | str] = ["height", "width"]
    if pixels == "nchw":
        return graph.input("photo", np.uint8, [1, 3, *sides])[0].transposed(1, 2, 0)
    photo = graph.input("photo", np.uint8, [*sides, len(pixels)])
    if pixels == "rgb":
        return photo
    color, alpha = photo[:, :, :3], photo[:, :, 3:]

    def on_white() -> list[Value]:
        share = alpha.to(np.float32) / 255.0
        return [rounded(graph, (color.to(np.float32) - 255.0) * share + 255.0)]

    is_clear = graph("ReduceMin", alpha, [0, 1, 2], keepdims=0).to(np.int64) < 255
    return graph.choose(is_clear, on_white, lambda: [color])[0]


def _ratio(one: Value, other: Value) -> Value:
    return (one.to(np.float64) / other.to(np.float64)).to(np.float32)


def _reduced(graph: Graph, photo: Value) -> Value:
    """Reduce a photo to a half, a quarter or an eighth: the rule of :data:`ampnet.reading.photo.ENOUGH_SIDE`."""
    longest = graph("Max", photo.side(0), photo.side(1))
    scale = graph.constant(1)
    for factor in (2, 4, 8):
        scale = graph("Where", longest >= factor * MAX_LONG_SIDE, factor, scale)
    return resized(graph, photo, *((photo.side(axis) + scale - 1) // scale for axis in (0, 1)))


@dataclass(frozen=True)
class _Framed:
    """N faces as the classifier sees them, and the way back."""

    faces: Value
    """``(N, S, S, 3)`` uint8."""
    landmarks: Value
    """``(N, 5, 2)`` in their pixels."""
    size: int
    place: Placement
    """Of the faces that were aligned, on the reduced photo or on the whole one."""
    scale: Value
    """``(N, 1, 2)`` pixels of that photo per pixel of the whole one."""
    is_whole: Value
    """``(N,)`` whether the photo is shown as it is."""
    size_xy: Value
    """Of the whole photo in pixels."""

    def in_photo(self, graph: Graph, boxes: Value, count: int) -> Value:
        """Return the ``(N, R, 4, 2)`` corners, in pixels of the whole photo, of ``(N, R, 4)`` boxes in the faces."""
        corners = graph("Gather", boxes, np.array([[0, 1], [2, 1], [2, 3], [0, 3]]), axis=2)
        if not count:  # what has no numbers cannot be reshaped
            return corners
        points = corners.reshaped(-1, 4 * count, 2) * (IMAGE_SIZE / self.size)
        aligned = self.place.inverse_of(points, graph.range(points.side(0))) / self.scale
        shown = points * self.size_xy / float(IMAGE_SIZE)
        return graph("Where", self.is_whole[:, None, None], shown, aligned).reshaped(-1, count, 4, 2)


def _framed(
    graph: Graph, photo: Value, reduced: Value, found: Found, scale: Value, about: Mapping[str, Any]
) -> _Framed:
    """Frame faces, as :func:`ampnet.faces.framing.frame_faces` does."""
    framing, size = Framing.from_dict(about["framing"]), int(about["image_size"])
    limit = framing.face_resolution
    sharp = None if limit is None else (limit, MAX_SHARPNESS_RATIO * limit)
    targets = np.array(CANONICAL_LANDMARKS if framing.crop == "face" else framing.mean_landmarks)
    points = found.landmarks / scale
    size_xy = graph.stacked(*(photo.side(axis).to(np.float32) for axis in (1, 0)))
    in_frame = points / size_xy * float(IMAGE_SIZE)
    is_whole = _is_shown_whole(graph, in_frame, framing)
    area = photo.side(0).to(np.float32) * photo.side(1).to(np.float32)
    aligned_side = Placement.fitted(graph, points, targets).side.to(np.float32)
    side = graph("Where", is_whole, graph("Sqrt", area), aligned_side)
    is_coarse = (side * scale[0] < float(min(size, limit or size))) & (scale[0] < 1.0)
    on_image = graph("Where", is_coarse[:, None, None], points, found.landmarks)
    place = Placement.fitted(graph, on_image, targets, sharp)

    def frame(face: Value) -> list[Value]:
        image = Pixels(reduced, photo, is_coarse[face])

        def aligned() -> list[Value]:
            return [warped(graph, image, place.of(face), framing.color, size, limit)]

        if framing.crop == "face":
            return aligned()
        return graph.choose(is_whole[face], lambda: [image.computed(as_it_is)], aligned)

    def as_it_is(image: Value) -> Value:
        height, width = image.side(0).to(np.float32), image.side(1).to(np.float32)
        frame = graph.constant(IMAGE_SIZE)
        if sharp is not None:
            inner = graph("Where", graph("Sqrt", height * width) > sharp[1], graph.constant(round(sharp[0])), frame)
            few = graph.choose(inner < frame, lambda: [resized(graph, image, inner, inner)], lambda: [image])[0]
            image = few
        return gathered(graph, resized(graph, image, frame, frame), framing.color, size)

    faces = graph.repeat(points.side(0), frame, [(size, size, 3)])[0]
    landmarks = graph(
        "Where",
        is_whole[:, None, None],
        in_frame,
        place.moved(graph("Where", is_coarse[:, None, None], points, found.landmarks)),
    )
    used = graph("Where", is_coarse[:, None, None], graph.constant(np.ones(2, dtype=np.float32)), scale)
    return _Framed(faces, landmarks * (size / IMAGE_SIZE), size, place, used, is_whole, size_xy)


def _is_shown_whole(graph: Graph, in_frame: Value, framing: Framing) -> Value:
    """Whether photos are crops like the training images: :func:`ampnet.faces.framing.is_shown_whole`."""
    if framing.crop == "face":
        return in_frame[:, 0, 0] < -np.inf
    mean = np.array(framing.mean_landmarks, dtype=np.float32)
    away = in_frame - mean
    distance = graph("Sqrt", (away * away).sum(2)).mean(1)
    least = framing.size * float(np.linalg.norm(mean[3:].mean(axis=0) - mean[:2].mean(axis=0)))
    return (distance <= framing.spread) & (eyes_to_mouth(graph, in_frame)[1] >= least)
