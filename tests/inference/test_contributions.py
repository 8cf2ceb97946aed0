"""The regions' terms add up to the logits that users get."""

import numpy as np
import pytest
import torch

from ampnet.checkpoints.checkpoint import load_checkpoint
from ampnet.checkpoints.model_files import named_model
from ampnet.dataset.loading.dataset import FaceDataset
from ampnet.dataset.loading.loader import batch_loader
from ampnet.dataset.loading.sampling import ShardedSequentialSampler
from ampnet.dataset.open_index import read_index
from ampnet.errors import ConfigError
from ampnet.inference.classifier import Classifier
from ampnet.inference.contributions import explain, region_corners
from ampnet.models.ampnet import AMPNet
from ampnet.models.regions import QUADRANTS, SALIENT
from tests.prepared_faces import write_prepared_faces

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def batch(tmp_path_factory):
    index = read_index(write_prepared_faces(tmp_path_factory.mktemp("faces"), train=1, val=1))
    faces = FaceDataset(index, np.arange(len(index)), 112)
    return next(iter(batch_loader(faces, ShardedSequentialSampler(len(faces), 16), 0, CPU))).to(CPU)


@pytest.mark.parametrize("mirror", [False, True])
def test_the_terms_of_real_faces_add_up_to_the_answer_of_the_bundled_model(batch, mirror):
    classifier = Classifier.from_checkpoint(load_checkpoint(named_model(None)), CPU, mirror)
    found = explain(classifier, batch)
    with torch.inference_mode():
        local, global_ = classifier.head_logits(batch)
    assert found.names == (*QUADRANTS, *SALIENT)
    assert found.regions.shape == (len(batch.labels), 9, 7)
    np.testing.assert_allclose(found.regions.sum(axis=1) + found.bias, local, atol=1e-4)
    np.testing.assert_allclose(found.local, local, atol=1e-4)
    np.testing.assert_allclose(found.global_, global_, atol=1e-4)
    assert np.ptp(found.regions, axis=1).min() > 1e-3  # no region is a copy of another


@pytest.mark.parametrize(("modules", "names"), [(("lp",), QUADRANTS), (("ap", "gp"), SALIENT)])
def test_a_network_without_some_modules_has_the_regions_of_the_others(batch, modules, names):
    torch.manual_seed(0)
    classifier = Classifier(AMPNet(7, 0.125, 112, modules=modules).eval(), CPU)
    found = explain(classifier, batch)
    with torch.inference_mode():
        local, _ = classifier.head_logits(batch)
    assert found.names == names
    np.testing.assert_allclose(found.regions.sum(axis=1) + found.bias, local, atol=1e-4)


def test_the_terms_add_up_for_a_network_that_standardises_and_places_between_cells(batch):
    torch.manual_seed(0)
    classifier = Classifier(AMPNet(7, 0.125, 112, placement="continuous", standardise=True).eval(), CPU)
    found = explain(classifier, batch)
    with torch.inference_mode():
        local, global_ = classifier.head_logits(batch)
    np.testing.assert_allclose(found.regions.sum(axis=1) + found.bias, local, atol=1e-4)
    np.testing.assert_allclose(found.global_, global_, atol=1e-4)
    assert (found.boxes % 16 > 0).any()  # a cell of this network is 16 px of the frame


def test_a_network_that_sees_the_whole_face_only_has_nothing_to_explain(batch):
    with pytest.raises(ConfigError, match="no local branches"):
        explain(Classifier(AMPNet(7, 0.125, 112, modules=("gp",)).eval(), CPU), batch)


def test_a_change_inside_one_region_changes_the_other_regions_terms_less(batch):
    """Blacken the right mouth corner of each face: its own term moves most among the salient regions."""
    classifier = Classifier.from_checkpoint(load_checkpoint(named_model(None)), CPU)
    before = explain(classifier, batch)
    covered = batch.images.clone()
    for image, landmarks in zip(covered, batch.landmarks, strict=True):
        x, y = (int(value) for value in landmarks[4])
        image[:, max(y - 6, 0) : y + 6, max(x - 6, 0) : x + 6] = 0
    after = explain(classifier, type(batch)(covered, batch.landmarks, batch.labels))
    moved = np.abs(after.regions - before.regions).mean(axis=(0, 2))[4:]
    assert moved.argmax() == SALIENT.index("right mouth corner")


def test_boxes_lie_in_the_frame_around_their_landmarks(batch):
    found = explain(Classifier.from_checkpoint(load_checkpoint(named_model(None)), CPU), batch)
    assert found.boxes.min() >= 0
    assert found.boxes.max() <= 224
    eye = batch.landmarks[:, 0].numpy() * 2
    box = found.boxes[:, 4]
    assert ((box[:, :2] <= eye) & (eye <= box[:, 2:])).all()
    corners = region_corners(found.boxes[0])
    assert corners.shape == (9, 4, 2)
    assert corners[4, 0].tolist() == found.boxes[0, 4, :2].tolist()
