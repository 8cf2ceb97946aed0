"""Every use of a classifier runs on a GPU and brings its answers back."""

import numpy as np
import pytest
import torch

from ampnet.checkpoints.checkpoint import Checkpoint
from ampnet.dataset.loading.dataset import FaceDataset
from ampnet.dataset.open_index import read_index
from ampnet.export.graphs import ClassifierGraph
from ampnet.faces.alignment import AlignedFace
from ampnet.faces.framing import Framing
from ampnet.inference.classifier import Classifier, network_input
from ampnet.inference.contributions import answer_by_votes, explain, votes_of
from ampnet.models.ampnet import AMPNet
from ampnet.settings.choices import Module
from ampnet.settings.labels import EXPRESSIONS
from tests.fake_gpu import fake_gpu
from tests.prepared_faces import write_prepared_faces

FACES = [AlignedFace(np.zeros((224, 224, 3), np.uint8), np.full((5, 2), 100.0), np.eye(2, 3))] * 3
MODULES: tuple[Module, ...] = ("ap", "gp")


@pytest.fixture
def checkpoint():
    """Return a checkpoint with a prior; without LP, which the test of the networks has."""
    model = AMPNet(width=0.05, image_size=48, modules=MODULES).eval()
    shares = (0.3, *[0.7 / 6] * 6)
    return Checkpoint(model, EXPRESSIONS, Framing(), class_shares=shares, prior_strength=0.5)


@pytest.mark.filterwarnings("ignore:'pin_memory' argument is set as true")
def test_faces_are_classified_explained_and_evaluated_on_the_gpu(checkpoint, tmp_path):
    index = read_index(write_prepared_faces(tmp_path / "faces", train=1, val=0))
    votes = votes_of(MODULES)
    with fake_gpu() as gpu:
        classifier = Classifier.from_checkpoint(checkpoint, gpu, mirror=True, dtype=torch.bfloat16)
        assert classifier.classify(FACES, 48).shape == (3, 7)
        assert answer_by_votes(classifier, network_input(FACES, 48), votes).shape == (len(votes), 3)
        assert explain(classifier, network_input(FACES, 48).to(gpu)).regions.shape == (3, 5, 7)
        assert classifier.collect_faces(FaceDataset(index, np.arange(7), 48), 4, 0).local.shape == (7, 7)


def test_an_exported_graph_runs_where_its_tensors_are(checkpoint):
    with fake_gpu() as gpu:
        graph = ClassifierGraph(checkpoint).to(gpu)
        images = torch.zeros(2, 48, 48, 3, dtype=torch.uint8, device=gpu)
        for output in graph(images, torch.rand(2, 5, 2, device=gpu)):
            assert output.device == gpu


def test_a_batch_left_on_the_cpu_and_logits_left_on_the_gpu_are_errors(checkpoint):
    with fake_gpu() as gpu:
        classifier = Classifier.from_checkpoint(checkpoint, gpu)
        with pytest.raises(RuntimeError, match="device"):
            classifier.head_logits(network_input(FACES, 48).to(torch.device("cpu")))
        logits, _ = classifier.head_logits(network_input(FACES, 48).to(gpu))
        with pytest.raises(TypeError, match="bring it back"):
            logits.numpy()
