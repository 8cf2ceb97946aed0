"""Prepared images that cannot be read are left out and listed; the rest is loaded as if they were not there."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from ampnet.dataset.index.face_index import FaceIndex
from ampnet.dataset.loading.dataset import FaceBatches, FaceDataset, SampleKey
from ampnet.dataset.loading.loader import batch_loader, loading_failures
from ampnet.dataset.loading.sampling import ResumableBatchSampler, ShardedSequentialSampler
from ampnet.dataset.loading.unreadable import UnreadableImages, describe_unreadable
from ampnet.dataset.open_index import read_index
from ampnet.errors import DataError
from ampnet.settings.recipes import RECIPES
from tests.hostile_images import claiming
from tests.prepared_faces import write_prepared_faces

CPU = torch.device("cpu")
MODERN = RECIPES["modern"].augmentation


@pytest.fixture
def index(tmp_path: Path) -> FaceIndex:
    """Seven readable faces."""
    return read_index(write_prepared_faces(tmp_path, train=1, val=0))


def evaluated(index: FaceIndex) -> FaceDataset:
    return FaceDataset(index, np.arange(len(index)), 32)


def trained(index: FaceIndex) -> FaceDataset:
    return FaceDataset(index, np.arange(len(index)), 32, MODERN, fill_gaps=True)


def every(count: int) -> list[SampleKey]:
    return [SampleKey(0, i, i) for i in range(count)]


def damage_by(way: str, path: Path) -> str:
    """Make an image unreadable, and return a part of the reason."""
    whole = path.read_bytes()
    path.unlink()
    if way == "text":
        path.write_bytes(b"no image")
        return "not an image"
    if way == "empty":
        path.touch()
        return "the file is empty"
    if way == "missing":
        return "No such file"
    if way == "cut":
        path.write_bytes(whole[: len(whole) // 2])
        return "truncated"
    if way == "pipe":
        os.mkfifo(path)
        return "it is a pipe"
    if way == "zeros":
        path.symlink_to("/dev/zero")
        return "it is a device"
    path.write_bytes(claiming(60_000, 60_000))
    return "more than 150,000,000"


@pytest.mark.parametrize("way", ["text", "empty", "missing", "cut", "pipe", "zeros", "bomb"])
def test_evaluation_leaves_an_unreadable_image_out_and_says_why(index: FaceIndex, way: str) -> None:
    whole = FaceBatches(evaluated(index))[every(7)]
    reason = damage_by(way, index.image_path(4))
    batch = FaceBatches(evaluated(index))[every(7)]
    kept = [0, 1, 2, 3, 5, 6]
    assert batch.positions.tolist() == kept
    assert torch.equal(batch.images, whole.images[kept])
    assert torch.equal(batch.landmarks, whole.landmarks[kept])
    assert torch.equal(batch.labels, whole.labels[kept])
    assert [image.name for image in batch.unreadable] == [index.names[4]]
    assert reason in batch.unreadable[0].reason


def test_a_batch_may_be_left_without_a_face(index: FaceIndex) -> None:
    index.image_path(4).write_bytes(b"")
    batch = FaceBatches(evaluated(index))[[SampleKey(0, 4, 4)]]
    assert batch.images.shape == (0, 3, 32, 32)
    assert (len(batch.labels), len(batch.landmarks), len(batch.unreadable)) == (0, 0, 1)


def test_training_takes_the_next_readable_face_with_its_own_label_and_targets(index: FaceIndex) -> None:
    for position in (4, 5):
        index.image_path(position).write_bytes(b"no image")
    targets = np.arange(14, dtype=np.float32).reshape(7, 2)
    faces = FaceDataset(index, np.arange(7), 32, MODERN, targets=targets, fill_gaps=True)
    batch = FaceBatches(faces)[[SampleKey(0, 0, 3), SampleKey(0, 1, 4), SampleKey(0, 2, 5)]]
    assert batch.positions.tolist() == [3, 6, 6]
    assert batch.labels.tolist() == index.labels[[3, 6, 6]].tolist()
    assert batch.targets.tolist() == targets[[3, 6, 6]].tolist()
    assert {image.name for image in batch.unreadable} == {index.names[4], index.names[5]}


def test_training_begins_again_at_the_first_face_after_the_last(index: FaceIndex) -> None:
    index.image_path(6).write_bytes(b"no image")
    assert FaceBatches(trained(index))[[SampleKey(0, 0, 6)]].positions.tolist() == [0]


def test_the_faces_of_other_batches_do_not_change(index: FaceIndex) -> None:
    before = FaceBatches(trained(index))[every(4)]
    index.image_path(5).write_bytes(b"no image")
    assert torch.equal(FaceBatches(trained(index))[every(4)].images, before.images)


@pytest.mark.parametrize("workers", [0, 1])
def test_every_unreadable_image_is_collected_from_the_loader(index: FaceIndex, workers: int) -> None:
    for position in (1, 4):
        index.image_path(position).write_bytes(b"no image")
    unreadable = UnreadableImages()
    loader = batch_loader(evaluated(index), ShardedSequentialSampler(7, 3), workers, CPU)
    assert sum(len(batch.labels) for batch in unreadable.watch(loader)) == 5
    assert unreadable.reasons == dict.fromkeys((index.names[1], index.names[4]), "not an image, or a damaged one")


@pytest.mark.parametrize("workers", [0, 1])
def test_training_without_a_readable_image_ends_with_one_line(index: FaceIndex, workers: int) -> None:
    for position in range(7):
        index.image_path(position).write_bytes(b"no image")
    order = ResumableBatchSampler(index.labels, 4, seed=1)
    with pytest.raises(DataError) as caught, loading_failures():
        list(batch_loader(trained(index), order, workers, CPU))
    assert str(caught.value).startswith("cannot read 7 images, first ")
    assert str(caught.value).endswith(
        ".jpg: not an image, or a damaged one; no image is left to train on; run prepare again"
    )
    assert "\n" not in str(caught.value)


def test_images_are_described_by_the_first_and_their_number() -> None:
    assert describe_unreadable({"a.jpg": "it is a pipe"}) == "cannot read a.jpg: it is a pipe"
    assert (
        describe_unreadable({"a.jpg": "it is a pipe", "b\x1b.jpg": "cut"})
        == "cannot read 2 images, first a.jpg: it is a pipe"
    )
    assert describe_unreadable({"b\x1b.jpg": "cut"}) == r"cannot read b\x1b.jpg: cut"
