"""Batches of corrupted faces."""

import cv2
import numpy as np
import pytest
import torch

from ampnet.dataset.loading.dataset import FaceBatches, FaceDataset, SampleKey
from ampnet.dataset.loading.loader import make_loader
from ampnet.dataset.open_index import read_index
from ampnet.faces.alignment import CANONICAL_LANDMARKS
from ampnet.faces.framing import Framing
from ampnet.robustness.corrupted_faces import CLEAN, ChunkKey, Condition, CorruptedBatches, read_prepared
from ampnet.robustness.suite import CORRUPTIONS, corrupt
from tests.pictures import read_bgr
from tests.prepared_faces import write_prepared_faces

NAMES = [name for names in CORRUPTIONS.values() for name in names]


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    return read_index(write_prepared_faces(tmp_path_factory.mktemp("data"), train=0, val=0, test=1))


def faces(index, **options):
    return FaceDataset(index, np.arange(len(index)), **{"image_size": 64, **options})


@pytest.mark.parametrize("options", [{}, {"color": "grey"}, {"reframe": Framing(face_resolution=48)}])
def test_clean_batches_are_those_of_eval(index, options):
    dataset = faces(index, **options)
    (batch,) = CorruptedBatches([dataset], seed=0)[ChunkKey(CLEAN, (2, 5))]
    expected = FaceBatches(dataset)[[SampleKey(0, 2, 2), SampleKey(0, 5, 5)]]
    assert torch.equal(batch.images, expected.images)
    assert torch.equal(batch.landmarks, expected.landmarks)
    assert torch.equal(batch.labels, expected.labels)


@pytest.mark.parametrize("options", [{}, {"color": "grey"}, {"reframe": Framing(face_resolution=48)}])
def test_a_corrupted_batch_has_the_landmarks_labels_and_format_of_the_clean_one(index, options):
    batches = CorruptedBatches([faces(index, **options)], seed=0)
    (clean,) = batches[ChunkKey(CLEAN, (0, 3))]
    for name in NAMES:
        (batch,) = batches[ChunkKey(Condition(name, 3), (0, 3))]
        assert batch.images.shape == clean.images.shape
        assert batch.images.dtype == torch.uint8
        assert not torch.equal(batch.images, clean.images)
        assert torch.equal(batch.landmarks, clean.landmarks)
        assert torch.equal(batch.labels, clean.labels)


def test_the_prepared_frame_is_corrupted_and_then_shrunk(index):
    dataset = faces(index, image_size=224)
    (batch,) = CorruptedBatches([dataset], seed=4)[ChunkKey(Condition("hand", 5), (1,))]
    expected = corrupt(read_prepared(dataset, 1), index.landmarks[1], "hand", 5, 4, index.names[1])
    assert np.array_equal(batch.images[0].permute(1, 2, 0).numpy(), expected[..., ::-1])  # RGB


def test_a_face_is_corrupted_alike_alone_in_any_batch_in_any_order_and_in_any_process(index):
    dataset = faces(index)
    conditions = [Condition(name, 4) for name in NAMES]
    keys = [ChunkKey(condition, tuple(range(len(index)))) for condition in conditions]
    whole = [views[0].images for views in make_loader(CorruptedBatches([dataset], 0), keys, 2, torch.device("cpu"))]
    batches = CorruptedBatches([dataset], 0)
    for images, condition in reversed(list(zip(whole, conditions, strict=True))):
        (alone,) = batches[ChunkKey(condition, (6,))]
        assert torch.equal(alone.images[0], images[6]), condition


def test_two_networks_see_the_same_corrupted_face_each_in_its_own_form(index):
    views = CorruptedBatches([faces(index), faces(index, image_size=96, color="grey")], 0)[
        ChunkKey(Condition("block", 5), (0, 1))
    ]
    assert [tuple(view.images.shape) for view in views] == [(2, 3, 64, 64), (2, 1, 96, 96)]
    small = cv2.resize(views[1].images[0, 0].numpy(), (64, 64), interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(views[0].images[0].permute(1, 2, 0).numpy(), cv2.COLOR_RGB2GRAY)
    assert np.abs(small.astype(int) - grey).mean() < 4


def test_a_grey_picture_is_read_with_one_channel(tmp_path, index):
    root = write_prepared_faces(tmp_path / "grey", train=0, val=0, test=1, image_size=100)
    grey = read_index(root)
    path = grey.image_path(0)
    cv2.imwrite(str(path), read_bgr(path)[..., 1])
    assert read_prepared(faces(grey), 0).shape == (224, 224)
    assert read_prepared(faces(grey), 1).shape == (224, 224, 3)
    assert CANONICAL_LANDMARKS.shape == grey.landmarks[0].shape
