"""The golden answers of `ampnet doctor`: stored faces and what the released models say about them."""

from pathlib import Path

import numpy as np
import pytest
import torch

from ampnet.checkpoints.checkpoint import load_checkpoint
from ampnet.checkpoints.model_files import MODELS, bundled_model
from ampnet.files.writing import sha256_of
from ampnet.inference.classifier import Classifier
from ampnet.inference.golden import golden_answers, golden_faces
from ampnet.inference.precision import compare


def test_there_are_twenty_faces_and_answers_of_each_bundled_model():
    stored = golden_answers()
    assert len(golden_faces(stored.landmarks)) == 20
    assert set(stored.models) == set(MODELS)
    for name, answers in stored.models.items():
        assert np.allclose(np.sum(answers.probabilities, axis=1), 1, atol=1e-5), name
        assert np.shape(answers.probabilities) == (20, len(answers.class_names))


@pytest.mark.parametrize("name", MODELS)
def test_the_answers_were_stored_from_the_weights_that_are_shipped(name):
    """If this fails, a bundled model has changed: run `python tools/golden_answers.py`."""
    assert golden_answers().models[name].sha256 == sha256_of(Path(bundled_model(name)))


def test_a_network_in_float32_gives_them_and_a_damaged_one_does_not():
    stored = golden_answers()
    checkpoint = load_checkpoint(bundled_model())
    classifier = Classifier.from_checkpoint(checkpoint, torch.device("cpu"))
    faces, size = golden_faces(stored.landmarks), checkpoint.architecture.image_size
    golden = np.array(stored.models["ferplus"].probabilities)
    right = compare(golden, classifier.classify(faces, size))
    assert right.largest < 1e-3
    assert right.changed == 0
    classifier.temperature *= 2
    assert compare(golden, classifier.classify(faces, size)).largest > 0.05
