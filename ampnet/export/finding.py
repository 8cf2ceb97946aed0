"""Finding the wanted faces of a photo in an ONNX graph: what :mod:`ampnet.detection.retries` does."""

import math

import numpy as np

from ampnet.detection.derotate import MIN_SCORE, NEAR, STEEP_ROLL
from ampnet.export.looks import Detector, Found, areas, best, eyes_to_mouth
from ampnet.export.notation import Graph, Value
from ampnet.export.turned_faces import found_any_way, is_large, look_at_frames
from ampnet.export.warping import Placement
from ampnet.faces.alignment import CANONICAL_LANDMARKS
from ampnet.settings import DetectorConfig, FacePolicy

POLICIES: tuple[FacePolicy, ...] = ("all", "largest", "centre", "best")


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
    """Find steeply rolled faces again, upright, for better landmarks: :mod:`ampnet.detection.derotate`."""
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
    kept, whose = look_at_frames(graph, image, place, detector, graph.constant(np.array(MIN_SCORE, dtype=np.float32)))
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
