"""From a batch to probabilities: order, mirror, fusion, prior, temperature."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from ampnet.checkpoints.checkpoint import load_checkpoint
from ampnet.dataset.loading.dataset import Batch, FaceDataset
from ampnet.dataset.loading.loader import batch_loader
from ampnet.dataset.loading.sampling import ShardedSequentialSampler
from ampnet.dataset.open_index import read_index
from ampnet.errors import CheckpointError
from ampnet.faces.geometry import mirror_landmarks
from ampnet.inference.classifier import Classifier, mirror_faces
from tests.prepared_faces import write_prepared_faces
from tests.small_checkpoint import ALL, small_checkpoint

CPU = torch.device("cpu")


class BrightHalves(nn.Module):
    """Local logits: brightness of the left and the right half; global: x of the left eye, and zero."""

    def forward(self, images, landmarks):
        half = images.shape[-1] // 2
        local = torch.stack([images[..., :half].mean((1, 2, 3)), images[..., half:].mean((1, 2, 3))], dim=1)
        return local, torch.stack([landmarks[:, 0, 0], torch.zeros(len(images))], dim=1)


def two_batches():
    images = torch.zeros(3, 3, 8, 8, dtype=torch.uint8)
    images[0, ..., :4] = 255
    images[1:, ..., 4:] = 255
    landmarks = torch.tensor([[2.0, 3], [5, 3], [4, 5], [2, 7], [5, 7]]).expand(3, 5, 2)
    labels = torch.tensor([0, 1, 0])
    parts = (slice(2), slice(2, 3))
    return [Batch(images[part], landmarks[part], labels[part], None, torch.arange(3)[part]) for part in parts]


def test_logits_come_in_the_order_of_the_images():
    logits = Classifier(BrightHalves(), CPU).collect(two_batches())
    assert logits.labels.tolist() == [0, 1, 0]
    assert logits.local.tolist() == [[1, 0], [0, 1], [0, 1]]
    assert logits.global_[:, 0].tolist() == [2, 2, 2]


def test_mirror_averages_the_logits_of_the_face_and_its_mirror_image():
    logits = Classifier(BrightHalves(), CPU, mirror=True).collect(two_batches())
    assert logits.local.tolist() == [[0.5, 0.5]] * 3
    assert logits.global_[:, 0].tolist() == [2.5] * 3  # the right eye at 5 of 8 becomes the left one, at 3


def test_mirroring_agrees_with_the_geometry_and_twice_gives_the_face_back():
    images, landmarks, *_ = two_batches()[0]
    flipped, moved = mirror_faces(images, landmarks)
    assert np.allclose(moved.numpy(), mirror_landmarks(landmarks.numpy(), 8))
    again, back = mirror_faces(flipped, moved)
    assert torch.equal(again, images)
    assert torch.equal(back, landmarks)


def test_heads_are_fused_by_the_branch_weight():
    classifier = Classifier(BrightHalves(), CPU, branch_weight=0.25)
    assert classifier.decide(torch.tensor([[4.0, 0.0]]), torch.tensor([[0.0, 8.0]])).tolist() == [[1.0, 6.0]]


def test_a_network_that_says_nan_is_refused():
    classifier = Classifier(BrightHalves(), CPU)
    even = torch.zeros(1, 2)
    for broken in (math.nan, math.inf):
        with pytest.raises(CheckpointError, match="returned NaN"):
            classifier.probabilities(even, torch.tensor([[0.0, broken]]))


def test_the_prior_shifts_the_logits_before_the_temperature_divides_them():
    offsets = torch.tensor([0.0, math.log(9.0)])
    classifier = Classifier(BrightHalves(), CPU, offsets=offsets, temperature=2.0)
    even = torch.zeros(1, 2)
    assert np.allclose(classifier.probabilities(even, even), [[0.25, 0.75]])  # odds of 9, softened to 3


@pytest.fixture
def three_cores():
    usual = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(usual)


def test_a_dataset_is_classified_side_by_side_as_one_batch_after_the_other(tmp_path, three_cores):
    write_prepared_faces(tmp_path, train=1, val=4)
    index = read_index(tmp_path)
    index.image_path(9).write_text("milk, eggs")
    faces = FaceDataset(index, np.arange(len(index)), 64)
    checkpoint = load_checkpoint(small_checkpoint(tmp_path / "run", modules=ALL) / "best.pt")
    classifier = Classifier.from_checkpoint(checkpoint, CPU)
    finished: list[int] = []

    def advance(count: int = 1, note: str = "", more: int = 0) -> None:
        finished.append(count)

    beside = classifier.collect_faces(faces, 4, 0, advance)
    alone = classifier.collect(batch_loader(faces, ShardedSequentialSampler(len(faces), 4), 0, CPU))
    assert sum(finished) == len(index)
    assert beside.positions.tolist() == [position for position in range(len(index)) if position != 9]
    assert list(beside.unreadable) == [index.names[9]]
    assert np.array_equal(beside.labels, alone.labels)
    torch.testing.assert_close(beside.local, alone.local, atol=1e-5, rtol=0)
    torch.testing.assert_close(beside.global_, alone.global_, atol=1e-5, rtol=0)
    assert torch.get_num_threads() == 3
