"""The embedded detector gives the numbers of the published network."""

from pathlib import Path

import numpy as np
import pytest
import torch

from ampnet.detection.detector import FaceDetector
from ampnet.detection.networks import anchor_boxes, decode_boxes, decode_landmarks, load_network
from ampnet.detection.overlaps import without_overlaps
from ampnet.faces.geometry import intersection_over_union
from ampnet.settings import DetectorConfig

DATA = Path(__file__).parents[1] / "reference"


@pytest.fixture(scope="module")
def raw():
    with np.load(DATA / "retinaface_mobilenet_raw.npz") as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def raw_outputs(raw):
    network = load_network(DetectorConfig())
    pixels = torch.from_numpy(raw["image"]).permute(2, 0, 1)[None].float() - torch.tensor(network.mean).view(1, 3, 1, 1)
    with torch.inference_mode():
        return [output[0] for output in network.module(pixels)]


def test_raw_outputs_are_the_reference_networks(raw, raw_outputs):
    boxes, logits, landmarks = raw_outputs
    np.testing.assert_allclose(boxes, raw["loc"], atol=1e-3)
    np.testing.assert_allclose(logits.softmax(-1), raw["conf"], atol=1e-3)
    np.testing.assert_allclose(landmarks, raw["landms"], atol=1e-3)


def test_the_best_anchor_decodes_to_the_reference_box_and_landmarks(raw, raw_outputs):
    boxes, logits, landmarks = raw_outputs
    best = int(logits.softmax(-1)[:, 1].argmax())
    anchor = anchor_boxes(*raw["image"].shape[:2], torch.device("cpu"))[best]
    np.testing.assert_allclose(decode_boxes(boxes[best], anchor), raw["boxes"][0], atol=0.1)
    np.testing.assert_allclose(decode_landmarks(landmarks[best], anchor), raw["landmarks"][0], atol=0.1)


def test_detect_averages_the_reference_candidates_in_an_image_that_needs_padding(raw):
    (faces,) = FaceDetector().detect([raw["image"]])
    assert len(faces) == len(raw["scores"]) == 1
    assert faces[0].score == pytest.approx(raw["scores"][0], abs=1e-3)
    anchors = anchor_boxes(*raw["image"].shape[:2], torch.device("cpu"))
    boxes = decode_boxes(torch.from_numpy(raw["loc"]), anchors).numpy()
    landmarks = decode_landmarks(torch.from_numpy(raw["landms"]), anchors).numpy()
    scores = raw["conf"][:, 1]
    alike = [scores[i] > 0.7 and intersection_over_union(boxes[i], raw["boxes"][0]) > 0.5 for i in range(len(boxes))]
    assert sum(alike) > 1
    weights = np.where(alike, scores, 0.0) ** 2
    np.testing.assert_allclose(faces[0].box, np.average(boxes, axis=0, weights=weights), atol=0.1)
    np.testing.assert_allclose(faces[0].landmarks, np.average(landmarks, axis=0, weights=weights), atol=0.1)


def test_the_boxes_kept_before_averaging_are_the_published_programs(raw, raw_outputs):
    offsets, logits, points = raw_outputs
    scores = logits.softmax(-1)[:, 1]
    above = torch.nonzero(scores > 0.7)[:, 0]
    anchors = anchor_boxes(*raw["image"].shape[:2], torch.device("cpu"))[above]
    boxes = decode_boxes(offsets[above], anchors).numpy()
    landmarks = decode_landmarks(points[above], anchors).numpy()
    kept = without_overlaps(boxes, scores[above].numpy(), np.zeros(len(above), dtype=np.int64), 0.4)
    np.testing.assert_allclose(boxes[kept], raw["boxes"], atol=0.1)
    np.testing.assert_allclose(landmarks[kept], raw["landmarks"], atol=0.1)
