"""The detector works on a GPU from pixels to faces in memory."""

import numpy as np
import pytest
import torch

from ampnet.detection.detector import FaceDetector
from ampnet.detection.networks import anchor_boxes
from tests.fake_gpu import fake_gpu

PHOTOS = [np.zeros((100, 120, 3), np.uint8), np.zeros((90, 120, 3), np.uint8)]


@pytest.fixture(autouse=True)
def _fake_anchors_are_forgotten():
    anchor_boxes.cache_clear()
    yield
    anchor_boxes.cache_clear()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_faces_are_found_on_the_gpu(dtype):
    with fake_gpu() as gpu:
        found = FaceDetector(device=gpu, dtype=dtype).detect(PHOTOS)
    assert len(found) == 2
    assert found[0][0].landmarks.shape == (5, 2)


def test_a_constant_left_on_the_cpu_is_an_error():
    with fake_gpu() as gpu:
        detector = FaceDetector(device=gpu)
        detector._mean = detector._mean.cpu()
        with pytest.raises(RuntimeError, match="device"):
            detector.detect(PHOTOS)
