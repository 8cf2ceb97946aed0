"""Samples depend on seed, epoch and place only, and every face is seen as often as promised."""

from collections import Counter
from dataclasses import replace
from itertools import chain

import cv2
import numpy as np
import pytest
import torch

from ampnet.dataset.loading.dataset import FaceBatches, FaceDataset, SampleKey
from ampnet.dataset.loading.loader import batch_loader
from ampnet.dataset.loading.sampling import ResumableBatchSampler, ShardedSequentialSampler
from ampnet.dataset.open_index import read_index
from ampnet.errors import DataError
from ampnet.faces.framing import Framing
from ampnet.media.prepared import with_origin
from ampnet.runtime.cores import usable_cores
from ampnet.settings.recipes import RECIPES
from tests.pictures import read_rgb
from tests.prepared_faces import one_face, write_prepared_faces

CPU = torch.device("cpu")
MODERN = RECIPES["modern"].augmentation


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    return read_index(write_prepared_faces(tmp_path_factory.mktemp("faces"), train=2, val=1))


def dataset(index, **settings):
    return FaceDataset(index, np.arange(len(index)), 64, **settings)


def keys(epoch, count):
    return [SampleKey(epoch, i, i) for i in range(count)]


def test_a_face_without_augmentation_is_its_file_and_its_landmarks_scaled(index):
    image, landmarks, label = one_face(dataset(index), 3)
    stored = read_rgb(index.image_path(3))
    expected = cv2.resize(stored, (64, 64), interpolation=cv2.INTER_AREA)
    assert np.array_equal(np.rint(image.numpy() * 255).astype(np.uint8), expected.transpose(2, 0, 1))
    assert np.allclose(landmarks, index.landmarks[3] * 64 / 224)
    assert label == index.labels[3]


def test_batches_hold_what_single_faces_hold_in_channels_last_order(index):
    faces = dataset(index)
    batch = FaceBatches(faces)[keys(0, 5)]
    assert batch.images.dtype == torch.uint8
    assert batch.images.is_contiguous(memory_format=torch.channels_last)
    moved = batch.to(CPU)
    assert moved.positions.tolist() == [0, 1, 2, 3, 4]
    for i in range(5):
        image, points, label = one_face(faces, i)
        assert torch.equal(moved.images[i], image)
        assert torch.equal(moved.landmarks[i], points)
        assert moved.labels[i] == label


def test_grey_batches_carry_one_channel_and_give_three_equal_ones(index):
    batch = FaceBatches(dataset(index, color="grey"))[keys(0, 2)]
    assert batch.images.shape == (2, 1, 64, 64)
    images = batch.to(CPU).images
    assert images.shape == (2, 3, 64, 64)
    assert torch.equal(images[:, 0], images[:, 2])


@pytest.mark.parametrize("color", ["rgb", "grey"])
def test_reframed_faces_lie_where_the_network_expects_them(index, color):
    elsewhere = ((80, 100), (144, 100), (112, 138), (86, 172), (138, 172))
    framing = Framing(mean_landmarks=elsewhere, crop="none", spread=0.0)
    as_stored, reframed = (FaceBatches(dataset(index, color=color, reframe=f))[keys(0, 4)] for f in (None, framing))
    expected = torch.tensor(framing.mean_landmarks) * 64 / 224
    assert (as_stored.landmarks.mean(0) - expected).norm(dim=1).mean() > 2
    assert (reframed.landmarks - expected).norm(dim=2).mean() < 1.5  # the faces differ in their proportions
    assert reframed.images.shape == as_stored.images.shape
    assert not torch.equal(reframed.images, as_stored.images)


def test_a_face_to_reframe_whose_source_is_damaged_is_left_out_and_named(tmp_path):
    index = read_index(write_prepared_faces(tmp_path, train=2, val=1))
    path = index.image_path(1)
    path.write_bytes(with_origin(path.read_bytes(), 100.0, b"no image"))  # its own pixels are whole
    batch = FaceBatches(dataset(index, reframe=Framing(crop="none")))[keys(0, 3)]
    assert batch.positions.tolist() == [0, 2]
    assert [image.name for image in batch.unreadable] == [index.names[1]]


def test_a_face_whose_landmarks_coincide_stays_as_it_is(index):
    landmarks = index.landmarks.copy()
    landmarks[3] = 100.0
    faces = dataset(replace(index, landmarks=landmarks), reframe=Framing())
    assert torch.equal(one_face(faces, 3)[0], one_face(dataset(index), 3)[0])


def test_samples_are_the_same_for_any_number_of_workers(index):
    faces = dataset(index, augment=MODERN, seed=3)
    order = ResumableBatchSampler(index.labels, batch_size=6, seed=3)
    order.start_at(2, 0)
    alone, shared = (list(batch_loader(faces, order, workers, CPU)) for workers in (0, 2))
    assert len(alone) == len(shared) == 4  # 21 faces: three batches of six, one of three
    for one, other in zip(alone, shared, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one[:3], other[:3], strict=True))


def test_another_epoch_another_draw_or_another_seed_shows_the_face_differently(index):
    def shown(key, seed=3):
        return FaceBatches(dataset(index, augment=MODERN, seed=seed))[[key]].images

    first = shown(SampleKey(0, 5, 5))
    assert torch.equal(first, shown(SampleKey(0, 5, 5)))
    for other in (shown(SampleKey(1, 5, 5)), shown(SampleKey(0, 6, 5)), shown(SampleKey(0, 5, 5), seed=4)):
        assert not torch.equal(first, other)


def test_an_augmented_face_is_the_same_in_any_batch(index):
    faces = FaceBatches(dataset(index, augment=MODERN, seed=3))
    whole = faces[[SampleKey(0, draw, position) for draw, position in ((7, 1), (9, 4), (8, 2))]]
    alone = faces[[SampleKey(0, 9, 4)]]
    assert torch.equal(whole.images[1], alone.images[0])
    assert torch.equal(whole.landmarks[1], alone.landmarks[0])
    assert whole.labels[1] == alone.labels[0]


def test_more_loading_processes_than_cores_are_nothing_to_warn_of(tmp_path):
    index = read_index(write_prepared_faces(tmp_path, train=1, val=0))
    loader = batch_loader(dataset(index), ShardedSequentialSampler(len(index), 4), usable_cores() + 1, CPU)
    assert sum(len(batch.labels) for batch in loader) == 7  # warnings are errors here


@pytest.mark.parametrize("count", [1, 7, 23])
def test_evaluation_sees_every_face_exactly_once_over_all_processes(count):
    seen = [key.position for rank in range(3) for batch in ShardedSequentialSampler(count, 4, rank, 3) for key in batch]
    assert sorted(seen) == list(range(count))
    assert all(
        len(list(order)) == len(order) for order in (ShardedSequentialSampler(count, 4, rank, 3) for rank in range(3))
    )


def test_an_epoch_sees_every_face_once_in_another_order_each_time():
    order = ResumableBatchSampler(np.zeros(23, dtype=np.int64), batch_size=5, seed=1)
    epochs = []
    for epoch in range(2):
        order.start_at(epoch, 0)
        epochs.append([key.position for batch in order for key in batch])
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(23))
    assert epochs[0] != epochs[1]


def test_processes_and_parts_divide_each_step_without_overlap():
    labels = np.zeros(40, dtype=np.int64)
    whole = [{key.position for key in batch} for batch in ResumableBatchSampler(labels, 12, seed=1)]
    ranks = [list(ResumableBatchSampler(labels, 12, seed=1, rank=rank, world_size=2, parts=3)) for rank in range(2)]
    assert [len(faces) for faces in whole] == [12, 12, 12, 4]
    assert [len(rank) for rank in ranks] == [9, 9]  # the last 4 faces could not give two to each of 6 parts
    for step, faces in enumerate(whole[:3]):
        parts = [part for rank in ranks for part in rank[3 * step : 3 * step + 3]]
        drawn = [key.position for part in parts for key in part]
        assert len(drawn) == len(set(drawn))
        assert set(drawn) == faces
    assert [len(part) for part in ranks[0][:3]] == [2, 2, 2]


def test_the_last_smaller_batch_counts_when_every_part_gets_two_faces():
    labels = np.zeros(16, dtype=np.int64)
    assert ResumableBatchSampler(labels, 12, seed=1).steps == 2
    assert ResumableBatchSampler(labels, 12, seed=1, world_size=2).steps == 2
    assert ResumableBatchSampler(labels, 12, seed=1, world_size=2, parts=2).steps == 1


def test_a_set_too_small_for_one_step_is_refused():
    with pytest.raises(DataError, match="3 training faces are too few; at least 4 are needed"):
        ResumableBatchSampler(np.zeros(3, dtype=np.int64), 12, seed=1, world_size=2)


def test_starting_late_gives_the_rest_of_the_same_epoch():
    order = ResumableBatchSampler(np.zeros(23, dtype=np.int64), batch_size=5, seed=1)
    order.start_at(4, 0)
    whole = list(order)
    order.start_at(4, 3)
    assert list(order) == whole[3:]
    assert len(order) == 2


def test_balanced_sampling_draws_rare_classes_as_often_as_others():
    labels = np.array([0] * 900 + [1] * 100)
    order = ResumableBatchSampler(labels, batch_size=100, seed=1, balance="sampling")
    drawn = Counter(labels[key.position] for key in chain.from_iterable(order))
    assert drawn.total() == 1000
    assert 440 < drawn[1] < 560
