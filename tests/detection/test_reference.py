"""The embedded detector gives the numbers of the published network."""

import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from ampnet.config import DetectorConfig
from ampnet.detection import FaceDetector
from ampnet.detection.anchors import anchor_boxes, decode_boxes, decode_landmarks
from ampnet.detection.networks import load_network

DATA = Path(__file__).parents[1] / "reference"
FER_2013 = Path(__file__).parents[3] / "shared" / "data" / "fer2013.tar"


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


def test_raw_outputs_are_the_published_networks(raw, raw_outputs):
    boxes, logits, landmarks = raw_outputs
    np.testing.assert_allclose(boxes, raw["loc"], atol=1e-3)
    np.testing.assert_allclose(logits.softmax(-1), raw["conf"], atol=1e-3)
    np.testing.assert_allclose(landmarks, raw["landms"], atol=1e-3)


def test_the_best_anchor_decodes_to_the_published_box_and_landmarks(raw, raw_outputs):
    boxes, logits, landmarks = raw_outputs
    best = int(logits.softmax(-1)[:, 1].argmax())
    anchor = anchor_boxes(*raw["image"].shape[:2], torch.device("cpu"))[best]
    np.testing.assert_allclose(decode_boxes(boxes[best], anchor), raw["boxes"][0], atol=0.1)
    np.testing.assert_allclose(decode_landmarks(landmarks[best], anchor), raw["landmarks"][0], atol=0.1)


def test_detect_finds_the_published_face_in_an_image_that_needs_padding(raw):
    (faces,) = FaceDetector().detect([raw["image"]])
    assert len(faces) == len(raw["scores"]) == 1
    assert faces[0].score == pytest.approx(raw["scores"][0], abs=1e-3)
    np.testing.assert_allclose(faces[0].box, raw["boxes"][0], atol=0.1)
    np.testing.assert_allclose(faces[0].landmarks, raw["landmarks"][0], atol=0.1)


@pytest.mark.skipif(not FER_2013.exists(), reason="needs FER-2013")
def test_two_hundred_fer2013_faces_are_found_where_the_published_network_finds_them(tmp_path):
    with np.load(DATA / "retinaface_mobilenet_fer2013.npz") as reference:
        names, counts, boxes, landmarks = (reference[key] for key in ("names", "faces", "box", "landmarks"))
    with tarfile.open(FER_2013) as archive:
        archive.extractall(tmp_path, [archive.getmember(name) for name in names], filter="data")
    grey = [cv2.imread(str(tmp_path / name), cv2.IMREAD_GRAYSCALE) for name in names]
    enlarged = [cv2.resize(image, (224, 224), interpolation=cv2.INTER_CUBIC) for image in grey]
    found = FaceDetector().detect([np.repeat(image[:, :, None], 3, axis=2) for image in enlarged])

    assert [len(faces) for faces in found] == counts.tolist()
    shown = [index for index, count in enumerate(counts) if count]
    box_errors = [np.abs(found[index][0].box - boxes[index]).max() for index in shown]
    landmark_errors = [np.abs(found[index][0].landmarks - landmarks[index]).max() for index in shown]
    assert np.mean(np.array(landmark_errors) <= 0.5) >= 0.99
    assert np.mean(np.array(box_errors) <= 0.5) >= 0.99
